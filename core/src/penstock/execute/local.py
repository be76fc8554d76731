"""The local executor: runs tries in processes of this machine, and lets sensors wait in shared waiter processes."""

import itertools
import os
import selectors
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from penstock.execute.file_server import BEAT_S
from penstock.execute.servers import Family, Sent, Server
from penstock.execute.spawn_server import Open
from penstock.execute.wire import Ask, Kind, Reply
from penstock.model.attempt import TryEnd
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.processes.frames import frame
from penstock.processes.group import kill_group
from penstock.spec.executor import ExecutorEvent, FileCode, Heartbeat, PlanCode, TryFinished, TryRequest, TryStarted

_encode = msgspec.msgpack.Encoder().encode
_decode_end = msgspec.msgpack.Decoder(TryEnd).decode
_decode_ask = msgspec.msgpack.Decoder(Ask).decode

FOLLOWERS = {"fork": 4, "reuse": 32}
"""Tries that may wait at a file server for each that it runs: what hides the scheduler's own turn-around."""

Origin = tuple[str, str, str, tuple[tuple[str, str | None], ...]]


class LocalExecutor:
    """Runs tries in processes of this machine.

    It takes both ordinary tries and sensors: the engine knows it under two names, of which the second has no limit.

    Args:
        snapshots: Folder that holds the source snapshots by their hash.
        families: Spawn server by provider id; ``""`` is the host's own environment.
        slots: How many tries run at once.
        isolation: What tries use unless their DAG says otherwise; decides how many may wait here.
        answer: Answers what a running try asks for; called in the scheduler's own thread.
        clock: Gives the present as aware UTC.
        keep: How many idle file servers are kept warm.
        import_timeout_s: Seconds that a file server may take to import its file.
    """

    name = "local"
    sensor_name = "waiter"

    def __init__(  # noqa: PLR0913 - each is a setting of the installation
        self,
        snapshots: Path,
        families: dict[str, Family],
        *,
        slots: int,
        isolation: str = "fork",
        answer: Callable[[TryRequest, Ask], Reply],
        clock: Callable[[], datetime],
        keep: int = 8,
        import_timeout_s: float = 60.0,
    ) -> None:
        self._snapshots = str(snapshots)
        self._families, self._slots, self._answer, self._clock = families, slots, answer, clock
        self._isolation = isolation
        self._keep, self._import_timeout_s = keep, import_timeout_s
        self._servers: dict[Origin, Server] = {}
        self._threaded: set[Origin] = set()
        self._backlog: deque[Sent] = deque()
        self._where: dict[tuple[TaskKey, int], tuple[Server | None, Sent]] = {}
        self._used = 0
        self._renewed_at = 0.0
        self._serials = itertools.count(1)
        self._events: list[ExecutorEvent] = []
        self._selector = selectors.DefaultSelector()
        self._wake_r, self._wake_w = os.pipe()
        self._selector.register(self._wake_r, selectors.EVENT_READ, None)

    def start(self) -> None:
        """Start the host's spawn server, so that the first try does not wait for it."""
        self._families[""].start()

    def capacity(self) -> int:
        """Tries it holds at once: those that run and those that follow them."""
        return self._slots * (1 + FOLLOWERS[self._isolation])

    def fileno(self) -> int:
        """A descriptor that is readable whenever some server has sent something."""
        return self._selector.fileno()

    def submit(self, tries: Sequence[TryRequest]) -> None:
        """Take tries; those for which there is no slot wait, first at their file server, then here."""
        for request in tries:
            sent = Sent(next(self._serials), request, _encode(request))
            self._where[request.key, request.epoch] = (None, sent)
            if request.wait is not None:
                self._send(Kind.RUN, sent)
            else:
                self._backlog.append(sent)
        self._pump()
        self._flush()

    def cancel(self, tries: Sequence[tuple[TaskKey, int]], reason: str) -> None:
        """End tries; each is answered by an event, a waiting one at once."""
        for key, epoch in tries:
            server, sent = self._where.get((key, epoch), (None, None))
            if sent is None:
                # It ended a moment ago, or with an earlier executor: either way nothing of it lives here.
                self._tell(TryFinished(key, epoch, self._clock(), TryEnd(Outcome.CANCELLED, reason)))
            elif server is None:
                self._backlog.remove(sent)
                self._finished(sent, Outcome.CANCELLED, reason)
            else:
                server.outbox.put(frame(Kind.CANCEL, sent.serial, reason.encode()))
        self._flush()

    def events(self) -> list[ExecutorEvent]:
        """What happened; slots that became free are given to the next tries in the same breath."""
        for key, _ in self._selector.select(0):
            if key.data is None:
                os.read(self._wake_r, 4096)
            elif key.data.sock.fileno() >= 0:
                self._hear(key.data)
        self._pump()
        self._flush()
        self._end_stuck_imports()
        self._renew_waiting()
        events, self._events = self._events, []
        return events

    def stop(self, grace_s: float) -> None:
        """End all servers and tries; doing so twice is harmless."""
        if not self._selector.get_map():
            return
        for server in self._servers.values():
            server.outbox.put(frame(Kind.STOP, 0))
        self._flush()
        for server in list(self._servers.values()):
            self._drop(server)
        for family in self._families.values():
            family.close(grace_s)
        self._selector.close()
        os.close(self._wake_r)
        os.close(self._wake_w)

    # Out.

    def _pump(self) -> None:
        for server in self._servers.values():
            while server.followers and self._used < self._slots:
                self._used += 1
                server.go()
        while self._backlog and self._used < self._slots:
            self._used += 1
            self._send(Kind.RUN, self._backlog.popleft())
        while self._backlog:
            sent = self._backlog[0]
            place = self._servers.get(_origin(sent.request))
            depth = FOLLOWERS.get(sent.request.isolation, 0)
            if place is None or len(place.followers) >= depth * place.running:
                return
            self._send(Kind.FOLLOW, self._backlog.popleft())

    def _send(self, kind: Kind, sent: Sent) -> None:
        server = self._server(sent.request)
        server.send(kind, sent, time.monotonic())
        self._where[sent.key, sent.request.epoch] = (server, sent)

    def _server(self, request: TryRequest) -> Server:
        origin = _origin(request)
        server = self._servers.get(origin)
        if server is None:
            code = request.code if isinstance(request.code, FileCode) else None
            what = Open(self._snapshots, code, fresh=origin in self._threaded)
            server = self._families[_provider(request)].open(what, time.monotonic())
            self._servers[origin] = server
            self._selector.register(server.sock, selectors.EVENT_READ, server)
            self._retire()
        return server

    def _retire(self) -> None:
        """Hang up on the file servers that were idle longest, beyond those that are kept."""
        idle = sorted(
            (origin for origin, server in self._servers.items() if not server.tries and server.ready),
            key=lambda origin: self._servers[origin].used_at,
        )
        for origin in idle[: max(0, len(idle) - self._keep)]:
            self._drop(self._servers[origin])

    def _flush(self) -> None:
        for server in list(self._servers.values()):
            if server.outbox:
                try:
                    server.outbox.flush()
                except OSError:
                    self._lose(server)

    # In.

    def _hear(self, server: Server) -> None:
        frames = server.frames()
        if frames is None:
            self._lose(server)
            return
        for kind, serial, payload in frames:
            if kind == Kind.FINISHED:
                self._answered(server, serial, payload)
            elif (sent := server.tries.get(serial)) is not None and kind in (Kind.STARTED, Kind.ASK, Kind.HEIR):
                self._of_try(server, sent, kind, payload)
            else:
                self._of_server(server, kind, serial)

    def _of_try(self, server: Server, sent: Sent, kind: int, payload: bytes) -> None:
        if kind == Kind.STARTED:
            sent.pid = msgspec.msgpack.decode(payload, type=int)
            sent.payload = b""
            self._events.append(TryStarted(sent.key, sent.request.epoch, sent.pid, self._clock()))
        elif kind == Kind.ASK:
            reply = self._answer(sent.request, _decode_ask(payload))
            server.outbox.put(frame(Kind.REPLY, sent.serial, _encode(reply)))
        else:
            server.heir = sent.serial

    def _of_server(self, server: Server, kind: int, serial: int) -> None:
        if kind == Kind.BEAT:
            self._renew(server.tries.values())
        elif kind == Kind.HELLO:
            server.pid = serial
        elif kind == Kind.READY:
            server.ready = True
        elif kind == Kind.FRESH:
            self._start_over(server)

    def _renew_waiting(self) -> None:
        """Renew the tries that no server can speak for: those that wait here, and those whose file is being imported."""
        now = time.monotonic()
        if now < self._renewed_at + BEAT_S:
            return
        self._renewed_at = now
        starting = [s for s in self._servers.values() if not s.ready and s.opened_at > now - self._import_timeout_s]
        self._renew([*self._backlog, *(sent for server in starting for sent in server.tries.values())])

    def _renew(self, held: Iterable[Sent]) -> None:
        tries = tuple((sent.key, sent.request.epoch) for sent in held)
        if tries:
            self._events.append(Heartbeat(self.name, tries, self._clock()))

    def _answered(self, server: Server, serial: int, payload: bytes) -> None:
        sent = server.done(serial)
        if sent is None:
            return
        self._release(sent)
        try:
            end = _decode_end(payload)
        except msgspec.MsgspecError as error:
            end = TryEnd(Outcome.FAILED, f"its process sent an unreadable answer: {error}")
        self._events.append(TryFinished(sent.key, sent.request.epoch, self._clock(), end))

    def _release(self, sent: Sent) -> None:
        if sent.slot:
            self._used -= 1
        self._where.pop((sent.key, sent.request.epoch), None)

    def _finished(self, sent: Sent, outcome: Outcome, error: str) -> None:
        self._release(sent)
        self._tell(TryFinished(sent.key, sent.request.epoch, self._clock(), TryEnd(outcome, error)))

    def _tell(self, event: ExecutorEvent) -> None:
        """Add an event that no server sent, and have `fileno` become readable for it."""
        self._events.append(event)
        if len(self._events) == 1:
            os.write(self._wake_w, b"x")

    def _drop(self, server: Server) -> None:
        self._selector.unregister(server.sock)
        server.sock.close()
        del self._servers[next(origin for origin, known in self._servers.items() if known is server)]

    def _lose(self, server: Server) -> None:
        """A file server is gone: whatever it had is lost, and must not live on."""
        self._drop(server)
        server.kill()
        for sent in server.tries.values():
            if server.ready:
                self._finished(sent, Outcome.LOST, "the process that supervised it ended")
            else:
                log = self._families[_provider(sent.request)].log
                error = f"the process that imports {server.what.name} ended at it: see {log}"
                self._finished(sent, Outcome.FAILED, error)

    def _start_over(self, server: Server) -> None:
        """An import left threads behind: have the file's tries served by a server that forks before it imports."""
        self._drop(server)
        waiting = list(server.tries.values())
        if waiting:
            self._threaded.add(_origin(waiting[0].request))
        for sent in waiting:
            kind = Kind.RUN if sent.slot or sent.request.wait is not None else Kind.FOLLOW
            self._send(kind, sent)

    def _end_stuck_imports(self) -> None:
        limit = time.monotonic() - self._import_timeout_s
        for server in [s for s in self._servers.values() if not s.ready and s.opened_at < limit]:
            if server.pid:
                kill_group(server.pid)


def _origin(request: TryRequest) -> Origin:
    """What a file server was opened for: one DAG file with its Variables, or all stored plans of an environment."""
    code = request.code
    if isinstance(code, PlanCode):
        return (code.provider, "", "", ())
    return ("", code.snapshot, code.file, tuple(sorted(code.variables.items())))


def _provider(request: TryRequest) -> str:
    return request.code.provider if isinstance(request.code, PlanCode) else ""
