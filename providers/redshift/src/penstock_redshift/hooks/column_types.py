"""Types of columns, by whichever of their names.

Source: "Data types", "Character types" and "Numeric types" of the Amazon Redshift Database Developer Guide: lengths of ``varchar``
are bytes up to 65535, ``text`` and a bare ``varchar`` are ``varchar(256)``, a bare ``char`` is ``char(1)``, a bare ``decimal`` is
``decimal(18,0)`` with at most 38 digits.
"""

import re
from typing import NamedTuple

_ALIASES = {
    "smallint": "smallint", "int2": "smallint", "integer": "integer", "int": "integer", "int4": "integer",
    "bigint": "bigint", "int8": "bigint", "boolean": "boolean", "bool": "boolean", "real": "real", "float4": "real",
    "double precision": "double precision", "float8": "double precision", "float": "double precision",
    "decimal": "numeric", "numeric": "numeric", "date": "date", "super": "super",
    "varchar": "character varying", "character varying": "character varying", "nvarchar": "character varying",
    "text": "character varying", "char": "character", "character": "character", "bpchar": "character",
    "timestamp": "timestamp without time zone", "timestamp without time zone": "timestamp without time zone",
    "timestamptz": "timestamp with time zone", "timestamp with time zone": "timestamp with time zone",
    "time": "time without time zone", "time without time zone": "time without time zone",
    "timetz": "time with time zone", "time with time zone": "time with time zone",
}  # fmt: skip
_BARE = {"character varying": (256,), "character": (1,), "numeric": (18, 0)}
_MOST = {"character varying": 65535, "character": 4096, "numeric": 38}
_TYPE = re.compile(r"\s*([a-z0-9]+(?: [a-z]+)*)\s*(?:\(\s*(\d+|max)\s*(?:,\s*(\d+)\s*)?\))?\s*$", re.IGNORECASE)


class ColumnType(NamedTuple):
    """A type.

    Attributes:
        name: As the catalog names it.
        sizes: Length, or digits and decimals; empty for types that have none.
    """

    name: str
    sizes: tuple[int, ...] = ()

    def __str__(self) -> str:
        """As it is written in SQL."""
        return f"{self.name}({','.join(map(str, self.sizes))})" if self.sizes else self.name


def column_type(text: str) -> ColumnType:
    """The type that a text names.

    Raises:
        ValueError: Redshift has no such type, or none of that size.
    """
    found = _TYPE.match(text)
    name = _ALIASES.get(found[1].lower()) if found else None
    if found is None or name is None:
        raise ValueError(f"there is no type {text!r}; write one of {', '.join(_ALIASES)}")
    if found[2] is None:
        return ColumnType(name, _BARE.get(name, ()))
    if name not in _BARE or (found[3] and name != "numeric") or (found[2].lower() == "max" and name == "numeric"):
        raise ValueError(f"the type {text!r} has a size that {found[1]} does not take")
    first = _MOST[name] if found[2].lower() == "max" else int(found[2])
    if not 1 <= first <= _MOST[name]:
        raise ValueError(f"the type {text!r} has a size outside of 1 to {_MOST[name]}")
    return ColumnType(name, (first, int(found[3] or 0)) if name == "numeric" else (first,))
