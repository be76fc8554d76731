"""Changes that are asked for with a key: who asks again with it is answered the same, and nothing is done twice."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from penstock.errors import RequestError
from penstock.processes.failpoint import failpoint
from penstock.service.installation import Installation
from penstock.service.operations.operation import Operation
from penstock.store import KeptAnswer

_KEPT = timedelta(days=1)
_SWEEP = timedelta(hours=1)
_SECRET = frozenset({"create_token", "reset_password"})
"""Operations whose answer is told once and stored nowhere."""

Call = Callable[[Mapping[str, Any]], bytes]


class KeyedRequest(NamedTuple):
    """A change that is asked for with a key.

    Attributes:
        person: Who asks: the keys of others are others.
        key: The key.
        operation: What is asked for.
        fingerprint: A hash of the whole request.
        arguments: What the operation is told.
    """

    person: str
    key: str
    operation: Operation
    fingerprint: bytes
    arguments: Mapping[str, Any]


class Once:
    """Does what is asked for with a key once, and keeps what was answered for a day.

    The key is noted in the change's own transaction. Where the process ended between that and the answer, who asks again is given
    what was made, if it has a name, and is told that it was done, if not.

    Args:
        installation: The installation.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._guard = threading.Lock()
        self._doing: dict[tuple[str, str], tuple[threading.Lock, int]] = {}
        self._swept: datetime | None = None

    def answer(self, asked: KeyedRequest, call: Call) -> bytes:
        """Do it, or answer as it was answered; of two that ask at once, the second waits for the first's answer.

        Args:
            asked: What is asked for.
            call: Does it and makes the answer; it is given the arguments.

        Raises:
            RequestError: The key was used for another request; or what was asked for is done, and its answer is lost.
            PenstockError: As the operation.
        """
        with self._alone((asked.person, asked.key)):
            kept = self._find(asked)
            if kept is None:
                now = self._installation.now()
                try:
                    return self._first(asked, call, now)
                except RequestError:
                    kept = self._find(asked)
                    if kept is None or kept.at == now:  # it was refused for what it asks
                        raise
            return self._again(asked, call, kept)

    def _first(self, asked: KeyedRequest, call: Call, now: datetime) -> bytes:
        answers = self._installation.store.access.answers
        with answers.noting(asked.person, asked.key, asked.operation.name, asked.fingerprint, now):
            content = call(_named(asked, now))
        failpoint("service.answer.before")
        return self._kept(asked, content)

    def _again(self, asked: KeyedRequest, call: Call, kept: KeptAnswer) -> bytes:
        if (kept.operation, kept.fingerprint) != (asked.operation.name, asked.fingerprint):
            raise RequestError(
                f"the key {asked.key!r} was used at {kept.at:%Y-%m-%d %H:%M:%S} UTC for another request, {kept.operation}. "
                "A key is for one request and what repeats it: use a new one."
            )
        if kept.answer is not None:
            return kept.answer
        if asked.operation.named is None:
            raise RequestError(
                f"this was done at {kept.at:%Y-%m-%d %H:%M:%S} UTC, and its answer was lost or is a secret that is told once. "
                "It is not done again: look at what there is, and at the audit, or ask with a new key."
            )
        return self._kept(asked, call(_named(asked, kept.at)))

    def _find(self, asked: KeyedRequest) -> KeptAnswer | None:
        return self._installation.store.access.answers.find(asked.person, asked.key)

    def _kept(self, asked: KeyedRequest, content: bytes) -> bytes:
        answers, now = self._installation.store.access.answers, self._installation.now()
        if asked.operation.name not in _SECRET:
            answers.keep(asked.person, asked.key, content)
        if self._swept is None or now > self._swept + _SWEEP:
            self._swept = now
            answers.delete_before(now - _KEPT)
        return content

    @contextmanager
    def _alone(self, key: tuple[str, str]) -> Iterator[None]:
        with self._guard:
            lock, waiting = self._doing.get(key, (threading.Lock(), 0))
            self._doing[key] = (lock, waiting + 1)
        try:
            with lock:
                yield
        finally:
            with self._guard:
                lock, waiting = self._doing.pop(key)
                if waiting > 1:
                    self._doing[key] = (lock, waiting - 1)


def _named(asked: KeyedRequest, at: datetime) -> Mapping[str, Any]:
    """The arguments with a name for what is made, so that asked for again it is found to be made."""
    if asked.operation.named is None:
        return asked.arguments
    parameter, name = asked.operation.named
    return {**asked.arguments, parameter: asked.arguments.get(parameter) or name(at)}
