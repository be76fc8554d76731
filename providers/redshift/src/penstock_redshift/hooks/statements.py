"""Taking a script of SQL apart into its statements, as Redshift reads it."""

import re

# A quoted text ends at a quote that is neither doubled nor behind a backslash: Redshift, like the PostgreSQL 8.0 that
# it descends from, reads a backslash in a literal as an escape. A dollar within a word is a part of it.
_TOKEN = re.compile(
    r"""
    (?P<text>'(?:[^'\\]|''|\\.)*')
  | (?P<name>"(?:[^"]|"")*")
  | (?P<word>[^\W\d][\w$]*)
  | (?P<dollar>\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$)
  | (?P<line>--[^\n]*)
  | (?P<open>/\*)
  | (?P<end>;)
  | (?P<broken>'|"|\$(?:[^\W\d]\w*)?\$)
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK = re.compile(r"/\*|\*/")
_CONTENT = ("text", "name", "word", "dollar")
_BEFORE_WORD = re.compile(r"(?>[\s(]+|--[^\n]*)*")
_WORD = re.compile("[A-Za-z]+")


def split_statements(script: str) -> list[str]:
    """The statements of a script without their closing semicolons; those that are empty or comments alone are left out.

    Raises:
        ValueError: A quote, a dollar quote or a comment is never closed; the message names its line.
    """
    found, start, at, has_statement = [], 0, 0, False
    while (token := _TOKEN.search(script, at)) is not None:
        if token["broken"]:
            raise ValueError(f"line {_line(script, token.start())}: {token[0]} is never closed")
        has_statement |= bool(script[at : token.start()].strip()) or token.lastgroup in _CONTENT
        at = _end_of_comment(script, token.start()) if token["open"] else token.end()
        if token["end"]:
            if has_statement:
                found.append(script[start : token.start()].strip())
            start, has_statement = at, False
    if has_statement or script[at:].strip():
        found.append(script[start:].strip())
    return found


def has_comment(statement: str) -> bool:
    """Whether there is a comment in it, or what cannot be told from one; a text that looks like one is none."""
    return any(token["line"] or token["open"] or token["broken"] for token in _TOKEN.finditer(statement))


def first_word(statement: str) -> str:
    """The statement's first word in upper case, behind comments; "" if there is none."""
    at = 0
    try:
        while statement.startswith("/*", at := _BEFORE_WORD.match(statement, at).end()):  # type: ignore[union-attr]  # it matches nothing, too
            at = _end_of_comment(statement, at)
    except ValueError:
        return ""
    found = _WORD.match(statement, at)
    return found[0].upper() if found else ""


def _end_of_comment(script: str, start: int) -> int:
    depth, at = 0, start
    for mark in _BLOCK.finditer(script, start):
        depth += 1 if mark[0] == "/*" else -1
        at = mark.end()
        if depth == 0:
            return at
    raise ValueError(f"line {_line(script, start)}: /* is never closed")


def _line(script: str, at: int) -> int:
    return script.count("\n", 0, at) + 1
