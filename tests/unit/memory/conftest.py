from residents import place  # noqa: F401
from unit.index.engines import engine, server, small_blocks  # noqa: F401
