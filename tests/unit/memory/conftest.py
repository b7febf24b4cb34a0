from unit.index.engines import engine, small_blocks  # noqa: F401
