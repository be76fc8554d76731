"""Columns of secrets and of the progress of listeners get the names that the field has for them."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Rename the columns; both databases know this form, and SQLite's copies no row."""
    for table, old, new in (
        ("connection", "sealed", "encrypted"),
        ("variable", "sealed", "encrypted"),
        ("listener", "heard", "acknowledged"),
    ):
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
