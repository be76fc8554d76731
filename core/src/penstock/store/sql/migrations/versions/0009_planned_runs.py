"""The upcoming runs of a DAG whose timetable is code are kept beside its versions."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add them; DAGs that the loader knows have no such timetable."""
    op.add_column("dag", sa.Column("planned", sa.Text))
