"""What a described field is in a warehouse.

Sources: "Field Types" of the Object Reference (version 62.0); "Character types" and "Numeric types" of the Amazon Redshift Database
Developer Guide, where a length counts bytes, of which a character has up to four. Compound fields are no columns: their parts are
fields of their own, and Bulk API does not give them.
"""

from typing import NamedTuple

from penstock_salesforce.hooks.base import Field

_COMPOUND = ("address", "location", "base64")
_PLAIN = {
    "boolean": ("BOOLEAN", "boolean"),
    "int": ("BIGINT", "bigint"),
    "long": ("BIGINT", "bigint"),
    "date": ("DATE", "date"),
    "datetime": ("TIMESTAMPTZ", "timestamptz"),
    "time": ("TIME", "time"),
    "id": ("VARCHAR(18)", "varchar(18)"),
    "reference": ("VARCHAR(18)", "varchar(18)"),
}
_NUMBERS = ("double", "currency", "percent")
_LONGEST, _MOST_DIGITS = 65535, 38


class Column(NamedTuple):
    """A field as a column.

    Attributes:
        name: The field's API name.
        salesforce: Its type in Salesforce.
        redshift, postgres: Its types there.
    """

    name: str
    salesforce: str
    redshift: str
    postgres: str


def column_of(field: Field) -> Column | None:
    """A field as a column; None of one that is none: a compound one, and what is stored as a file.

    Args:
        field: As described. A type that is not known is text, as long as can be.
    """
    if field.type in _COMPOUND:
        return None
    if field.type in _PLAIN:
        return Column(field.name, field.type, *_PLAIN[field.type])
    if field.type in _NUMBERS:
        digits = min(_MOST_DIGITS, field.precision)
        exact = f"({digits},{field.scale})" if 0 < field.scale <= digits or field.precision else ""
        return Column(
            field.name,
            field.type,
            f"DECIMAL{exact}" if exact else "DOUBLE PRECISION",
            f"numeric{exact}" if exact else "numeric",
        )
    length = min(_LONGEST, 4 * field.length) if field.length else _LONGEST
    return Column(field.name, field.type, f"VARCHAR({length})", "text")
