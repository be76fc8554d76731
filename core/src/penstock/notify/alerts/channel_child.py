"""In the process of an alert channel: what it is handed is sent by its notifier, or calls functions of a DAG file.

It speaks the frames of `penstock.spec.wire`: HELLO when it is ready (why not, or ""), RUN for a message, FINISHED with an
`Answer`, ASK and REPLY between the two.
"""

import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from penstock.author.run.coroutines import completed
from penstock.author.runtime import current
from penstock.decoders import msgpack_decoder
from penstock.errors import ErrorKind, ProviderError
from penstock.execute.channel import Channel, ChannelRuntime
from penstock.model.names import error_sentence
from penstock.model.secret import variable_secrets
from penstock.model.text import shortened
from penstock.notify.alerts.callbacks import CallbackJob, CallbackRunner
from penstock.notify.alerts.channel_process import Answer
from penstock.spec.notifier import AlertMessage, Notifier
from penstock.spec.wire import FrameKind

_encode = msgspec.msgpack.Encoder().encode
_decode_message = msgpack_decoder(AlertMessage).decode
_decode_job = msgpack_decoder(CallbackJob).decode

Handle = Callable[[bytes], str]
"""Takes a message; returns what it asked for, "" if that is nothing."""

_LONGEST = 2_000


def run_channel(sock: socket.socket, load: Callable[[Channel], Handle], *, once: bool = False) -> None:
    """Get ready, then handle each message until the notifier hangs up.

    Args:
        sock: Blocking stream socket to the notifier.
        load: Makes what handles a message.
        once: Whether a message that was begun is not to be repeated, whatever was raised.
    """
    channel = Channel(sock)
    current.set(ChannelRuntime(channel, 0))
    try:
        handle = load(channel)
    except BaseException as error:  # noqa: BLE001 - a provider's code: why it cannot be made is the answer
        channel.send(FrameKind.HELLO, 0, _sentence(error, channel).encode())
        return
    channel.send(FrameKind.HELLO, 0, b"")
    while frames := channel.frames():
        for _, serial, payload in frames:
            try:
                answer = Answer(text=handle(payload))
            except BaseException as error:  # noqa: BLE001 - a provider's or an author's code: what it raised is the answer
                final = once or (isinstance(error, ProviderError) and error.kind is ErrorKind.INVALID)
                answer = Answer(_sentence(error, channel), final=final)
            channel.send(FrameKind.FINISHED, serial, _encode(answer))


def _sentence(error: BaseException, channel: Channel) -> str:
    """What foreign code raised, as one line without secrets."""
    return shortened(channel.mask.hide(error_sentence(error)), _LONGEST)


def sending(notifier: Notifier) -> Handle:
    """Handle messages by a notifier."""

    def handle(payload: bytes) -> str:
        completed(notifier.send(_decode_message(payload)))
        return ""

    return handle


def calling(snapshots: Path, channel: Channel) -> Handle:
    """Handle jobs by the functions of a DAG file."""
    runner = CallbackRunner(snapshots)

    def handle(payload: bytes) -> str:
        job = _decode_job(payload)
        channel.mask.learn(tuple(s for key, text in job.code.variables.items() for s in variable_secrets(key, text)))
        runner.call(job, ChannelRuntime(channel, 0))
        return ""

    return handle
