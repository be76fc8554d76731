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
        precision, scale: Digits of an exact number, and those behind the point; 0 of any other.
    """

    name: str
    salesforce: str
    redshift: str
    postgres: str
    precision: int = 0
    scale: int = 0


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
        digits, scale = min(_MOST_DIGITS, field.precision), min(_MOST_DIGITS, field.precision, field.scale)
        if not digits:
            return Column(field.name, field.type, "DOUBLE PRECISION", "numeric")
        exact = f"({digits},{scale})"
        return Column(field.name, field.type, f"DECIMAL{exact}", f"numeric{exact}", digits, scale)
    length = min(_LONGEST, 4 * field.length) if field.length else _LONGEST
    return Column(field.name, field.type, f"VARCHAR({length})", "text")
