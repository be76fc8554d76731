"""How results are shown: JSON of a stable shape, or text for people."""

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from unicodedata import combining, east_asian_width

import click
import msgspec

from penstock.cli.streams import written
from penstock.model.text import shortened, utc_text, visible

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON of a stable shape.")

LONGEST_CELL = 200
"""Characters of a cell of free text; `show` commands and logs have all of it."""

_LINES_AT_ONCE = 500
_SHORTEST = 16
_GAP = 2
_FREE = frozenset({"reason", "what", "why", "description", "offers", "what it is", "tags", "value", "before", "after"})
"""Columns of free text, which are cut where a table is too wide; ids, states and instants never are."""

_STYLES = {
    "success": "green",
    "failed": "red",
    "upstream_failed": "red",
    "running": "cyan",
    "queued": "yellow",
    "up_for_retry": "yellow",
    "cancelled": "magenta",
    "skipped": "bright_black",
    "removed": "bright_black",
}


class _VisibleFormatter(click.HelpFormatter):
    """Writes help, of which nothing steers the terminal: providers and modules of projects have written parts of it."""

    def getvalue(self) -> str:
        """The help."""
        return visible(super().getvalue())


class VisibleContext(click.Context):
    """The context of a command whose help shows words of others."""

    formatter_class = _VisibleFormatter


def print_line(text: str, *, title: str = "", colour: str = "") -> None:
    """Print text on standard output, under a title in bold or in a colour; nothing in either steers the terminal."""
    head = click.style(visible(title), bold=not colour, fg=colour or None) if title else ""
    with written(sys.stdout):
        click.echo(
            head + visible(text), file=sys.stdout
        )  # click's own choice is UTF-8, also where the terminal has ASCII alone


def print_remark(text: str, *, title: bool = False) -> None:
    """Print a remark on standard error, beside the result; ``title`` has the words up to the first colon stand out."""
    head, colon, rest = text.partition(":") if title else ("", "", text)
    shown = click.style(visible(head + colon), fg="red", bold=True) if colon else visible(head)
    with written(sys.stderr):
        click.echo(shown + visible(rest), err=True)


def print_json(value: Any) -> None:  # noqa: ANN401 - any plain value
    """Print a value as one line of JSON."""
    with written(sys.stdout):
        click.echo(json_text(value, sys.stdout.encoding))


def json_text(value: Any, encoding: str | None = None) -> str:  # noqa: ANN401 - any plain value
    """A value as one line of JSON, in which what a terminal would obey, or an encoding cannot say, is escaped."""
    try:
        text = msgspec.json.encode(value, enc_hook=str).decode()
    except UnicodeEncodeError:  # a lone surrogate, of a name that is no UTF-8
        return json.dumps(msgspec.to_builtins(value, enc_hook=str))
    try:
        text.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return "".join(c if c.isascii() and c.isprintable() else json.dumps(c)[1:-1] for c in text)
    return text if text.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Print rows under column titles, or the sentence ``empty`` if there are none.

    Free text is cut to what fits; ids never are, so that they can be copied into the next command. Where a terminal is too
    narrow for them all, each row is a paragraph of names and values.
    """
    given = list(rows)
    if not given:
        print_line(empty)
        return
    # Column by column: most have texts that need nothing, and to see that at once costs less than a call a cell.
    found = [_texts(name, values) for name, values in zip(columns, zip(*given, strict=True), strict=True)]
    widths = [_width([name, *texts]) for name, texts in zip(columns, found, strict=True)]
    if sys.stdout.isatty():
        room = shutil.get_terminal_size().columns - sum(widths) - _GAP * (len(widths) - 1)
        for number, column in enumerate(columns):
            if room < 0 and column in _FREE:
                cut = min(-room, max(0, widths[number] - _SHORTEST))
                widths[number], room = widths[number] - cut, room + cut
        if room < 0:
            _print_paragraphs(columns, list(zip(*found, strict=True)))
            return
    placed = [_placed(texts, width) for texts, width in zip(found, widths, strict=True)]
    titles = [_place(name, width, bold=True) for name, width in zip(columns, widths, strict=True)]
    lines = ["".join(row).rstrip(" ") for row in (titles, *zip(*placed, strict=True))]
    with written(sys.stdout):
        for first in range(0, len(lines), _LINES_AT_ONCE):  # each write goes out at once, and costs more than a line
            click.echo("\n".join(lines[first : first + _LINES_AT_ONCE]))


def print_fields(fields: Mapping[str, Any]) -> None:
    """Print names and values below each other."""
    width = max(map(cells, fields), default=0)
    for name, value in fields.items():
        lines = _cell(value).splitlines() or [""]
        print_line(f"  {lines[0]}", title=_padded(name, width))
        for line in lines[1:]:
            print_line(" " * (width + 2) + line)


def counts(states: Mapping[Any, int]) -> str:
    """Numbers by state on one line."""
    return ", ".join(f"{number} {state}" for state, number in states.items())


def duration(started: datetime | None, ended: datetime | None) -> str:
    """How long something took, such as ``0.4 s``, ``12 s``, ``4 min 5 s`` or ``1 h 2 min``; "" if it has not ended."""
    if started is None or ended is None:
        return ""
    took = max(ended - started, timedelta()).total_seconds()
    if took < 9.95:
        return f"{took:.1f} s"
    minutes, seconds = divmod(round(took), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def cells(text: str) -> int:
    """How many columns of a terminal a text takes (Unicode's East Asian Width, UAX 11)."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def _print_paragraphs(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for number, row in enumerate(rows):
        if number:
            print_line("")
        print_fields({column: cell for column, cell in zip(columns, row, strict=True) if cell})


def _placed(texts: Sequence[str], width: int) -> list[str]:
    """The texts of a column, each with its colour and its gap."""
    distinct = set(texts)
    if not distinct & _STYLES.keys() and _is_narrow(texts, width):
        return [text.ljust(width + _GAP) for text in texts]
    shown = {text: _place(text, width) for text in distinct}
    return [shown[text] for text in texts]


def _is_narrow(texts: Sequence[str], width: int) -> bool:
    """Whether texts are plain and none is cut."""
    return "".join(texts).isascii() and max(map(len, texts)) <= width


def _place(cell: str, width: int, *, bold: bool = False) -> str:
    text = cell if cells(cell) <= width else _cut(cell, width)
    colour = None if bold else _STYLES.get(cell)
    styled = click.style(text, bold=bold or None, fg=colour) if text and (bold or colour) else text
    return styled + " " * (width + _GAP - cells(text))


def _width(column: Sequence[str]) -> int:
    """How many columns of a terminal the longest text takes; most are plain, and there may be many."""
    return max(map(len if all(map(str.isascii, column)) else cells, column))


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def _cut(text: str, width: int) -> str:
    kept = text
    while cells(kept) > width - 3:
        kept = kept[:-1]
    return kept + "..."


def _texts(column: str, values: Sequence[Any]) -> list[str]:
    """The values of a column as texts of one line each."""
    texts = [value if type(value) is str else _cell(value) for value in values]
    if column in _FREE:
        shown = {text: visible(shortened(text, LONGEST_CELL)) for text in set(texts)}
        return [shown[text] for text in texts]
    if "".join(texts).isprintable():
        return texts
    return [text if text.isprintable() else visible(" ".join(text.splitlines())) for text in texts]


def _cell(value: Any) -> str:  # noqa: ANN401 - any plain value
    if value is None:
        return ""
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
