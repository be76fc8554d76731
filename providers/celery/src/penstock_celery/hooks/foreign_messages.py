"""A consumer of Celery's that takes rings alone, and tells when its broker is lost and back.

Messages that are none of Penstock's are thrown away with a word, before Celery stumbles over them.

What Celery cannot take apart ends its worker, and the message is there again for the next one. A queue can be another application's, too,
and whoever can write to a broker can write anything.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from penstock_celery.errors import broker_words
from penstock_celery.hooks.broker import TASK, broker_of

if TYPE_CHECKING:
    from celery.worker.consumer import Consumer  # type: ignore[import-untyped]  # it ships no types

_log = logging.getLogger(__name__)
_PARTS = 3
_LONGEST_BODY = 4096
"""Bytes: a ticket is some hundred."""
_NEVER = ("eta", "expires", "timelimit")
"""Headers that none of Penstock's messages has a value of: they would have one held back, or thrown away."""


def is_ring(message: Any) -> bool:  # noqa: ANN401 - kombu's
    """Whether a message is one that an executor has published, by its form."""
    headers = message.headers
    if not isinstance(headers, dict) or headers.get("task") != TASK or not isinstance(headers.get("id"), str):
        return False
    if any(_is_set(headers.get(name)) for name in _NEVER) or headers.get("retries") not in (None, 0):
        return False
    if len(message.body) > _LONGEST_BODY:
        return False
    try:
        body = message.decode()
    except Exception:  # noqa: BLE001 - of any library that could decode it
        return False
    if not isinstance(body, list | tuple) or len(body) != _PARTS:
        return False
    args, *named = body
    whole = isinstance(args, list) and len(args) == 1 and isinstance(args[0], str)
    return whole and all(isinstance(each, dict) for each in named)


def _is_set(value: object) -> bool:
    return any(each is not None for each in value) if isinstance(value, list | tuple) else value is not None


class BrokerWatch:
    """Tells once that a broker is lost, and once that it is back."""

    def __init__(self) -> None:
        self._is_lost = False
        self._error: Exception | None = None

    def lost(self, broker: str = "", error: Exception | None = None) -> None:
        """It is lost; without an error, somebody else tells it."""
        if error is not None and not self._is_lost:
            _log.warning("worker: the broker %s is lost, tries that run go on: %s", broker, broker_words(error))
        self._is_lost, self._error = True, self._error or error

    def found(self, broker: str) -> None:
        """The line to it stands."""
        if self._is_lost:
            _log.warning("worker: the broker %s is back", broker)
        self._is_lost, self._error = False, None

    def cause(self, logged: BaseException | None) -> BaseException | None:
        """Why Celery's worker has ended, of what it has logged last: where it had lost its broker, it stumbled over the closed line."""
        return self._error or logged


def consumer_class(watch: BrokerWatch) -> type:
    """The class of a consumer of Celery's that takes rings, and nothing else."""
    from celery.worker.consumer import Consumer  # noqa: PLC0415 - on first use

    def create_task_handler(self: Consumer, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - Celery's own
        take = Consumer.create_task_handler(self, *args, **kwargs)

        def take_ring(message: Any) -> None:  # noqa: ANN401 - kombu's
            if is_ring(message):
                take(message)
                return
            self.pool.throw_away()
            message.reject_log_error(_Quiet, self.connection_errors)

        return take_ring

    def on_connection_error_after_connected(self: Consumer, exc: Exception) -> None:
        watch.lost(broker_of(self.app), exc)
        Consumer.on_connection_error_after_connected(self, exc)

    ours = (create_task_handler, on_connection_error_after_connected)
    return type("RingConsumer", (Consumer,), {each.__name__: each for each in ours})


class _Quiet:
    """Where kombu tells that a connection is gone while a message is rejected: the broker has it still, and sends it again."""

    @staticmethod
    def critical(*_: object, **__: object) -> None:
        """Nothing."""
