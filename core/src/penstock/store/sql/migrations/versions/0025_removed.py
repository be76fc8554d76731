"""A task instance may be removed: a new state, which older code cannot read."""

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Change no table: of what was there before this revision nothing is removed. The floor of the schema keeps older code out."""
