from unit.index.engines import engine, server, small_blocks  # noqa: F401
