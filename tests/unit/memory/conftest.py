from residents import place  # noqa: F401
from unit.index.engines import engine, small_blocks  # noqa: F401
