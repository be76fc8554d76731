"""Ships one log: what it has grown by goes to the log store piece by piece, and a seal once its try has ended."""

import os
from typing import BinaryIO

from penstock.errors import PluginError
from penstock.logs.local_logs import LocalLog
from penstock.processes.files import open_file
from penstock.spec.log_store import LogStore

TURN_PIECES = 16
"""Pieces of one log that are shipped before others have their turn."""


def ship(log: LocalLog, name: str, store: LogStore, chunk_bytes: int, *, ended: bool) -> LocalLog:
    """Ship what a log has grown by.

    A mark beside the file notes each piece once the store has it. Whoever is killed in between offers the piece again under the same
    offset, and the store answers with the size of the one that it has: no byte is in it twice, and none is left out.

    Args:
        log: The log as it was found.
        name: What it is called in the store.
        store: The log store.
        chunk_bytes: Bytes of a piece, at most.
        ended: Whether its try has ended, so that it is sealed once all of it is shipped.

    Returns:
        The log as it is marked now.

    Raises:
        PluginError: The store answered with nonsense.
        OSError: The file or its mark is gone, or the disk fails.
    """
    with open_file(log.path) as file:
        for _ in range(TURN_PIECES):
            file.seek(log.shipped)
            data = file.read(chunk_bytes)
            if not data:
                break
            log = log.marked(log.shipped + _taken(store.append(name, log.shipped, data), data, file))
        else:
            return log
    if ended:
        store.seal(name, log.shipped)
        log = log.marked(log.shipped, whole=True)
    return log


def _taken(answer: object, data: bytes, file: BinaryIO) -> int:
    # What stood there may be longer than what was offered, and never longer than the log: that would be deleted before it is shipped.
    left = os.fstat(file.fileno()).st_size - file.tell() + len(data)
    if type(answer) is not int or not 1 <= answer <= left:
        raise PluginError(
            f"append() of the log store answered {answer!r} to {len(data)} bytes: it must be how many it has from their offset on"
        )
    return answer
