"""What a cell is between two databases: the same plain value, whichever of them it comes from, so that rows can be compared.

An instant is microseconds since 1970. Text, JSON and members of enumerations are the text that is stored, byte for byte: what this code
could not read is copied, too.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, Text

from penstock.errors import InternalError
from penstock.store.sql.column_types import Enumerated, FreeText, Instant, Json, Name, storable

Cells = Sequence[Any]

# https://www.postgresql.org/docs/14/protocol-overview.html#PROTOCOL-FORMAT-CODES: an instant is sent as microseconds since 2000.
_SINCE_2000 = 946_684_800_000_000


class ValueKind(Enum):
    """What a column holds."""

    INSTANT = "instant"
    NUMBER = "number"
    SMALL_NUMBER = "small number"
    BOOLEAN = "boolean"
    REAL = "real number"
    TEXT = "text"
    FREE_TEXT = "free text"
    BYTES = "bytes"


WIRE = {
    ValueKind.INSTANT: "int8",
    ValueKind.NUMBER: "int8",
    ValueKind.SMALL_NUMBER: "int4",
    ValueKind.BOOLEAN: "bool",
    ValueKind.REAL: "float8",
    ValueKind.TEXT: "text",
    ValueKind.FREE_TEXT: "text",
    ValueKind.BYTES: "bytea",
}
"""PostgreSQL's type of the same binary form."""
_INSTANTS = (-62_135_596_800_000_000, 253_402_300_799_999_999)
"""The years 1 to 9999 in microseconds since 1970."""
_SMALL_NUMBERS = (-(1 << 31), (1 << 31) - 1)
_KINDS: tuple[tuple[type[Any] | tuple[type[Any], ...], ValueKind], ...] = (
    (Instant, ValueKind.INSTANT),
    (FreeText, ValueKind.FREE_TEXT),
    ((Enumerated, Name, Json, Text), ValueKind.TEXT),
    (LargeBinary, ValueKind.BYTES),
    (Boolean, ValueKind.BOOLEAN),
    (Float, ValueKind.REAL),
    (BigInteger, ValueKind.NUMBER),
    (Integer, ValueKind.SMALL_NUMBER),
)
_STORED: dict[ValueKind, frozenset[type[Any]]] = {
    ValueKind.INSTANT: frozenset({int}),
    ValueKind.NUMBER: frozenset({int}),
    ValueKind.SMALL_NUMBER: frozenset({int}),
    ValueKind.BOOLEAN: frozenset({int}),
    ValueKind.REAL: frozenset({int, float}),
    ValueKind.TEXT: frozenset({str}),
    ValueKind.FREE_TEXT: frozenset({str}),
    ValueKind.BYTES: frozenset({bytes}),
}
"""What SQLite has in a column: it would keep anything else, too."""


class ValueRefusedError(ValueError):
    """A cell that is none of its column, or that the other database does not take.

    Attributes:
        row: Which of the cells it is.
    """

    def __init__(self, row: int, why: str) -> None:
        self.row = row
        super().__init__(why)


def kind_of(column: Column[Any]) -> ValueKind:
    """What a column holds; raises InternalError for a type that no copy knows."""
    for types, kind in _KINDS:
        if isinstance(column.type, types):
            return kind
    raise InternalError(f"table {column.table.name}: no copy knows the type of its column {column.name}")


def from_sqlite(kind: ValueKind, cells: Cells) -> Cells:
    """Cells as SQLite has them, as plain values; raises ValueRefusedError for one of another type."""
    found = set(map(type, cells)) - {type(None)}
    if not found <= _STORED[kind]:
        row, cell = next((n, c) for n, c in enumerate(cells) if c is not None and type(c) not in _STORED[kind])
        raise ValueRefusedError(row, f"{cell!r:.80} is no {kind.value}")
    if kind is ValueKind.BOOLEAN:
        for row, cell in enumerate(cells):
            if cell not in (0, 1, None):
                raise ValueRefusedError(row, f"{cell!r} is no boolean")
        return _mapped(bool, cells)
    _require_bounded(kind, cells)
    # SQLite has no zero below zero, and gives back some reals as it would integers.
    return _mapped(_real, cells) if kind is ValueKind.REAL else cells


def from_postgres(kind: ValueKind, cells: Cells) -> Cells:
    """Cells as PostgreSQL sends them, as plain values; raises ValueRefusedError for an instant that is infinite."""
    if kind is ValueKind.INSTANT:
        found = _mapped(_SINCE_2000.__add__, cells)
        _require_bounded(kind, found)
        return found
    return _mapped(_real, cells) if kind is ValueKind.REAL else cells


def to_postgres(kind: ValueKind, cells: Cells) -> Cells:
    """Plain values as PostgreSQL takes them; raises ValueRefusedError for one that it does not take."""
    if kind is ValueKind.INSTANT:
        return _mapped((-_SINCE_2000).__add__, cells)
    if kind is ValueKind.TEXT and "\0" in "".join(cell for cell in cells if cell is not None):
        _refuse(cells, lambda cell: "\0" in cell, "has a NUL character in it, which PostgreSQL does not take")
    return cells


def made_visible(cells: Cells) -> tuple[Cells, int]:
    """Free text with what PostgreSQL does not take made visible, as it is when Penstock writes it, and how many cells that changes."""
    if "\0" not in "".join(cell for cell in cells if cell is not None):
        return cells, 0
    changed = _mapped(storable, cells)
    return changed, sum(before != after for before, after in zip(cells, changed, strict=True))


def _mapped(call: Callable[[Any], Any], cells: Cells) -> Cells:
    return [None if cell is None else call(cell) for cell in cells]


def _real(cell: float) -> float:
    return float(cell) + 0.0


def _require_bounded(kind: ValueKind, cells: Cells) -> None:
    if kind is ValueKind.INSTANT:
        least, most = _INSTANTS
    elif kind is ValueKind.SMALL_NUMBER:
        least, most = _SMALL_NUMBERS
    else:
        return
    present = [cell for cell in cells if cell is not None]
    if present and (min(present) < least or max(present) > most):
        why = f"is out of the bounds of a column that holds a {kind.value}"
        _refuse(cells, lambda cell: not least <= cell <= most, why)


def _refuse(cells: Cells, bad: Callable[[Any], bool], why: str) -> None:
    for row, cell in enumerate(cells):
        if cell is not None and bad(cell):
            raise ValueRefusedError(row, f"{cell!r:.80} {why}")
