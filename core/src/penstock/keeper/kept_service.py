"""Keeps one service alive, whatever its process does."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from penstock.decoders import msgpack_decoder
from penstock.errors import as_sentence
from penstock.keeper.status import ServiceState, ServiceStatus
from penstock.model.secret import secrets_in
from penstock.model.text import shortened
from penstock.processes.line_process import LineProcess
from penstock.processes.supervise import FIRST_PAUSE_S, LONG_LIFE_S, LONGEST_PAUSE_S, Backoff
from penstock.spec.wire import Ask, FrameKind, Reply

LOAD_S = 60.0
"""Seconds that a service may take to be imported and made."""

LONGEST_DETAIL = 500
_EXIT_S = 0.5

_encode = msgspec.msgpack.Encoder().encode
_decode_ask = msgpack_decoder(Ask).decode


class ServiceConfig(msgspec.Struct, frozen=True):
    """What the process of a service is told first.

    Attributes:
        name: The service's name in the settings.
        capability: Its capability id.
        options: What it is made with.
        plugins: `penstock.plugins.sources.PluginSources` as JSON.
        folder: The folder that is its own.
        installation: Whether it is given the whole installation, and so the secrets of the environment.
    """

    name: str
    capability: str
    options: dict[str, Any]
    plugins: str
    folder: str
    installation: bool = False


class ServiceReport(msgspec.Struct, frozen=True):
    """What a service reports of itself."""

    healthy: bool
    detail: str


_decode_report = msgpack_decoder(ServiceReport).decode


def _by_command() -> None:
    return None


class KeeperPorts(NamedTuple):
    """What kept services need from outside.

    Attributes:
        answer: Answers what a service asks for.
        monotonic: Tells seconds that never go back.
        now: Tells the present, aware UTC.
        log: Takes what the user should know, a line each.
        keep: Keeps how a service fares, and answers whether it could.
    """

    answer: Callable[[Ask], Reply]
    monotonic: Callable[[], float]
    now: Callable[[], datetime]
    log: Callable[[str], None]
    keep: Callable[[ServiceStatus], bool]


class KeptService:
    """Starts the process of a service, hears its reports, and starts it again when it has ended or hangs.

    Args:
        command: Starts its process.
        config: What that is told first.
        report_s: Seconds without a report after which one that has reported counts as hung.
        stop_s: Seconds that it gets to end by itself.
        log: File that receives what it prints.
        ports: What it needs from outside.
        main: What its process is, if this one can be forked for it; asked for until it was started once, as a later start is to find what
            was installed since. None to start the command.
    """

    def __init__(
        self,
        command: Sequence[str],
        config: ServiceConfig,
        report_s: float,
        stop_s: float,
        log: Path,
        ports: KeeperPorts,
        main: Callable[[], Callable[[int], int] | None] = _by_command,
    ) -> None:
        self._command, self._config, self._log, self._ports = command, config, log, ports
        self._main = main
        self._report_s, self._stop_s = report_s, stop_s
        self._process: LineProcess | None = None
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._due: float | None = ports.monotonic()
        self._started_at = 0.0
        self._stopping = self._has_reported = False
        self._why = ""
        self._status, self._kept = ServiceStatus(config.name), False

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

    @property
    def ended(self) -> bool:
        """Whether it has no process and gets none any more."""
        return self._stopping and self._process is None

    def step(self) -> None:
        """Take in what has arrived, and go on."""
        if self._process is not None:
            self._receive(self._process)
        if self._due is not None and self._ports.monotonic() >= self._due:
            if self._process is None:
                self._start()
            else:
                self._expire(self._process)

    def stop(self) -> None:
        """Ask it to end; it is killed by a later `step` if it does not."""
        self._stopping = True
        if self._process is None:
            self._due = None
            self._set(ServiceState.STOPPED)
        else:
            self._process.terminate()
            self._due = self._ports.monotonic() + self._stop_s

    def _start(self) -> None:
        self._started_at, self._why, self._has_reported = self._ports.monotonic(), "", False
        try:
            withhold = not self._config.installation
            self._process = LineProcess(self._command, self._log, withhold=withhold, main=self._main())
            self._main = _by_command
        except OSError as error:
            self._ended(f"cannot be started with {self._command[0]}: {error.strerror}")
            return
        self._process.mask.learn(secrets_in(self._config.options))
        self._process.send(FrameKind.RUN, 0, _encode(self._config))
        self._due = self._started_at + LOAD_S
        self._set(ServiceState.STARTING, pid=self._process.pid, since=self._ports.now(), detail="")

    def _receive(self, process: LineProcess) -> None:
        process.flush()
        found = process.frames()
        for kind, _, payload in found or ():
            if kind == FrameKind.ASK:
                self._reply(process, payload)
            elif kind == FrameKind.HELLO and not self._stopping:
                self._due = None
                self._set(ServiceState.RUNNING)
            elif kind == FrameKind.BEAT and not self._stopping:
                self._reported(process, payload)
            elif kind == FrameKind.FINISHED:
                self._why = shortened(process.mask.hide(payload.decode(errors="replace")), LONGEST_DETAIL)
        process.keep_output()
        if found is None:
            self._process = None
            how = process.end(_EXIT_S)
            self._ended(f"{how}: {self._why}" if self._why else how)

    def _reply(self, process: LineProcess, payload: bytes) -> None:
        try:
            reply = self._ports.answer(_decode_ask(payload))
        except msgspec.MsgspecError as error:
            reply = Reply(error=f"it cannot be read what was asked: {error}")
        process.mask.learn(reply.secrets)
        process.send(FrameKind.REPLY, 0, _encode(reply))

    def _reported(self, process: LineProcess, payload: bytes) -> None:
        try:
            report = _decode_report(payload)
        except msgspec.MsgspecError:
            return
        self._due = self._ports.monotonic() + self._report_s
        detail = shortened(process.mask.hide(report.detail), LONGEST_DETAIL)
        if detail and not self._has_reported:
            # Where it listens is worth a line of the terminal; what it counts from then on is not.
            self._has_reported = True
            self._ports.log(f"{self._config.name}: {detail}")
        self._set(ServiceState.RUNNING if report.healthy else ServiceState.UNHEALTHY, detail=detail)

    def _expire(self, process: LineProcess) -> None:
        """End a process that takes too long."""
        self._process = None
        process.end()
        if self._stopping:
            how = f"did not end within {self._stop_s:g} s and was killed"
        elif self._status.state is ServiceState.STARTING:
            how = f"was not ready after {LOAD_S:g} s and was killed"
        else:
            how = f"has not reported for {self._report_s:g} s and was killed"
        self._ended(how)

    def _ended(self, how: str) -> None:
        now = self._ports.monotonic()
        since, ends = self._ports.now(), self._status.ends + 1
        if self._stopping:
            self._due = None
            self._set(ServiceState.STOPPED, pid=None, since=since)
            return
        if now - self._started_at > LONG_LIFE_S:
            self._backoff.reset()
        pause_s = self._backoff.pause()
        self._due = now + pause_s
        self._ports.log(f"the service {self._config.name!r} {as_sentence(how)} It is started again in {pause_s:g} s")
        self._set(ServiceState.WAITING, pid=None, since=since, ends=ends, last_end=how, detail="")

    def _set(self, state: ServiceState, **changes: Any) -> None:  # noqa: ANN401 - fields of the status
        status = replace(self._status, state=state, **changes)
        if status != self._status or not self._kept:
            self._status, self._kept = status, self._ports.keep(status)
