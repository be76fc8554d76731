"""A place in the tokens of a COPY or UNLOAD, from which its parts are taken one by one."""

from penstock_testkit.redshift.errors import RedshiftError
from penstock_testkit.redshift.lexer import Kind, Statement, Token


class Cursor:
    """A place in a statement's tokens."""

    def __init__(self, statement: Statement) -> None:
        self._tokens = statement.tokens
        self._index = 0

    @property
    def ended(self) -> bool:
        """Whether nothing is left."""
        return self._index >= len(self._tokens)

    def take(self) -> Token:
        """Take the next token.

        Raises:
            RedshiftError: There is none.
        """
        if self.ended:
            raise RedshiftError("syntax error at end of input", "42601")
        self._index += 1
        return self._tokens[self._index - 1]

    def accept(self, *words: str) -> bool:
        """Take the next token if it is one of these words, and tell whether it was."""
        found = not self.ended and self._tokens[self._index].word in words
        self._index += found
        return found

    def expect(self, *words: str) -> None:
        """Take one of these words."""
        if not self.accept(*words):
            raise self.unexpected()

    def accept_string(self) -> str | None:
        """Take a text if one is next."""
        if self.ended or self._tokens[self._index].kind is not Kind.STRING:
            return None
        return self.take().value

    def string(self) -> str:
        """Take a text, behind an optional AS."""
        self.accept("AS")
        found = self.accept_string()
        if found is None:
            raise self.unexpected()
        return found

    def number(self) -> int:
        """Take a whole number, behind an optional AS."""
        self.accept("AS")
        token = self.take()
        if token.kind is not Kind.NUMBER or not token.text.isdigit():
            raise syntax_error(token)
        return int(token.text)

    def identifier(self) -> str:
        """Take a name."""
        token = self.take()
        if token.kind not in {Kind.WORD, Kind.QUOTED}:
            raise syntax_error(token)
        return token.name

    def unexpected(self) -> RedshiftError:
        """Return the error of the next token."""
        return syntax_error(self.take())


def syntax_error(token: Token) -> RedshiftError:
    """Return the error of a token that cannot stand where it does."""
    return RedshiftError(f'syntax error at or near "{token.text}"', "42601")


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def qualified(cursor: Cursor) -> tuple[str, str]:
    """Take a table's name, and return it quoted in full and its last part."""
    parts = [cursor.identifier()]
    while cursor.accept("."):
        parts.append(cursor.identifier())
    return ".".join(quoted(part) for part in parts), parts[-1]
