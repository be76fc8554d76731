"""Reads the end of a log for an alert, in the process of the notifier that may run a log store's code."""

from pathlib import Path

from penstock.decoders import msgpack_decoder
from penstock.logs.reading import LogReader
from penstock.notify.alerts.log_tails import MOST_READ, LogTailJob, tail_of

_decode = msgpack_decoder(LogTailJob).decode


def read_tail(reader: LogReader, payload: bytes) -> str:
    """The last lines of a log; "" if there are none.

    Args:
        reader: Reads logs.
        payload: The `LogTailJob`, encoded.

    Raises:
        PenstockError: The log store does not give it.
    """
    job = _decode(payload)
    whole = reader.size(job.name)
    tail = b""
    for piece in reader.read(Path(job.path), job.name, max(0, (whole or 0) - MOST_READ)):
        tail = (tail + piece)[-MOST_READ:]
    return tail_of(tail, job.lines)
