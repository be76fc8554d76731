"""Questions of tries that change something: one that comes again, as its answer was lost, is answered as before; nothing is done twice."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from penstock.decoders import decode_msgpack
from penstock.errors import PendingError, StoreUnavailableError
from penstock.spec.wire import Reply
from penstock.store import KeptAnswer, KeyTakenError, Store, UsedKey

CHANGES = frozenset({"set_variable", "set_checkpoint", "set_kept_state", "trigger_dag", "clear_run"})
"""Methods of `penstock.author.runtime.Runtime` that change something: all others may be asked as often as one likes."""
_KEPT, _SWEEP = timedelta(hours=1), timedelta(minutes=10)
_PERSON = "\ntry "  # no person's name begins so

_encode = msgspec.msgpack.Encoder().encode


class AsksOnce:
    """Keeps what was answered in the transaction of the change, for an hour: a worker asks again for as long as its lease.

    Args:
        store: Where answers are kept.
    """

    def __init__(self, store: Store) -> None:
        self._answers = store.access.answers
        self._lock = threading.Lock()
        self._swept: datetime | None = None

    def answer(self, name: str, number: str, method: str, now: datetime, reply: Callable[[], Reply]) -> Reply:
        """Answer a question, or as it was answered.

        Args:
            name: Of the try's ticket.
            number: Which of its questions it is.
            method: What it asks for.
            now: The present.
            reply: Answers it, and writes in one transaction.

        Raises:
            StoreUnavailableError: The database cannot be had, or the same question is being answered just now.
            StoreError: The database failed.
        """
        person = f"{_PERSON}{name}"
        kept = self._answers.find(person, number)
        if kept is None:
            try:
                with self._answers.together(UsedKey(person, number, method, b"", now)):
                    found = reply()
                    self._answers.keep(person, number, _encode(found))
            except PendingError as error:
                raise StoreUnavailableError(str(error)) from None
            except KeyTakenError:  # another server was asked the same, and has answered
                kept = self._answers.find(person, number)
            else:
                self._sweep(now)
                return found
        return _reply(kept)

    def _sweep(self, now: datetime) -> None:
        with self._lock:
            if self._swept is not None and now < self._swept + _SWEEP:
                return
            self._swept = now
        self._answers.delete_before(now - _KEPT, _PERSON)


def _reply(kept: KeptAnswer | None) -> Reply:
    if kept is None or kept.answer is None:
        raise StoreUnavailableError("the same question is being answered just now")
    return decode_msgpack(kept.answer, Reply)
