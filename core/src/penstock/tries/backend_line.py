"""The line to the process of one secrets backend, seen from whoever asks: one question at a time, each within its time.

Nothing here waits: `ask` notes a question, `step` takes in what has come and starts, kills and restarts the process as need be,
and `due` says when `step` is to be called if nothing comes.
"""

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from penstock.decoders import msgpack_decoder
from penstock.model.secret import secrets_in
from penstock.processes.line_process import LineProcess
from penstock.processes.supervise import FIRST_PAUSE_S, LONGEST_PAUSE_S, Backoff
from penstock.spec.wire import Ask, FrameKind, Reply

LOAD_S = 30.0
"""Seconds that a backend may take to be imported and made."""

LARGEST_ANSWER = 4 << 20
"""Bytes of an answer at most: a connection with its key files, a Variable, a list of names."""

_EXIT_S = 0.5
_encode = msgspec.msgpack.Encoder().encode
_decode_ask = msgpack_decoder(Ask).decode


class BackendConfig(msgspec.Struct, frozen=True):
    """What the process of a backend is told first.

    Attributes:
        name: The backend's name in the settings.
        capability: Its capability id.
        options: What it is made with.
        plugins: `penstock.plugins.sources.PluginSources` as JSON.
    """

    name: str
    capability: str
    options: dict[str, Any]
    plugins: str


class BackendAnswer(msgspec.Struct, frozen=True):
    """What a backend answered: a value, or why there is none."""

    value: Any = None
    problem: str = ""


_decode_answer = msgpack_decoder(BackendAnswer).decode
Done = Callable[[BackendAnswer, float], None]
"""Takes an answer, and the monotonic instant at which its question was sent."""


class BackendPorts(NamedTuple):
    """What a line needs from outside.

    Attributes:
        monotonic: Tells seconds that never go back.
        answer: Answers what the backend asks for itself.
        secrets: Finds the values of an answer that must not be written into its log.
    """

    monotonic: Callable[[], float]
    answer: Callable[[Ask], Reply]
    secrets: Callable[[Ask, Any], Sequence[str]]


class BackendLine:
    """Asks one backend.

    A question that takes too long fails, and those that wait behind it: the process is killed. One at which the process ends by
    itself fails alone. After an end there is a pause, which doubles until something is answered; a question fails at once
    while that is longer than a question may take.

    Args:
        command: Starts its process.
        setup: What that is told first.
        timeout_s: Seconds that a question may take.
        log: File that receives what it prints.
        ports: What it needs from outside.
    """

    def __init__(
        self, command: Sequence[str], setup: BackendConfig, timeout_s: float, log: Path, ports: BackendPorts
    ) -> None:
        self._command, self._setup, self._log, self._ports = command, setup, log, ports
        self._timeout_s = timeout_s
        self._process: LineProcess | None = None
        self._waiting: deque[tuple[Ask, list[Done]]] = deque()
        self._loaded = self._asked = False
        self._serial = 0
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._not_before = self._until = self._sent_at = 0.0
        self._last_end = ""

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
        if not self._waiting:
            return None
        return self._not_before if self._process is None else self._until

    def ask(self, ask: Ask, done: Done) -> None:
        """Ask something; ``done`` is called with the answer, within this call or a later `step`."""
        for waiting, each in self._waiting:
            if waiting == ask:
                each.append(done)
                return
        pause_s = self._not_before - self._ports.monotonic()
        if self._process is None and pause_s > self._timeout_s:
            done(BackendAnswer(problem=f"{self._last_end}; it is asked again in {pause_s:.0f} s"), 0.0)
            return
        self._waiting.append((ask, [done]))
        self.step()

    def step(self) -> None:
        """Take in what has arrived, and go on."""
        now = self._ports.monotonic()
        if self._process is not None:
            self._receive(self._process)
        if self._process is not None and (self._asked or not self._loaded) and now >= self._until:
            self._expire(self._process)
        if self._process is None and self._waiting and now >= self._not_before:
            self._start()
        self._send_next()

    def close(self) -> None:
        """End its process."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def _start(self) -> None:
        self._loaded = self._asked = False
        try:
            self._process = LineProcess(self._command, self._log, 2 * LARGEST_ANSWER)
        except OSError as error:
            self._ended(f"its process cannot be started with {self._command[0]}: {error.strerror}", every=True)
            return
        self._until = self._ports.monotonic() + LOAD_S
        self._process.mask.learn(secrets_in(self._setup.options))
        self._process.send(FrameKind.RUN, 0, _encode(self._setup))

    def _send_next(self) -> None:
        if self._process is None or not self._loaded or self._asked or not self._waiting:
            return
        self._serial += 1
        self._asked, self._sent_at = True, self._ports.monotonic()
        self._until = self._sent_at + self._timeout_s
        self._process.send(FrameKind.RUN, self._serial, _encode(self._waiting[0][0]))

    def _receive(self, process: LineProcess) -> None:
        process.flush()
        found = process.frames()
        for kind, serial, payload in found or ():
            if kind == FrameKind.ASK:
                self._reply(process, payload)
            elif kind == FrameKind.HELLO and payload:
                self._process = None
                process.end()
                self._ended(process.mask.hide(payload.decode(errors="replace")), every=True)
                return
            elif kind == FrameKind.HELLO:
                self._loaded = True
            elif kind == FrameKind.FINISHED and self._asked and serial == self._serial:
                self._answered(process, payload)
        # What it printed while it was asked may hold what it has answered by now, and is not written before.
        process.keep_output(hold=self._asked)
        if found is None:
            self._process = None
            how = process.end(_EXIT_S)
            self._ended(
                f"its process {how}" + (" while it was loaded" if not self._loaded else ""), every=not self._loaded
            )

    def _reply(self, process: LineProcess, payload: bytes) -> None:
        try:
            reply = self._ports.answer(_decode_ask(payload))
        except msgspec.MsgspecError as error:
            reply = Reply(error=f"it cannot be read what was asked: {error}")
        process.mask.learn(reply.secrets)
        process.send(FrameKind.REPLY, 0, _encode(reply))

    def _answered(self, process: LineProcess, payload: bytes) -> None:
        ask, done = self._waiting.popleft()
        self._asked = False
        try:
            answer = _decode_answer(payload)
            process.mask.learn(self._ports.secrets(ask, answer.value))
        except (msgspec.MsgspecError, ValueError) as error:
            answer = BackendAnswer(problem=f"its answer cannot be read: {error}")
        if answer.problem:
            answer = BackendAnswer(problem=process.mask.hide(answer.problem))
        self._backoff.reset()
        for each in done:
            each(answer, self._sent_at)

    def _expire(self, process: LineProcess) -> None:
        """End a process that takes too long."""
        self._process = None
        process.end()
        what = (
            f"it did not answer within {self._timeout_s:g} s"
            if self._loaded
            else f"it was not ready after {LOAD_S:g} s"
        )
        self._ended(f"{what} and its process was ended", every=True)

    def _ended(self, how: str, *, every: bool) -> None:
        """Fail the question at which the process has ended, or all that wait."""
        self._not_before = self._ports.monotonic() + self._backoff.pause()
        self._last_end = how
        failed = list(self._waiting) if every else [self._waiting.popleft()] if self._asked else []
        if every:
            self._waiting.clear()
        self._asked = False
        for _, done in failed:
            for each in done:
                each(BackendAnswer(problem=how), 0.0)
