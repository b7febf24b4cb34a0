"""The index as one SQLite file, index/mind.db. Only here is SQL."""
