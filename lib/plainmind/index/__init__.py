"""The index: one SQLite file made from the files, that can be deleted at any time. Holds no truth."""
