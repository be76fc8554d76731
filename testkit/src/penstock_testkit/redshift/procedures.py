"""Stored procedures that end the transaction in which they are called.

Source: "Managing transactions" of stored procedures in the Amazon Redshift Database Developer Guide. Which procedures do
is remembered from the CREATE PROCEDURE statements that the server saw, rolled back or not, and by their names alone.
"""

import re

from penstock_testkit.redshift.errors import RedshiftError
from penstock_testkit.redshift.lexer import Statement

_ENDING = re.compile(r"\b(TRUNCATE|COMMIT|ROLLBACK)\b", re.IGNORECASE)
_CALL = re.compile(r"\bCALL\s+(?:\w+\.)?\"?(\w+)", re.IGNORECASE)


class Procedures:
    """What is known of a database's procedures."""

    def __init__(self) -> None:
        self._bodies: dict[str, str] = {}

    def see(self, statement: Statement) -> None:
        """Remember the body that a CREATE PROCEDURE gives."""
        at = next((at for at in (1, 3) if statement.has_at(at, "PROCEDURE")), 0)
        bodies = [token.value for token in statement.tokens if token.is_dollar_quoted]
        opening = statement.find("(")
        if statement.starts_with("CREATE") and at and bodies and opening > 0:
            self._bodies[statement.tokens[opening - 1].name] = bodies[0]

    def refuse_in_block(self, statement: Statement) -> None:
        """Refuse a CALL within a transaction block of a procedure that would end it.

        Raises:
            RedshiftError: It, or one that it calls, would.
        """
        opening = statement.find("(")
        if not statement.starts_with("CALL") or opening < 0:
            return
        ending = self._ending(statement.tokens[opening - 1].name, set())
        if ending:
            text = f"{ending} cannot be invoked from a procedure that is executing in an atomic context."
            raise RedshiftError(text, "0A000")

    def _ending(self, name: str, seen: set[str]) -> str:
        """The statement by which a procedure ends the transaction, "" for none."""
        if name in seen:
            return ""
        body = self._bodies.get(name, "")
        found = _ENDING.search(body)
        if found:
            return found[1].upper()
        called = (self._ending(each.lower(), seen | {name}) for each in _CALL.findall(body))
        return next((each for each in called if each), "")
