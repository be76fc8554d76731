"""Indexes of the rows of which a condition holds.

SQLAlchemy takes the condition under a name of each dialect, and imports that dialect to check the name: a tenth of a second for
every command, whichever database it uses. So an index keeps its condition until a database is made.
"""

from sqlalchemy import Connection, Index, MetaData, text

_WHERE = "where"


def partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Make an index of the rows of which a condition holds; `put_conditions` completes it."""
    return Index(name, *columns, unique=unique, info={_WHERE: where})


def put_conditions(connection: Connection, metadata: MetaData) -> None:
    """Say in the way of a connection's database of which rows each partial index is."""
    for index in (index for table in metadata.tables.values() for index in table.indexes):
        if where := index.info.get(_WHERE):
            index.dialect_kwargs[f"{connection.dialect.name}_where"] = text(where)
