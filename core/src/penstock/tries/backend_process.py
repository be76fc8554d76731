"""The process of a secrets backend: it makes the backend, and calls it with what its parent asks.

It speaks the frames of `penstock.spec.wire`: RUN with a `BackendConfig`, HELLO when the backend is made (why not, or ""); then RUN
for a question, FINISHED with its `BackendAnswer`, and ASK and REPLY between the two.
"""

import socket
import traceback
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from penstock.author.runtime import current
from penstock.decoders import decode_msgpack
from penstock.errors import ConfigError, PenstockError
from penstock.execute.channel import Channel, ChannelRuntime
from penstock.model.connection import Connection, parse_connection
from penstock.model.names import error_reason
from penstock.model.text import shortened
from penstock.spec.secrets_backend import SecretsBackend
from penstock.spec.wire import Ask, FrameKind
from penstock.tries.backend_line import LARGEST_ANSWER, BackendAnswer, BackendConfig

LONGEST_REASON = 1000

_encode = msgspec.msgpack.Encoder().encode


class BackendRuntime(ChannelRuntime):
    """The runtime of a secrets backend: connections and Variables of the environment."""

    place: ClassVar[str] = "in a secrets backend"
    advice: ClassVar[str] = "it is given what the environment sets, and nothing else"


def serve_backend(sock: socket.socket, make: Callable[[BackendConfig], SecretsBackend]) -> None:
    """Make the backend, then answer until the parent hangs up.

    Args:
        sock: Blocking stream socket to the parent.
        make: Imports the backend's object and calls it.
    """
    channel = Channel(sock)
    current.set(BackendRuntime(channel, 0))
    backend: SecretsBackend | None = None
    while frames := channel.frames():
        for _, serial, payload in frames:
            if backend is None:
                try:
                    backend = make(decode_msgpack(payload, BackendConfig))
                except BaseException as error:  # noqa: BLE001 - the fence: a backend may raise anything
                    channel.send(FrameKind.HELLO, 0, f"it cannot be made: {_reason(channel, error)}".encode())
                    return
                channel.send(FrameKind.HELLO, 0, b"")
            else:
                answer = _answer(channel, backend, decode_msgpack(payload, Ask))
                channel.send(FrameKind.FINISHED, serial, _encode(answer))


def _answer(channel: Channel, backend: SecretsBackend, ask: Ask) -> BackendAnswer:
    try:
        return BackendAnswer(_sized(ask, _checked(ask, getattr(backend, ask.method)(*ask.args))))
    except BaseException as error:  # noqa: BLE001 - as above
        return BackendAnswer(problem=_reason(channel, error))


def _sized(ask: Ask, value: Any) -> Any:  # noqa: ANN401 - as below
    """The value; raises ConfigError if it is too large to be sent."""
    size = len(_encode(value))
    if size > LARGEST_ANSWER:
        raise ConfigError(
            f"{ask.method}() returned {size:,} bytes; at most {LARGEST_ANSWER:,} are taken. "
            "Keep what is larger in an object store, and its URL here"
        )
    return value


def _checked(ask: Ask, value: Any) -> Any:  # noqa: ANN401 - whatever the backend returned
    """The answer as it is sent; raises TypeError if it is none of what the protocol says, and ConfigError if it cannot be read."""
    if value is None:
        return None
    if ask.method == "connection":
        if isinstance(value, str):
            value = parse_connection(ask.args[0], value)
        if isinstance(value, Connection):
            return msgspec.to_builtins(value)
        wanted = "a Connection, its text, or None"
    elif ask.method == "variable":
        if isinstance(value, str):
            return value
        wanted = "text, or None"
    else:
        names = None if isinstance(value, str) else list(value)
        if names is not None and all(isinstance(each, str) for each in names):
            return names
        wanted = "texts, or None"
    raise TypeError(f"{ask.method}() returned a {type(value).__name__}; it must return {wanted}")


def _reason(channel: Channel, error: BaseException) -> str:
    """Why there is no answer, without secrets that are known here; where it happened goes into the log."""
    if not isinstance(error, PenstockError):
        traceback.print_exception(error)
    return shortened(channel.mask.hide(error_reason(error)), LONGEST_REASON)
