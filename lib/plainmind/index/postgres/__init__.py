"""The index as a schema of a PostgreSQL database with pgvector (docs/postgres.md)."""
