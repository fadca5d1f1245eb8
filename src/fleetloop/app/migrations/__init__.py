"""Alembic's scripts: one schema, SQLite and PostgreSQL."""
