"""Changes that are asked for with a key: who asks again with it is answered the same, and nothing is done twice."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

from penstock.errors import PendingError, RequestError
from penstock.processes.failpoint import failpoint
from penstock.service.installation import Installation
from penstock.service.operations.operation import Operation
from penstock.store import KeptAnswer, KeyTakenError, UsedKey

_KEPT = timedelta(days=1)
_SWEEP = timedelta(hours=1)
_WAIT_S = 5.0

Call = Callable[[bool], bytes]
"""Does what is asked for and makes the answer; told whether it was begun before, and cut off."""


Check = Callable[[], None]
"""Raises ChangedError if what is to be changed is not as whoever asks has seen it."""


class KeyedRequest(NamedTuple):
    """A change that is asked for with a key.

    Attributes:
        person: Who asks, within the limits of a token: the keys of others are others.
        key: The key.
        operation: What is asked for.
        fingerprint: A hash of the whole request.
    """

    person: str
    key: str
    operation: Operation
    fingerprint: bytes


class Once:
    """Does what is asked for with a key once, and keeps what was answered for a day.

    Key and answer are in the change's own transaction: all that an operation writes is one. What would keep others from the
    database for too long notes the key in its first transaction, and goes on where it was cut off.

    Args:
        installation: The installation.
        wait_s: Seconds for which a request waits for another one with its key.
    """

    def __init__(self, installation: Installation, wait_s: float = _WAIT_S) -> None:
        self._installation, self._wait_s = installation, wait_s
        self._guard = threading.Lock()
        self._doing: dict[tuple[str, str], tuple[threading.Lock, int]] = {}
        self._swept: datetime | None = None

    def unless_changed(self, call: Callable[[], bytes], check: Check) -> bytes:
        """Do what has no key in one transaction, if a check that reads in that transaction lets it be done; raises as `answer`."""
        check()  # as what writes nothing has no transaction
        with self._installation.store.access.answers.together(None, check):
            return call()

    def answer(self, asked: KeyedRequest, call: Call, check: Check | None = None) -> bytes:
        """Do it, or answer as it was answered; of two that ask at once, the second waits for the first's answer.

        Args:
            asked: What is asked for.
            call: Does it.
            check: As for `unless_changed`, of what is done now; no other operation than one that is a single transaction has one.

        Raises:
            ChangedError: It is not as whoever asks has seen it.
            PendingError: The first takes long.
            RequestError: The key was used for another request; or what was asked for is done, and its answer is told once.
            PenstockError: As the operation.
        """
        with self._alone((asked.person, asked.key)):
            kept = self._find(asked)
            if kept is None:
                try:
                    return self._first(asked, call, check)
                except KeyTakenError:  # by a request to another server
                    kept = self._find(asked)
            if kept is None:
                raise PendingError.of_key(asked.key)
            return self._again(asked, call, kept)

    def _first(self, asked: KeyedRequest, call: Call, check: Check | None) -> bytes:
        if check is not None:
            check()
        answers, now = self._installation.store.access.answers, self._installation.now()
        used = UsedKey(asked.person, asked.key, asked.operation.name, asked.fingerprint, now)
        if asked.operation.resumes:
            with answers.begun(used):
                content = call(False)
            self._keep(asked, content)
        else:
            with answers.together(used, check):
                content = call(False)
                self._keep(asked, content)
        failpoint("service.answer.before")
        self._sweep(now)
        return content

    def _again(self, asked: KeyedRequest, call: Call, kept: KeptAnswer) -> bytes:
        if (kept.operation, kept.fingerprint) != (asked.operation.name, asked.fingerprint):
            raise RequestError(
                f"the key {asked.key!r} was used at {kept.at:%Y-%m-%d %H:%M:%S} UTC for another request, {kept.operation}, or with "
                "other rights. A key is for one request and what repeats it: use a new one."
            )
        if kept.answer is not None:
            return kept.answer
        if not asked.operation.resumes:
            raise RequestError(
                f"this was done at {kept.at:%Y-%m-%d %H:%M:%S} UTC, and its answer is a secret that is told once. "
                "It is not done again: undo it, and ask with a new key."
            )
        content = call(True)
        self._keep(asked, content)
        return content

    def _find(self, asked: KeyedRequest) -> KeptAnswer | None:
        return self._installation.store.access.answers.find(asked.person, asked.key)

    def _keep(self, asked: KeyedRequest, content: bytes) -> None:
        kept = None if asked.operation.secret_answer else content
        self._installation.store.access.answers.keep(asked.person, asked.key, kept)

    def _sweep(self, now: datetime) -> None:
        if self._swept is None or abs(now - self._swept) > _SWEEP:  # or the clock was set back since
            self._swept = now
            self._installation.store.access.answers.delete_before(now - _KEPT)

    @contextmanager
    def _alone(self, key: tuple[str, str]) -> Iterator[None]:
        with self._guard:
            lock, waiting = self._doing.get(key, (threading.Lock(), 0))
            self._doing[key] = (lock, waiting + 1)
        try:
            if not lock.acquire(timeout=self._wait_s):
                raise PendingError.of_key(key[1])
            try:
                yield
            finally:
                lock.release()
        finally:
            with self._guard:
                lock, waiting = self._doing.pop(key)
                if waiting > 1:
                    self._doing[key] = (lock, waiting - 1)
