"""What commands return, and how it reaches the user or a program."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from penstock_plugin_manager.errors import ManagerError

SCHEMA = "penstock.plugin-manager/1"
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Result(NamedTuple):
    """What a command found.

    Attributes:
        data: For programs; the ``data`` of the JSON document.
        text: For people.
        code: The exit code.
    """

    data: Any
    text: Sequence[str]
    code: int = 0


_USERINFO = re.compile(r"(?<=://)[^\s/?#'\"<>]*@")
"""User name and password of an address (RFC 3986, 3.2.1)."""
_WIDEST = 300
"""Letters of a table's cell."""
_SHORTEST = 3
"""A shorter secret is hidden within addresses alone: it would stand in every word. The core hides by the same rule."""


class Console:
    """Where output goes: results to standard output, notes and errors to standard error, and no password anywhere."""

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self.json, self.quiet = json, quiet
        self._hidden: set[str] = set()

    def hide(self, secret: str) -> None:
        """Keep a text out of all that is printed from now on, in each form in which it may come."""
        if len(secret) >= _SHORTEST:
            from urllib.parse import quote  # noqa: PLC0415  few calls know a secret

            self._hidden |= {secret, quote(secret, safe=""), repr(secret)[1:-1]}

    def masked(self, text: str) -> str:
        """Return a text without passwords: those that are known, and whatever stands before the host of an address."""
        text = _USERINFO.sub("", text)
        for secret in sorted(self._hidden, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def _masked_data(self, data: Any) -> Any:  # noqa: ANN401  what JSON can hold
        if isinstance(data, dict):
            return {name: self._masked_data(each) for name, each in data.items()}
        if isinstance(data, list | tuple):
            return [self._masked_data(each) for each in data]
        return data if data is None or isinstance(data, bool | int | float) else self.masked(str(data))

    def print(self, lines: Iterable[str]) -> None:
        """Print lines to standard output."""
        text = clean(self.masked("".join(f"{line}\n" for line in lines)))
        sys.stdout.write(text if color_on(sys.stdout.isatty()) else plain(text))
        sys.stdout.flush()

    def finish(self, command: str, result: Result) -> None:
        """Print what a command returned, in the form that was asked for."""
        if self.json:
            sys.stdout.write(document(command, result._replace(data=self._masked_data(result.data))))
            sys.stdout.flush()
        elif not self.quiet:
            self.print(result.text)

    def fail(self, command: str, error: ManagerError) -> None:
        """Print an error: what failed, the evidence, what to do."""
        if self.json:
            found = {"kind": error.kind, "message": str(error), "hint": error.hint, "detail": error.detail}
            self._document({"command": command, "exit_code": error.code, "error": found})
            return
        lines = [f"{style('error', 'red')}: {error}"]
        lines += [style(f"  {line}", "dim") for line in error.detail.splitlines()[:12]]
        lines += [f"{style('hint', 'cyan')}: {error.hint}"] if error.hint else []
        self._to_stderr(lines)

    def note(self, sentence: str) -> None:
        """Tell the user something besides the result."""
        if not self.quiet:
            self._to_stderr([f"{style('note', 'yellow')}: {sentence}"])

    def interactive(self) -> bool:
        """Tell whether the user can be asked."""
        return sys.stdin.isatty() and sys.stdout.isatty() and not self.json and not self.quiet

    def progress(self) -> bool:
        """Tell whether a tool may draw its progress."""
        return sys.stderr.isatty() and not self.json and not self.quiet

    def _document(self, data: dict[str, Any]) -> None:
        from json import dumps  # noqa: PLC0415  people get no JSON

        sys.stdout.write(dumps(self._masked_data({"schema": SCHEMA, **data}), indent=2, default=str) + "\n")
        sys.stdout.flush()

    def _to_stderr(self, lines: list[str]) -> None:
        text = clean(self.masked("".join(f"{line}\n" for line in lines)))
        sys.stderr.write(text if color_on(sys.stderr.isatty()) else plain(text))
        sys.stderr.flush()


def document(command: str, result: Result) -> str:
    """Return the JSON document of a result."""
    from json import dumps  # noqa: PLC0415  people get no JSON

    data = {"schema": SCHEMA, "command": command, "exit_code": result.code, "data": result.data}
    return dumps(data, indent=2, default=str) + "\n"


def color_on(terminal: bool) -> bool:  # noqa: FBT001  the one question it answers
    """Tell whether colours are wanted: on terminals, unless NO_COLOR is set."""
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def style(text: str, name: str) -> str:
    """Return text in a style; consoles without colours take it out again."""
    return f"\x1b[{_STYLES[name]}m{text}\x1b[0m"


_STYLE = re.compile(f"(\x1b\\[(?:0|{'|'.join(_STYLES.values())})m)")


def clean(text: str) -> str:
    """Return text without what could change the terminal or what stands beside it, but for the styles of this module.

    What strangers wrote is cleaned where it is read; this holds for whatever came another way.
    """
    parts = _STYLE.split(text)
    parts[::2] = [
        "".join(c if c == "\n" or c.isprintable() else " " * (c == "\t") for c in part) for part in parts[::2]
    ]
    return "".join(parts)


def plain(text: str) -> str:
    """Return text without styles."""
    first, *rest = text.split("\x1b[")
    return first + "".join(part.partition("m")[2] for part in rest)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table whose columns are as wide as they must be."""
    every = [head, *([_cell(each) for each in row] for row in rows)]
    widths = [max(len(plain(row[at])) for row in every) for at in range(len(head))]
    lines = [_line(row, widths) for row in every]
    return [style(lines[0], "bold"), *lines[1:]]


def _cell(text: str) -> str:
    """Return a cell's text as one line that leaves room for the others."""
    line = " ".join(text.splitlines())
    return line if len(line) <= _WIDEST else f"{plain(line)[:_WIDEST]}…"


def _line(row: Sequence[str], widths: list[int]) -> str:
    cells = (cell + " " * (width - len(plain(cell))) for cell, width in zip(row, widths, strict=True))
    return "  ".join(cells).rstrip()


def next_command(words: str) -> str:
    """Return the line that tells the user what to type next."""
    return style(f"next: plugin-manager {words}", "dim")
