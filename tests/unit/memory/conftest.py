from residents import place  # noqa: F401
from unit.index.engines import engine, index_is_a_file, server, small_blocks  # noqa: F401
