"""The index as rows of tables, in SQL that SQLite and PostgreSQL both speak.

What one of them does in its own way is behind `database.IndexDatabase`: words, vectors,
transactions. Only here and in the engines' own packages is SQL.
"""
