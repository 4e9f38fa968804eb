"""The schema of the store, step by step from the first: Alembic runs what lies in ``versions``."""
