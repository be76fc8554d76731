"""What supervisors and the processes of tries say to each other, in `penstock.processes.frames`.

The serial of a frame names a try on one connection; what the payload is follows from the kind, see `FrameKind`. Payloads
are MessagePack (msgpack.org).
"""

from enum import IntEnum
from typing import Any

import msgspec


class FrameKind(IntEnum):
    """What a frame means. ``>`` goes towards the try, ``<`` towards the scheduler."""

    RUN = 1  # > run a try: TryRequest
    PREFETCH = 2  # > keep a try until one of yours has ended, whose place it takes, or until START: TryRequest
    CANCEL = 3  # > end a try: its reason
    REPLY = 4  # > answer to ASK: Reply
    STOP = 5  # > end everything
    START = 6  # > a place is free for this try that you keep
    POKE = 7  # > poke a sensor of yours at once: what it waits for may have come
    SUCCESSOR = 9  # < this kept try took the place of the one whose FINISHED comes next
    STARTED = 10  # < the try's process exists: its pid, and how many seconds ago it was there
    FINISHED = 11  # < the try ended: TryEnd
    ASK = 12  # < the try asks for something: Ask
    BEAT = 13  # < the sender is alive
    LOG = 14  # < bytes for the try's log, from a process that many tries share
    HELLO = 15  # < a file server's process exists; the serial is its pid
    READY = 16  # < it has imported its file
    FRESH = 17  # < its import left threads behind, so that it must not fork: let each try import the file itself


class Ask(msgspec.Struct, frozen=True):
    """What a try asks of the scheduler: a method of `penstock.author.runtime.Runtime`, with JSON-like arguments."""

    method: str
    args: tuple[Any, ...] = ()


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to an `Ask`.

    Attributes:
        error: Message if it could not be answered; ``error_type`` names the exception of `penstock.errors`.
        secrets: Values that must not appear in the try's log from now on.
    """

    value: Any = None
    error: str = ""
    error_type: str = ""
    secrets: tuple[str, ...] = ()
