"""What a process measures with: values are gathered, and sent to the process of the sinks without ever waiting for it."""

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec

from penstock.metrics.metrics_table import DROPPED, METRICS, Metric
from penstock.metrics.series import Record
from penstock.processes.frames import frame

PIPE = "metrics.pipe"

_BATCH = 20
"""Values of one write."""

_MOST_BYTES = 4096
"""Bytes of one write, which the kernel does at once or not at all; see PIPE_BUF in pipe(7)."""

_encode = msgspec.msgpack.Encoder().encode


class Recorder:
    """Gathers values and sends them when `flush` is called; one that is off is asked nothing but that.

    Args:
        pipe: The named pipe of the process of the sinks; None for one that is off.

    Attributes:
        on: Whether anybody wants to know. Ask this before anything is worked out for `record`.
    """

    def __init__(self, pipe: Path | None = None) -> None:
        self.on = pipe is not None
        self._pipe, self._writing = pipe, -1
        self._records: list[Record] = []
        self._dropped = 0
        self._gauges: dict[tuple[str, tuple[str, ...]], Record] = {}

    def record(self, metric: Metric, value: float, *tags: str) -> None:
        """Note a value.

        Args:
            metric: Of what.
            value: What to add, what it is now, or how many seconds it took, by the metric's kind.
            tags: Values of its tags, in their order.
        """
        self._records.append(Record(metric.name, value, tags))

    def flush(self) -> None:
        """Send what was noted; what nobody takes now is dropped, and counted for the time when somebody does.

        The last value of a gauge is kept until it is taken: it may not be noted again for long.
        """
        records, self._records = [*self._gauges.values(), *self._records], []
        self._gauges.clear()
        if self._dropped and self._sent([Record(DROPPED.name, float(self._dropped))]):
            self._dropped = 0
        for start in range(0, len(records), _BATCH):
            batch = records[start : start + _BATCH]
            if not self._sent(batch):
                gauges = [each for each in batch if METRICS[each.name].kind == "gauge"]
                self._gauges.update({(each.name, each.tags): each for each in gauges})
                self._dropped += len(batch) - len(gauges)

    def _sent(self, batch: Sequence[Record]) -> bool:
        data = b"".join(frame(0, 0, _encode(each)) for each in batch)
        if len(data) > _MOST_BYTES:
            return len(batch) > 1 and sum(self._sent([each]) for each in batch) == len(batch)
        try:
            if self._writing < 0 and self._pipe is not None:
                self._writing = _opened(self._pipe)
            os.write(self._writing, data)
        except BlockingIOError:  # it is behind
            return False
        except OSError:  # it is away, and may come back with another pipe
            if self._writing >= 0:
                os.close(self._writing)
                self._writing = -1
            return False
        return True


def _opened(pipe: Path) -> int:
    """Open a named pipe that somebody reads. Raises OSError, also if it is none: a file there would take everything and grow."""
    writing = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISFIFO(os.fstat(writing).st_mode):
        os.close(writing)
        raise FileExistsError(errno.EEXIST, "it is no named pipe", str(pipe))
    return writing


OFF = Recorder()
"""For processes of an installation without a sink."""
