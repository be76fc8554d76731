"""The channel of a try's process: its asks, values and outcome go out, replies come in."""

import os
import socket
import threading
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec
from msgspec.structs import replace

import penstock.errors
from penstock.author.runtime import BaseRuntime
from penstock.decoders import convert, msgpack_decoder
from penstock.errors import PenstockError, RequestError, as_sentence
from penstock.model.attempt import TryEnd
from penstock.model.connection import Connection
from penstock.model.names import error_sentence, well_formed
from penstock.model.state import Outcome
from penstock.model.text import shortened, visible
from penstock.processes.frames import FrameReader, frame
from penstock.processes.masking import Mask
from penstock.spec.wire import Ask, FrameKind, Reply

LINE_CLOSED = 76
"""The exit code of a try's process that could not answer because its code has closed the line (EX_PROTOCOL of sysexits.h)."""

_decode_reply = msgpack_decoder(Reply).decode
_encode = msgspec.msgpack.Encoder().encode


class Channel:
    """Sends frames and waits for replies; several threads of a task may ask at once.

    Args:
        sock: Blocking stream socket to the file server.
        shown: Makes of an error what people read.
    """

    def __init__(self, sock: socket.socket, shown: Callable[[str], str] = str) -> None:
        self._sock, self._shown = sock, shown
        self._reader = FrameReader()
        self._lock = threading.Lock()
        self._owner, self._identity = os.getpid(), os.fstat(sock.fileno()).st_ino
        self.mask = Mask()

    def send(self, kind: FrameKind, serial: int, payload: bytes) -> None:
        """Send one frame.

        Raises:
            OSError: The server is gone.
            RequestError: This is a process that the try's own has forked, which has no line.
        """
        self._check_owner("a message")
        with self._lock:
            self._sock.sendall(frame(kind, serial, payload))

    def log(self, serial: int, text: str) -> None:
        """Send text for the log of a try."""
        self.send(FrameKind.LOG, serial, well_formed(text).encode())

    def finish(self, serial: int, end: TryEnd) -> None:
        """Send the outcome of a try; why it is no success goes into its log, too, and nowhere with a secret in it.

        Raises:
            OSError: The server is gone, or the try's code has closed the line.
        """
        if os.fstat(self._sock.fileno()).st_ino != self._identity:
            # Code that closes every descriptor may have opened another file under this number since.
            raise OSError("the line to the supervisor was closed")
        if end.map_key:
            end = replace(end, map_key=self.mask.hide(end.map_key))
        if end.error or end.rendered:
            rendered = {name: self.mask.hide(text) for name, text in end.rendered.items()}
            end = replace(end, error=self.mask.hide(self._shown(end.error)), rendered=rendered)
        if words := _last_words(end):
            self.log(serial, words)
        try:
            answer = _encode(end)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            reason = f"its answer could not be sent: {error_sentence(error)}"
            answer = _encode(TryEnd(Outcome.FAILED, reason, retryable=False))
        self.send(FrameKind.FINISHED, serial, answer)

    def _check_owner(self, what: str) -> None:
        # Two processes at one line would read each other's replies.
        if os.getpid() != self._owner:
            raise RequestError(
                f"{what} is not to be had in a process that the task has forked: ask for it in the task, and hand it over"
            )

    def frames(self) -> list[tuple[int, int, bytes]]:
        """Wait for at least one frame; an empty list means that the server is gone."""
        while True:
            data = self._sock.recv(1 << 16)
            if not data:
                return []
            if found := list(self._reader.feed(data)):
                return found

    def ask(self, serial: int, method: str, *args: Any) -> Any:  # noqa: ANN401 - any JSON-like value
        """Ask the supervisor for something and wait for the reply.

        Raises:
            RequestError: The supervisor is gone, this is a process that the task has forked, or an argument cannot be sent.
            PenstockError: What the supervisor answered, as the class it named.
        """
        self._check_owner(f"the answer to {method}()")
        try:
            payload = _encode(Ask(method, args))
        except Exception as error:  # noqa: BLE001 - the author's own values, whose code may raise anything
            shown = shortened(", ".join(map(_shown, args)), 300)
            raise RequestError(
                f"{method}({shown}) cannot be asked: {as_sentence(error_sentence(error))} Pass plain text and numbers."
            ) from None
        with self._lock:
            self._sock.sendall(frame(FrameKind.ASK, serial, payload))
            for kind, _, payload in self.frames():
                if kind == FrameKind.REPLY:
                    reply = _decode_reply(payload)
                    self.mask.learn(reply.secrets)
                    return value_of(reply)
        raise RequestError(f"{method}() could not be answered: the supervisor of this try is gone")


def _shown(value: Any) -> str:  # noqa: ANN401 - any argument
    try:
        return visible(repr(value))
    except Exception:  # noqa: BLE001 - its own text may raise
        return f"a {type(value).__name__}"


