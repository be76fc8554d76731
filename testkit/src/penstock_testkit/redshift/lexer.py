"""SQL text into tokens, statements and edits; nothing here knows what a statement means.

A backslash in a literal escapes what follows it, and there is no `E'...'`: Redshift reads literals as PostgreSQL 8.0
did. Source: "POSIX operators" of the Amazon Redshift Database Developer Guide (its patterns double each backslash);
"String constants" of PostgreSQL 8.0's documentation. Not covered: `U&'...'`, which PostgreSQL 8.0 lacks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from penstock_testkit.redshift.errors import RedshiftError


class Kind(Enum):
    """What a token is."""

    WORD = auto()
    QUOTED = auto()
    STRING = auto()
    PARAMETER = auto()
    NUMBER = auto()
    SYMBOL = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a statement; white space and comments are none.

    Attributes:
        kind: What it is.
        text: As written.
        start: Offset of its first character in the statement's text.
        end: Offset after its last character.
    """

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The upper-case text of a word or symbol, and an empty text for anything quoted."""
        return self.text.upper() if self.kind in {Kind.WORD, Kind.SYMBOL} else ""

    @property
    def name(self) -> str:
        """The identifier this token names, folded as Redshift folds: to lower case even within quotes."""
        if self.kind is Kind.QUOTED:
            return self.text[1:-1].replace('""', '"').lower()
        return self.text.lower()

    @property
    def is_dollar_quoted(self) -> bool:
        """Whether it is a text between dollars, such as the body of a function."""
        return self.kind is Kind.STRING and self.text.startswith("$")

    @property
    def value(self) -> str:
        """The text of a string literal without its quotes."""
        if self.text.startswith("$"):
            tag = self.text.index("$", 1) + 1
            return self.text[tag:-tag]
        return _ESCAPE.sub(_meaning, self.text[1:-1])


_PATTERN = re.compile(
    r"""
    (?P<skip>\s+|--[^\n]*)
  | (?P<comment>/\*)
  | (?P<string>'(?:[^'\\]|''|\\.)*'|\$(?P<tag>[A-Za-z_]\w*)?\$.*?\$(?(tag)(?P=tag))\$)
  | (?P<parameter>\$\d+)
  | (?P<quoted>"(?:[^"]|"")*")
  | (?P<word>\#?[^\W\d][\w$]*)
  | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)
  | (?P<symbol>::|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_KINDS = {
    "string": Kind.STRING,
    "parameter": Kind.PARAMETER,
    "quoted": Kind.QUOTED,
    "word": Kind.WORD,
    "number": Kind.NUMBER,
    "symbol": Kind.SYMBOL,
}
_ESCAPE = re.compile(r"''|\\(?P<octal>[0-7]{1,3})|\\(?P<character>.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def _meaning(escape: re.Match[str]) -> str:
    if escape["octal"]:
        return chr(int(escape["octal"], 8) & 0xFF)
    return _ESCAPES.get(escape["character"], escape["character"]) if escape["character"] else "'"


@dataclass
class Statement:
    """One statement of a client's text.

    Attributes:
        text: As written, without the semicolon that ends it.
        tokens: Its tokens; empty for blank text or a lone comment.
    """

    text: str
    tokens: list[Token] = field(default_factory=list)

    def starts_with(self, *words: str) -> bool:
        """Tell whether the first tokens are these words, in any case."""
        return self.has_at(0, *words)

    def has_at(self, index: int, *words: str) -> bool:
        """Tell whether the tokens from `index` on are these words, in any case."""
        found = self.tokens[index : index + len(words)]
        return len(found) == len(words) and all(token.word == word for token, word in zip(found, words, strict=True))

    def find(self, *words: str) -> int:
        """Return the index of the first place where these words stand in a row, or -1."""
        return next((i for i in range(len(self.tokens)) if self.has_at(i, *words)), -1)

    def closing(self, index: int) -> int:
        """Return the index of the parenthesis that closes the one at `index`.

        Raises:
            RedshiftError: It is never closed.
        """
        depth = 0
        for i in range(index, len(self.tokens)):
            depth += {"(": 1, ")": -1}.get(self.tokens[i].word, 0)
            if depth == 0:
                return i
        raise RedshiftError("syntax error at end of input", "42601")


class Edits:
    """Replacements of spans of a text, applied at once so that offsets stay true."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._spans: list[tuple[int, int, str]] = []

    def replace(self, first: Token, last: Token, by: str) -> None:
        """Replace everything from the first token to the last."""
        self._spans.append((first.start, last.end, by))

    def insert(self, offset: int, text: str) -> None:
        """Insert text at an offset."""
        self._spans.append((offset, offset, text))

    def apply(self) -> str:
        """Return the edited text."""
        return self._edited(0, len(self._text))

    def within(self, first: Token, last: Token) -> str:
        """Return the text from the first token to the last, as edited so far."""
        return self._edited(first.start, last.end)

    def _edited(self, position: int, end_of_text: int) -> str:
        parts = []
        # Insertions first, then the widest replacement.
        for start, end, by in sorted(self._spans, key=lambda span: (span[0], span[0] != span[1], -span[1])):
            if position <= start and end <= end_of_text:  # what lies within a replaced span is gone
                parts += [self._text[position:start], by]
                position = end
        return "".join([*parts, self._text[position:end_of_text]])


def literal(value: str) -> str:
    """Return PostgreSQL's literal of a text, in which a backslash is a character like any other."""
    return "'" + value.replace("'", "''") + "'"


def statements(sql: str) -> list[Statement]:
    """Split a client's text at its semicolons; blank statements are left out.

    Raises:
        RedshiftError: A string, an identifier or a comment is not ended.
    """
    found, start, tokens = [], 0, list[Token]()
    for token in _tokens(sql):
        if token.word == ";":
            found.append(Statement(sql[start : token.start], _moved(tokens, start)))
            start, tokens = token.end, []
        else:
            tokens.append(token)
    found.append(Statement(sql[start:], _moved(tokens, start)))
    return [statement for statement in found if statement.tokens]


def statement(sql: str) -> Statement:
    """Return one statement of text that holds exactly one."""
    return Statement(sql, list(_tokens(sql)))


def _moved(tokens: list[Token], start: int) -> list[Token]:
    return [Token(token.kind, token.text, token.start - start, token.end - start) for token in tokens]


def _tokens(sql: str) -> Iterator[Token]:
    position = 0
    while position < len(sql):
        match = _PATTERN.match(sql, position)
        if match is None:  # pragma: no cover - the last branch matches any character
            raise RedshiftError(f'syntax error at or near "{sql[position]}"', "42601")
        kind = match.lastgroup if match.lastgroup != "tag" else "string"
        if kind == "comment":
            position = _comment_end(sql, position)
            continue
        if kind != "skip":
            text = match.group()
            if text in {"'", '"'}:
                what = "string" if text == "'" else "identifier"
                raise RedshiftError(f'unterminated quoted {what} at or near "{sql[position : position + 20]}"', "42601")
            yield Token(_KINDS[kind or "symbol"], text, position, match.end())
        position = match.end()


def _comment_end(sql: str, start: int) -> int:
    depth = 0
    for mark in re.compile(r"/\*|\*/").finditer(sql, start):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    raise RedshiftError("unterminated /* comment", "42601")
