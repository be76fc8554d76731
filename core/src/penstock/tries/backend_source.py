"""A secrets backend as a source of the vault: its answers are judged, and remembered for a limited time."""

import select
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from penstock.decoders import convert
from penstock.errors import ConfigError
from penstock.model.connection import Connection
from penstock.model.secret import variable_secrets
from penstock.spec.wire import Ask
from penstock.tries.backend_line import BackendAnswer, BackendLine

MOST_REMEMBERED = 10_000
"""Answers that are remembered at once; the oldest goes first."""

Resume = Callable[[Any, str], None]
"""Takes an answer, or why there is none, as the rest of a sentence; "" if there is one."""


class BackendSource:
    """Asks one backend.

    An answer is used again until ``cache_s`` after its question was sent, also that there is nothing. What failed is not
    remembered. The backend is not trusted: an answer for another id, or of a wrong type, is a failure.

    Args:
        name: The backend's name in the settings.
        line: The line to its process.
        cache_s: Seconds for which an answer is remembered.
        monotonic: Tells seconds that never go back.
    """

    remote = True

    def __init__(self, name: str, line: BackendLine, cache_s: float, monotonic: Callable[[], float]) -> None:
        self.name, self.line, self._cache_s, self._monotonic = name, line, cache_s, monotonic
        self._remembered: dict[Ask, tuple[float, Any]] = {}

    def connection(self, conn_id: str) -> Connection | None:
        """The connection, or None; raises ConfigError."""
        found: Connection | None = self._answer("connection", conn_id)
        return found

    def connection_ids(self) -> Collection[str] | None:
        """Ids of all connections, None if the backend cannot list them; raises ConfigError."""
        found: Collection[str] | None = self._answer("connection_ids")
        return found

    def variable(self, key: str) -> str | None:
        """The text of a Variable, or None; raises ConfigError."""
        found: str | None = self._answer("variable", key)
        return found

    def variables(self, keys: Collection[str]) -> Mapping[str, str]:
        """The text of each of these Variables that the backend has; raises ConfigError."""
        found = {key: self.variable(key) for key in keys}
        return {key: text for key, text in found.items() if text is not None}

    def variable_keys(self) -> Collection[str] | None:
        """Keys of all Variables, None if the backend cannot list them; raises ConfigError."""
        found: Collection[str] | None = self._answer("variable_keys")
        return found

    def begin(self, method: str, arguments: Sequence[object], resume: Resume) -> None:
        """Ask without waiting.

        Args:
            method: One of the methods above, but for `variables`.
            arguments: Its arguments.
            resume: Called with the answer, within this call or a later `BackendLine.step`.
        """
        ask = Ask(method, tuple(arguments))
        if (known := self._remembered.get(ask)) is not None:
            if self._monotonic() < known[0]:
                resume(known[1], "")
                return
            del self._remembered[ask]

        def done(answer: BackendAnswer, sent_at: float) -> None:
            try:
                value = _judged(ask, answer)
            except ValueError as error:
                resume(None, str(error))
            else:
                self._remember(ask, sent_at, value)
                resume(value, "")

        self.line.ask(ask, done)

    def close(self) -> None:
        """End its process."""
        self.line.close()

    def _answer(self, method: str, *arguments: str) -> Any:  # noqa: ANN401 - what the method answers
        """Ask, and wait for the answer, which takes no longer than the limits of the line allow."""
        answers: list[tuple[Any, str]] = []
        self.begin(method, arguments, lambda value, problem: answers.append((value, problem)))
        while not answers:
            due = self.line.due
            wait_s = None if due is None else max(0.0, due - self._monotonic())
            select.select(self.line.readable, self.line.writable, [], wait_s)
            self.line.step()
        value, problem = answers[0]
        if problem:
            raise ConfigError(problem)
        return value

    def _remember(self, ask: Ask, sent_at: float, value: Any) -> None:  # noqa: ANN401 - any answer
        self._remembered.pop(ask, None)
        if len(self._remembered) >= MOST_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[ask] = sent_at + self._cache_s, value


def secrets_of_answer(ask: Ask, value: Any) -> Iterator[str]:  # noqa: ANN401 - whatever came
    """What of an answer must not be written into the backend's log."""
    if ask.method == "connection" and isinstance(value, dict):
        yield from convert(value, Connection).secrets()
    elif ask.method == "variable" and isinstance(value, str):
        yield from variable_secrets(str(ask.args[0]), value)


def _judged(ask: Ask, answer: BackendAnswer) -> Any:  # noqa: ANN401 - by its method
    """The value of an answer; raises ValueError with what is wrong with it."""
    value = answer.value
    if answer.problem:
        raise ValueError(answer.problem)
    if value is None:
        return None
    if ask.method == "variable" and isinstance(value, str):
        return value
    if ask.method == "connection" and isinstance(value, dict):
        found = convert(value, Connection)
        if found.conn_id != ask.args[0]:
            raise ValueError(f"it answers for another id, {found.conn_id!r}")
        return found
    if (
        ask.method.endswith(("_ids", "_keys"))
        and isinstance(value, list)
        and all(isinstance(each, str) for each in value)
    ):
        return frozenset(value)
    raise ValueError(f"it answers with a {type(value).__name__}")
