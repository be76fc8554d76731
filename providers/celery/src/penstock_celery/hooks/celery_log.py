"""What Celery's worker logs: why it has ended, which it tells in no other way, and whatever else fails, once."""

import contextlib
import logging
from collections.abc import Iterator

_log = logging.getLogger(__name__)
_WORKER = "celery.worker"
_LONGEST = 300


class CeleryLog(logging.Handler):
    """Takes what Celery's worker logs.

    Attributes:
        error: The newest exception.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.error: BaseException | None = None
        self._last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep an exception, and hand on a failure that is another one than before."""
        if record.exc_info and record.exc_info[1] is not None:
            self.error = record.exc_info[1]
            return
        text = record.getMessage().strip().partition("\n")[0][:_LONGEST]
        if record.levelno >= logging.ERROR and text != self._last:
            self._last = text
            _log.warning("worker: Celery's %s", text)


@contextlib.contextmanager
def taken_log() -> Iterator[CeleryLog]:
    """Take the log of Celery's worker: it would come as tracebacks, and again with each attempt."""
    logger, taken = logging.getLogger(_WORKER), CeleryLog()
    before, logger.propagate = logger.propagate, False
    logger.addHandler(taken)
    try:
        yield taken
    finally:
        logger.removeHandler(taken)
        logger.propagate = before
