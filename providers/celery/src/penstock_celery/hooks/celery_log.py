"""What Celery's worker logs: why it has ended, which it tells in no other way, and whatever else fails, once."""

import contextlib
import logging
from collections.abc import Iterator

from penstock_celery.errors import broker_error

_log = logging.getLogger(__name__)
_TAKEN = ("celery", "kombu")
_LONGEST = 300


class CeleryLog(logging.Handler):
    """Takes what Celery's worker logs.

    Args:
        broker: The broker's URL, without a password.

    Attributes:
        error: The gravest exception, and of those the newest: one that ends the worker has others follow while it is taken apart.
    """

    def __init__(self, broker: str) -> None:
        super().__init__(logging.WARNING)
        self.error: BaseException | None = None
        self._broker, self._gravest, self._last = broker, logging.NOTSET, ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep an exception, and hand on a failure that is another one than before."""
        if record.exc_info and record.exc_info[1] is not None:
            if record.levelno >= self._gravest:
                self._gravest, self.error = record.levelno, record.exc_info[1]
            return
        if record.levelno < logging.ERROR:
            return
        given = record.args if isinstance(record.args, tuple) else ()
        cause = next((each for each in given if isinstance(each, Exception)), None)
        text = f"Celery's {record.getMessage().strip().partition(chr(10))[0][:_LONGEST]}"
        if cause is not None:  # of a connection that has not come about, and is tried for again
            text = str(broker_error(cause, "connect", self._broker))
        if text != self._last:
            self._last = text
            _log.warning("worker: %s", text)

    def forget(self) -> None:
        """Hand on what comes next whatever it is: what was told is over."""
        self._last = ""


@contextlib.contextmanager
def taken_log(broker: str) -> Iterator[CeleryLog]:
    """Take the log of Celery's worker: it would come as tracebacks, and again with each attempt.

    Args:
        broker: The broker's URL, without a password.
    """
    taken, before = CeleryLog(broker), {}
    for logger in map(logging.getLogger, _TAKEN):
        before[logger], logger.propagate = logger.propagate, False
        logger.addHandler(taken)
    try:
        yield taken
    finally:
        for logger, propagated in before.items():
            logger.removeHandler(taken)
            logger.propagate = propagated
