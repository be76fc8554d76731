"""How much of a transaction may be committed before its end, and so must not be done a second time.

TRUNCATE commits the transaction in which it runs, and what else ends one is seen by the connection's status. Source:
"TRUNCATE" and "Serializable isolation" of the Amazon Redshift Database Developer Guide; apache/airflow#14888.
"""

import re

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks.statements import first_word, split_statements

_ENDING = {"TRUNCATE", "COMMIT", "END"}
_UNDONE = {"ROLLBACK", "ABORT"}
CHANGE_NOTHING = {"SELECT", "WITH", "SHOW", "SET", "RESET", "EXPLAIN", "VACUUM", "ANALYZE"}
_INTO = re.compile(r"\bINTO\b", re.IGNORECASE)  # SELECT INTO makes a table


class Progress:
    """What of a unit of work was committed.

    Attributes:
        statements: How many statements were begun.
        committed: What committed something of it, in words; "" as long as nothing is known to be.
        doubtful: What was running when the connection was lost and may have committed something; "" for nothing.
    """

    def __init__(self, *, autocommit: bool) -> None:
        self.statements = 0
        self.committed = self.doubtful = ""
        self._autocommit = autocommit
        self._open = False
        self._running, self._words, self._makes_table = "", set[str](), False

    def begin(self, statement: str, status: str) -> None:
        """A statement is about to be sent; ``status`` is the connection's, as psycopg names it."""
        if self._open and status == "IDLE":
            self.committed = self.committed or f"what ended the transaction behind statement {self.statements}"
        self.statements += 1
        self._words = _first_words(statement)
        self._makes_table = _INTO.search(statement) is not None
        self._running = f"{first_word(statement) or 'a text'} (statement {self.statements})"

    def end(self, status: str, *, failed: bool = False) -> None:
        """The statement that was begun has ended; ``status`` is now the connection's."""
        self._open = status in ("INTRANS", "INERROR")
        if self._autocommit:
            changes = bool(self._words - CHANGE_NOTHING) or self._makes_table
            if changes and not failed:
                self.committed = self._running
            elif changes and status == "UNKNOWN":
                self.doubtful = self._running
        elif status == "UNKNOWN":
            self.doubtful = self._running if self._words & _ENDING else ""
        elif status == "IDLE" and self._words - _UNDONE and (not failed or self._words & _ENDING):
            self.committed = self._running

    def rolled_back(self) -> None:
        """The transaction was rolled back on purpose: nothing of it is left."""
        self._open = False

    def commit(self) -> None:
        """The transaction is about to be committed as a whole."""
        self.doubtful, self._open = "the COMMIT", False

    def explained(self, error: ProviderError, operation: str) -> ProviderError:
        """The error of a failed unit of work, final and with what was committed if anything was, or may have been."""
        if self.committed:
            hint = f"Nothing is repeated, because {self.committed} had committed what was done until then"
        elif self.doubtful:
            hint = f"Nothing is repeated, because nobody knows whether {self.doubtful} was committed"
        else:
            return error
        return ProviderError(
            error.detail if self.committed else f"the connection was lost: {error.detail}",
            service=error.service,
            operation=operation,
            kind=ErrorKind.CONFLICT if error.retryable else error.kind,
            code=error.code,
            retryable=False,
            hint=". ".join(filter(None, [error.hint, f"{hint}; look at the data before you clear the task"])),
        )


def _first_words(text: str) -> set[str]:
    try:
        return {first_word(each) for each in split_statements(text)}
    except ValueError:
        return {first_word(text)}
