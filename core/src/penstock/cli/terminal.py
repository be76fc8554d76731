"""How results are shown: JSON of a stable shape, or text for people."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import click
import msgspec

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON of a stable shape.")

_UNLIMITED = 10_000
_STYLES = {
    "success": "green",
    "failed": "red",
    "upstream_failed": "red",
    "running": "cyan",
    "queued": "yellow",
    "up_for_retry": "yellow",
    "cancelled": "magenta",
    "skipped": "bright_black",
}


def print_json(value: Any) -> None:  # noqa: ANN401 - any plain value
    """Print a value as one line of JSON."""
    click.echo(msgspec.json.encode(value, enc_hook=str).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Print rows under column titles, or the sentence ``empty`` if there are none.

    On a terminal, the table fits its width; elsewhere, no cell is shortened.
    """
    found = [[_cell(value) for value in row] for row in rows]
    if not found:
        click.echo(empty)
        return
    from rich.console import Console  # noqa: PLC0415 - 60 ms that JSON and errors need not spend
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    terminal = sys.stdout.isatty()
    console = Console(file=sys.stdout, width=None if terminal else _UNLIMITED, highlight=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold" if terminal else "ignore", no_wrap=not terminal)
    for row in found:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    console.print(table)


def print_fields(fields: Mapping[str, Any]) -> None:
    """Print names and values below each other."""
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        lines = _cell(value).splitlines() or [""]
        click.echo(f"{click.style(name.ljust(width), bold=True)}  {lines[0]}")
        for line in lines[1:]:
            click.echo(" " * (width + 2) + line)


def counts(states: Mapping[Any, int]) -> str:
    """Numbers by state on one line."""
    return ", ".join(f"{number} {state.value}" for state, number in states.items())


def _cell(value: Any) -> str:  # noqa: ANN401 - any plain value
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _visible(str(value))


def _visible(text: str) -> str:
    """Text of others without what would steer the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)
