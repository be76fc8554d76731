"""The columns of a query of Redshift, as PostgreSQL is to hold them.

Sources: object ids of Redshift's own types are those of its drivers (``RedshiftOID`` of redshift_connector, ``Oid`` of
amazon-redshift-jdbc-driver); "Data types" of the Amazon Redshift Database Developer Guide. Lengths of texts are left away: they are bytes
there and characters here, and a column that is made wider there must not break the next refresh.
"""

# ruff: noqa: S608 - statements are built from names that are quoted and queries of the author's; values are parameters

from typing import NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks.quoting import quoted
from penstock_redshift.hooks.redshift import RedshiftHook
from penstock_redshift.hooks.statements import first_word, split_statements

_NUMERIC = 1700
_TYPES = {
    16: "boolean", 21: "smallint", 23: "integer", 20: "bigint", 700: "real", 701: "double precision", _NUMERIC: "numeric",
    25: "text", 1043: "text", 705: "text", 19: "text", 1042: "bpchar", 26: "bigint",
    1082: "date", 1083: "time", 1266: "timetz", 1114: "timestamp", 1184: "timestamptz",
    4000: "jsonb", 3802: "jsonb",
}  # fmt: skip
_MOST_BYTES = 63  # of a name, "Identifiers and Key Words" of PostgreSQL; Redshift's may have 127
_ORDERED = ("smallint", "integer", "bigint", "numeric", "date", "timestamp", "timestamptz")


class Column(NamedTuple):
    """A column and its type in PostgreSQL."""

    name: str
    type: str

    def __str__(self) -> str:
        """As it is written in a list of columns."""
        return f"{quoted(self.name)} {self.type}"

    @property
    def is_json(self) -> bool:
        """Whether it is a SUPER in Redshift."""
        return self.type == "jsonb"

    @property
    def is_ordered(self) -> bool:
        """Whether it may say which row is newer, with a distance between two values."""
        return self.type.partition("(")[0] in _ORDERED


def single_query(sql: str) -> str:
    """The one query in a text, without its semicolon; raises `penstock.errors.ProviderError` of kind ``invalid`` for anything else."""
    try:
        found = split_statements(sql)
    except ValueError as error:
        raise _invalid(f"the query cannot be read: {error}", "Correct it") from None
    if len(found) != 1 or first_word(found[0].lstrip("( \n\t")) not in ("SELECT", "WITH"):
        raise _invalid("a cache is made of one query", "Write one SELECT")
    return found[0]


def describe(redshift: RedshiftHook, query: str) -> list[Column]:
    """The columns that the query has, by asking the warehouse for them and for no row.

    Raises:
        penstock.errors.ProviderError: Of kind ``invalid``: a column has no name of its own, or a type that PostgreSQL cannot be given; or
            the connection has no login.
    """
    require_login(redshift)
    with redshift.session("Describe") as session:
        description = session.run(f"SELECT * FROM ({query}\n) AS described LIMIT 0").description or ()
        found = [(each.name, each.type_code, each.precision, each.scale) for each in description]
    columns = [Column(name, _type_of(name, oid, precision, scale)) for name, oid, precision, scale in found]
    names = [each.name for each in columns]
    for name in names:
        if name == "?column?" or names.count(name) > 1:
            raise _invalid(f"the query has a column {name!r} that cannot be told from others", "Name it by AS")
        if len(name.encode()) > _MOST_BYTES:
            raise _invalid(f"the column {name!r} has a name of more than {_MOST_BYTES} bytes", "Name it shorter by AS")
    return columns


def require_login(redshift: RedshiftHook) -> None:
    """Refuse a connection without a login; raises `penstock.errors.ProviderError` of kind ``invalid``."""
    if redshift.fields.transport != "wire":
        raise _invalid(
            f"the connection {redshift.conn_id!r} goes by the Data API, and PostgreSQL must log in to the warehouse",
            "Give a connection with transport = wire",
        )


def _type_of(name: str, oid: int, precision: int | None, scale: int | None) -> str:
    if oid not in _TYPES:
        raise _invalid(
            f"the column {name!r} is of a type that PostgreSQL cannot be given (number {oid})",
            "Select it as text, such as TO_HEX(column) for VARBYTE and ST_AsText(column) for GEOMETRY",
        )
    return f"numeric({precision},{scale or 0})" if oid == _NUMERIC and precision else _TYPES[oid]


def _invalid(detail: str, hint: str) -> ProviderError:
    return ProviderError(detail, service="redshift", operation="Cache", kind=ErrorKind.INVALID, hint=hint)
