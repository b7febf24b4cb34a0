"""The grammar of work states."""
