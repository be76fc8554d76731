"""What the executor and its workers say to each other over TCP.

A message is four bytes of length in network order, then that many bytes of MessagePack: one of the structs below, told by
its tag. Whoever reads them decides how long a message may be, and refuses whatever is no message with a sentence.

A worker says `Hello` first and is answered by `Welcome` or `Refused`. It keeps each `Report` until a `Received` of its serial
or a later one, and each question (`Fetch`, `TryAsked`) until its `Answered`; it sends them again after it has connected anew.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from penstock.errors import RequestError, as_sentence
from penstock.spec.executor import TaskKey, TryAsked, TryFinished, TryRequest, TryStarted
from penstock.spec.wire import Reply

LARGEST = 64 << 20
"""Bytes of the largest message between an executor and a worker that it knows."""
LARGEST_HELLO = 1 << 20
"""Bytes of the largest message from someone who has not shown the token yet."""

_PREFIX = 4

T = TypeVar("T")
TryName = tuple[TaskKey, int]
"""Key and epoch."""
TryNames = Annotated[tuple[TryName, ...], msgspec.Meta(max_length=10_000)]
Number = Annotated[int, msgspec.Meta(ge=0)]


class Printed(msgspec.Struct, frozen=True, tag="printed"):
    """A try printed something.

    Attributes:
        offset: Number of bytes that it had printed before.
    """

    key: TaskKey
    epoch: int
    offset: Annotated[int, msgspec.Meta(ge=0, lt=1 << 40)]
    data: bytes


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """Who a worker is, how many tries it runs at once, and which it holds: those that run, and ends that nobody has received."""

    token: str
    worker: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    slots: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    tries: TryNames


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """The worker is alive and holds these tries."""

    tries: TryNames


class Report(msgspec.Struct, frozen=True, tag="report"):
    """Something that must not be lost; the serials of a worker ascend."""

    serial: Number
    event: TryStarted | Printed | TryFinished


class Fetch(msgspec.Struct, frozen=True, tag="fetch"):
    """A question of the worker's own: the source snapshot of a content hash."""

    number: Number
    snapshot: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{1,128}$")]


class Welcome(msgspec.Struct, frozen=True, tag="welcome"):
    """The worker belongs to the executor, and must be heard of within this time."""

    lease_s: float


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The connection is closed, and why."""

    reason: str


class Run(msgspec.Struct, frozen=True, tag="run"):
    """Run a try."""

    request: TryRequest


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """End tries; those that the worker does not run need no answer."""

    tries: tuple[TryName, ...]
    reason: str


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """The reply to a question; to `Fetch` its value is the packed snapshot."""

    number: Number
    reply: Reply


class Received(msgspec.Struct, frozen=True, tag="received"):
    """All reports up to this serial are stored."""

    serial: Number


FromWorker = Hello | Beat | Report | Fetch | TryAsked
FromExecutor = Welcome | Refused | Run | Cancel | Answered | Received


def encode(message: FromWorker | FromExecutor) -> bytes:
    """Encode one message.

    Raises:
        RequestError: It is larger than a message may be.
    """
    payload = msgspec.msgpack.encode(message)
    if len(payload) > LARGEST:
        raise RequestError(f"it takes {len(payload)} bytes to send, and a message may have {LARGEST}.")
    return len(payload).to_bytes(_PREFIX) + payload


class MessageReader(Generic[T]):
    """Cuts a stream into messages.

    Args:
        kinds: The union of the messages that may come.
        largest: Bytes that a message may have.

    Attributes:
        largest: As given; what is changed holds from the next message on.
    """

    def __init__(self, kinds: Any, largest: int) -> None:  # noqa: ANN401 - a union of types has no type of its own
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(kinds)
        self._buffer = bytearray()
        self.largest = largest

    def feed(self, data: bytes) -> Iterator[T]:
        """Yield every message that is complete with this data.

        Raises:
            RequestError: What comes is no message.
        """
        self._buffer += data
        while len(self._buffer) >= _PREFIX:
            end = _PREFIX + int.from_bytes(self._buffer[:_PREFIX])
            if end - _PREFIX > self.largest:
                raise RequestError(f"a message of {end - _PREFIX} bytes was announced, and {self.largest} are allowed.")
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[_PREFIX:end])
            del self._buffer[:end]
            try:
                message = self._decoder.decode(payload)
            except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
                raise RequestError(f"a message cannot be read: {as_sentence(error)}") from None
            yield message


def read_address(text: str) -> tuple[str, int]:
    """Read ``HOST:PORT``; raises RequestError if it is none."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise RequestError(f"{text!r} is no address. Write HOST:PORT, such as 127.0.0.1:7070.")
    return host, int(port)


def read_token(path: Path) -> str:
    """Read the token that both sides know; raises RequestError if there is none."""
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise RequestError(f"the token file {path} cannot be read: {as_sentence(error)}") from None
    if len(token) < 16:
        raise RequestError(f"the token in {path} is too short: it needs 16 characters.")
    return token