def _last_words(end: TryEnd) -> str:
    """Why a try ended so, for its log: the traceback if there is one, whose last line is the sentence before it.

    Of one that was cancelled it is where it stood; whoever had it cancelled writes why.
    """
    _, _, rest = end.error.partition("\n")
    traceback = rest if rest.startswith("Traceback") else ""
    if end.outcome is Outcome.CANCELLED:
        return f"{traceback}\n" if traceback else ""
    text = traceback or end.error
    if not text:
        return ""
    return f"{text}\n" if end.outcome is Outcome.FAILED else f"{end.outcome.value}: {text}\n"


def value_of(reply: Reply) -> Any:  # noqa: ANN401 - any JSON-like value
    """The value of a reply; raises what it says, as the class of `penstock.errors` that it names."""
    if not reply.error:
        return reply.value
    found = getattr(penstock.errors, reply.error_type, None)
    kind = found if isinstance(found, type) and issubclass(found, PenstockError) else RequestError
    error = kind.__new__(kind)
    error.args = (reply.error,)
    raise error


class ChannelRuntime(BaseRuntime):
    """The runtime of a process that asks its supervisor over a channel; it opens no object stores."""

    place: ClassVar[str] = "in a process that runs no task"
    advice: ClassVar[str] = "do it inside a task"

    def __init__(self, channel: Channel, serial: int) -> None:
        self._channel, self._serial = channel, serial

    def connection(self, conn_id: str) -> Connection:
        """The connection of this id."""
        return convert(self._channel.ask(self._serial, "connection", conn_id), Connection)

    def variable(self, key: str) -> str | None:
        """The text of a Variable, or None."""
        value: str | None = self._channel.ask(self._serial, "variable", key)
        return value

    def set_variable(self, key: str, value: str | None) -> None:
        """Store or delete a Variable."""
        self._channel.ask(self._serial, "set_variable", key, value)

    def xcom(self, task_id: str, key: str, map_index: int | None) -> Any:  # noqa: ANN401 - any JSON value
        """The plain form of a value that another task of this run left, or None."""
        text: str | None = self._channel.ask(self._serial, "xcom", task_id, key, map_index)
        return None if text is None else msgspec.json.decode(text)

    def xcom_page(self, task_id: str, key: str, first: int) -> list[tuple[int, Any]]:
        """Plain forms of some values that instances of a mapped task left, each with its map index, from an index on."""
        page: list[tuple[int, Any]] = msgspec.json.decode(
            self._channel.ask(self._serial, "xcom_page", task_id, key, first)
        )
        return page

    def checkpoint(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """The plain form of what a try of this task instance kept, or None."""
        text: str | None = self._channel.ask(self._serial, "checkpoint", key)
        return None if text is None else msgspec.json.decode(text)

    def set_checkpoint(self, key: str, value: Any) -> None:  # noqa: ANN401 - any JSON value
        """Keep a plain value for later tries, or delete it."""
        text = None if value is None else msgspec.json.encode(value).decode()
        self._channel.ask(self._serial, "set_checkpoint", key, text)

    def kept_state(self, asset: str, key: str) -> tuple[int, Any] | None:
        """The number and the plain form of what the task or an asset keeps, or None."""
        found: list[Any] | None = self._channel.ask(self._serial, "kept_state", asset, key)
        return None if found is None else (found[0], msgspec.json.decode(found[1]))

    def set_kept_state(self, asset: str, key: str, value: Any, expected: int | None) -> bool:  # noqa: ANN401 - any JSON value
        """Keep a plain value from run to run, or delete it."""
        text = None if value is None else msgspec.json.encode(value).decode()
        kept: bool = self._channel.ask(self._serial, "set_kept_state", asset, key, text, expected)
        return kept

    def trigger_dag(self, dag_id: str, run_id: str, conf: dict[str, Any], logical_date: str) -> None:
        """Ask for a run of another DAG."""
        self._channel.ask(self._serial, "trigger_dag", dag_id, run_id, conf, logical_date)

    def clear_run(self, dag_id: str, run_id: str) -> bool:
        """Have a run of another DAG run again; False if there is none."""
        there: bool = self._channel.ask(self._serial, "clear_run", dag_id, run_id)
        return there

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        """State of a run, or None."""
        state: str | None = self._channel.ask(self._serial, "run_state", dag_id, run_id)
        return state

    def asset_events(self, asset: str, after: int, upto: int) -> list[dict[str, Any]]:
        """Some events of an asset after a number, up to another, oldest first."""
        text: str = self._channel.ask(self._serial, "asset_events", asset, after, upto)
        found: list[dict[str, Any]] = msgspec.json.decode(text)
        return found

    def external_states(
        self, dag_id: str, task_ids: list[str], group_id: str, dates: list[str]
    ) -> list[dict[str, Any]]:
        """What has become of another DAG's run, tasks or task group at each of some logical dates."""
        text: str = self._channel.ask(self._serial, "external_states", dag_id, task_ids, group_id, dates)
        found: list[dict[str, Any]] = msgspec.json.decode(text)
        return found
