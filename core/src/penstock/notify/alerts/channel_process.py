"""The process of one alert channel, which is handed one message at a time."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec

from penstock.decoders import msgpack_decoder
from penstock.notify.answers import Answering
from penstock.processes.line_process import LineProcess
from penstock.spec.wire import Ask, FrameKind, Reply

LOAD_S = 60.0
"""Seconds that the import of a notifier, or of a DAG file with callbacks, may take."""

LOG = "alerts.log"
"""In the folder of all logs, what the processes of channels print."""

IDLE_S = 10.0
"""Seconds without a message after which the process is ended."""

_EXIT_S = 0.5

_encode = msgspec.msgpack.Encoder().encode
_decode_ask = msgpack_decoder(Ask).decode


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a message.

    Attributes:
        failure: What went wrong, as a sentence; "" if it was taken.
        final: Whether no repetition helps.
        died: Whether the process ended at it.
        late: Whether it took too long.
        text: What was asked for, if something was.
    """

    failure: str = ""
    final: bool = False
    died: bool = False
    late: bool = False
    text: str = ""


_decode_answer = msgpack_decoder(Answer).decode


class ChannelProcess:
    """Starts the process of a channel when there is a message for it, and ends it when there has been none for a while.

    Args:
        command: Starts the process.
        log: File that receives what it prints.
        timeout_s: Seconds that it may take for a message.
        monotonic: Tells seconds that never go back.

    Attributes:
        problem: Why it could not be started, as a sentence; "" if that has not been tried or it could.
    """

    def __init__(self, command: Sequence[str], log: Path, timeout_s: float, monotonic: Callable[[], float]) -> None:
        self._command, self._log, self._timeout_s, self._monotonic = command, log, timeout_s, monotonic
        self._process: LineProcess | None = None
        self._loaded = False
        self._answer: Answering | None = None
        self._due: float | None = None
        self.problem = ""

    @property
    def lives(self) -> bool:
        """Whether there is a process."""
        return self._process is not None

    @property
    def ready(self) -> bool:
        """Whether it can be handed a message."""
        return self._loaded and not self.busy

    @property
    def busy(self) -> bool:
        """Whether it is at work on a message."""
        return self._answer is not None

    @property
    def readable(self) -> tuple[int, ...]:
        """Descriptors to wait on until they can be read."""
        return self._process.readable if self._process is not None else ()

    @property
    def writable(self) -> tuple[int, ...]:
        """Descriptors to wait on until they can be written."""
        return self._process.writable if self._process is not None else ()

    @property
    def due(self) -> float | None:
        """Monotonic instant at which `step` is due even if nothing arrives; None for never."""
        return self._due

    def start(self) -> None:
        """Start the process unless it lives."""
        if self._process is not None:
            return
        self.problem, self._due = "", self._monotonic() + LOAD_S
        try:
            self._process = LineProcess(self._command, self._log)
        except OSError as error:
            self._give_up(f"its process cannot be started with {self._command[0]}: {error.strerror}")

    def send(self, payload: bytes, answer: Answering) -> None:
        """Hand it a message.

        Args:
            payload: The message, encoded.
            answer: Answers what its code asks meanwhile.
        """
        if self._process is not None:
            self._answer, self._due = answer, self._monotonic() + self._timeout_s
            self._process.send(FrameKind.RUN, 0, payload)

    def step(self) -> Answer | None:
        """Take in what has arrived; returns what became of the message, once that is known."""
        process = self._process
        if process is None:
            return None
        process.flush()
        process.keep_output()
        try:
            found, result = self._received(process)
        except (msgspec.MsgspecError, UnicodeDecodeError):  # foreign code writes into the line, too
            found, result = False, None
        if self._process is None:
            return None
        if not found:
            result = self._ended(process) or result
        elif self._due is not None and self._monotonic() >= self._due:
            result = self._too_late() or result
        return result

    def _received(self, process: LineProcess) -> tuple[bool, Answer | None]:
        """Take in what it has sent; whether it is still there, and what became of the message."""
        found, result = process.frames(), None
        for kind, _, payload in found or ():
            if kind == FrameKind.ASK and self._answer is not None:
                self._answer(_decode_ask(payload), partial(self._reply, process))
            elif kind == FrameKind.HELLO and payload and not self._loaded:
                self._give_up(payload.decode())
                break
            elif kind == FrameKind.HELLO and not self._loaded:
                self._rest()
            elif kind == FrameKind.FINISHED and self.busy:
                result = _decode_answer(payload)
                self._rest()
        return found is not None, result

    def _reply(self, process: LineProcess, reply: Reply) -> None:
        if process is self._process:  # else it has ended meanwhile
            process.mask.learn(reply.secrets)
            process.send(FrameKind.REPLY, 0, _encode(reply))

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.end()
        self._process, self._answer, self._due, self._loaded = None, None, None, False

    def _rest(self) -> None:
        self._loaded, self._answer, self._due = True, None, self._monotonic() + IDLE_S

    def _give_up(self, problem: str) -> None:
        self.close()
        self.problem = problem

    def _ended(self, process: LineProcess) -> Answer | None:
        was_busy, was_loaded = self.busy, self._loaded
        how = f"its process {process.end(_EXIT_S)}"
        self._process = None
        self.close()
        if was_busy:
            return Answer(f"{how} at it", died=True)
        if not was_loaded:
            self.problem = f"{how} before it was ready"
        return None

    def _too_late(self) -> Answer | None:
        """End a process that took too long for its message or its start, or had nothing to do."""
        was_busy, was_loaded = self.busy, self._loaded
        self.close()
        if was_busy:
            return Answer(
                f"it took longer than {self._timeout_s:g} s and was ended; the limit is [alerts] timeout_s", late=True
            )
        if not was_loaded:
            self.problem = f"it took longer than {LOAD_S:g} s to start"
        return None
