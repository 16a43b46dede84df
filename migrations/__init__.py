"""Alembic migrations of schema `learnback`; `store/migrate.py` runs them, `learnback migrate` is the command."""
