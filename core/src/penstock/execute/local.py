"""The local executor: runs tries in processes of this machine, and lets sensors wait in shared waiter processes."""

import contextlib
import itertools
import os
import selectors
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from penstock.decoders import msgpack_decoder
from penstock.errors import ConfigError, as_sentence
from penstock.execute.environment import Environment, Server, ServerKey, Submitted, server_key
from penstock.execute.local_settings import PREFETCH, LocalSettings, capacity_of
from penstock.execute.spawn_messages import Open
from penstock.model.attempt import TryEnd
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.processes.frames import frame
from penstock.processes.group import kill_group
from penstock.spec.executor import (
    LOCAL,
    ExecutorEvent,
    FileCode,
    Heartbeat,
    PlanCode,
    TryAsked,
    TryFinished,
    TryRecovered,
    TryRequest,
    TryStarted,
)
from penstock.spec.wire import Ask, FrameKind, Reply

_encode = msgspec.msgpack.Encoder().encode
_decode_end = msgpack_decoder(TryEnd).decode
_decode_started = msgpack_decoder(tuple[int, float]).decode
_decode_ask = msgpack_decoder(Ask).decode


class LocalExecutor:
    """Runs tries in processes of this machine.

    It takes both ordinary tries and sensors; the latter need no slot.

    Args:
        snapshots: Folder that holds the source snapshots by their hash.
        environments: Spawn server by provider id; ``""`` is the host's own environment.
        settings: How many tries run at once, how they are isolated unless their DAG says otherwise, and the like.
        now: Gives the present as aware UTC.
        name: Its name in the settings.
        lease_s: Seconds after which a try of which nothing was heard is lost. A sixth of it passes between heartbeats; a file
            server that neither ends a cancelled try nor is heard is ended after a third of it beyond the try's grace.
        dags_folder: The DAGs folder, of which the snapshots are copies, as people know it.
    """

    def __init__(
        self,
        snapshots: Path,
        environments: dict[str, Environment],
        settings: LocalSettings,
        now: Callable[[], datetime],
        *,
        name: str = LOCAL,
        lease_s: float = 30.0,
        dags_folder: str = "",
    ) -> None:
        self.name, self._beat_s, self._hung_s = name, lease_s / 6, settings.stop_grace_s + lease_s / 3
        self._snapshots, self._dags_folder = str(snapshots), dags_folder
        self._environments, self._settings, self._now = environments, settings, now
        self._servers: dict[ServerKey, Server] = {}
        self._threaded: set[ServerKey] = set()
        self._backlog: deque[Submitted] = deque()
        self._where: dict[tuple[TaskKey, int], tuple[Server | None, Submitted]] = {}
        self._used, self._machine = 0, os.uname().nodename
        self._renewed_at = 0.0
        self._serials = itertools.count(1)
        self._events: list[ExecutorEvent] = []
        self._selector = selectors.DefaultSelector()
        self._wake_r, self._wake_w = os.pipe()
        self._selector.register(self._wake_r, selectors.EVENT_READ, None)

    def start(self) -> None:
        """Start the host's spawn server, so that the first try does not wait for it."""
        self._environments[""].start()

    def adopt(self, name: str, python: str) -> None:
        """Have tries run in the environment of an interpreter; others of its provider, the word before ``@``, go if none uses them."""
        if name in self._environments:
            return
        used = {server_key(submitted.request.code).provider for _, submitted in self._where.values()}
        others = name.partition("@")[0] + "@"
        for each in [known for known in self._environments if known.startswith(others) and known not in used]:
            if (server := self._servers.get(ServerKey(each))) is not None:
                self._drop(server)
            self._environments.pop(each).close()
        self._environments[name] = self._environments[""].beside(python)

    def renew_lease(self, until_s: float) -> None:
        """Let tries run on until then on the monotonic clock; without a call of this, there is no such end."""
        for environment in self._environments.values():
            environment.renew_lease(until_s)

    def recover(self, tries: Sequence[TryRequest]) -> list[TryStarted | TryRecovered | TryFinished]:
        """Nothing: whoever holds the executor's lock has seen the last process of an earlier scheduler end."""
        del tries
        return []

    def capacity(self) -> int:
        """Tries it holds at once: those that run and those that follow them."""
        return capacity_of(self._settings)

    def fileno(self) -> int:
        """A descriptor that is readable whenever some server has sent something."""
        return self._selector.fileno()

    def submit(self, tries: Sequence[TryRequest]) -> None:
        """Take tries; those for which there is no slot wait, first at their file server, then here."""
        for request in tries:
            try:
                payload = _encode(request)
            except (TypeError, ValueError, OverflowError) as error:
                reason = f"it cannot be sent to a process: {as_sentence(error)} Look at the run's conf and its params."
                self._report(TryFinished(request.key, request.epoch, self._now(), _failed_for_good(reason)))
                continue
            submitted = Submitted(next(self._serials), request, payload)
            self._where[request.key, request.epoch] = (None, submitted)
            if request.wait is not None:
                self._send(FrameKind.RUN, submitted)
            else:
                self._backlog.append(submitted)
        self._fill_slots()
        self._flush()

    def open(self, code: FileCode) -> None:
        """Begin to import a DAG file whose tries are about to be submitted; what goes wrong with it is told when one is."""
        with contextlib.suppress(ConfigError, OSError):
            self._server(code)

    def cancel(self, tries: Sequence[tuple[TaskKey, int]], reason: str) -> None:
        """End tries; each is answered by an event, a waiting one at once."""
        for key, epoch in tries:
            server, submitted = self._where.get((key, epoch), (None, None))
            if submitted is None:
                # It ended a moment ago, or with an earlier executor: either way nothing of it lives here.
                self._report(TryFinished(key, epoch, self._now(), TryEnd(Outcome.CANCELLED, reason)))
            elif server is None:
                self._backlog.remove(submitted)
                self._finished(submitted, Outcome.CANCELLED, reason)
            else:
                server.cancel(submitted, reason, time.monotonic())
        self._flush()

    def poke(self, tries: Sequence[tuple[TaskKey, int]]) -> None:
        """Have sensors poked at once, named by key and epoch; those that have ended are left out."""
        for key, epoch in tries:
            self._send_payload(key, epoch, FrameKind.POKE, b"")
        self._flush()

    def reply(self, asked: TryAsked, reply: Reply) -> None:
        """Hand a try the answer to what it asked."""
        self._send_payload(asked.key, asked.epoch, FrameKind.REPLY, _encode(reply))
        self._flush()

    def _send_payload(self, key: TaskKey, epoch: int, kind: FrameKind, payload: bytes) -> None:
        server, submitted = self._where.get((key, epoch), (None, None))
        if server is not None and submitted is not None:
            server.send_buffer.put(frame(kind, submitted.serial, payload))

    def events(self) -> list[ExecutorEvent]:
        """Return the events since the last call; free slots are given to the next tries at once."""
        for key, ready in self._selector.select(0):
            if key.data is None:
                os.read(self._wake_r, 4096)
            elif ready & selectors.EVENT_READ and key.data.sock.fileno() >= 0:
                self._receive(key.data)
        self._fill_slots()
        self._flush()
        self._end_hung_servers()
        self._renew_waiting()
        events, self._events = self._events, []
        return events

    def stop(self, grace_s: float) -> None:
        """End all servers and tries; doing so twice is harmless."""
        if not self._selector.get_map():
            return
        for server in self._servers.values():
            server.send_buffer.put(frame(FrameKind.STOP, 0))
        self._flush()
        for server in list(self._servers.values()):
            self._drop(server)
        for environment in self._environments.values():
            environment.close(grace_s)
        self._selector.close()
        os.close(self._wake_r)
        os.close(self._wake_w)

    # Out.

    def _fill_slots(self) -> None:
        for server in self._servers.values():
            while server.prefetched and self._used < self._settings.parallelism:
                self._used += 1
                server.start_next()
        while self._backlog and self._used < self._settings.parallelism:
            self._used += 1
            self._send(FrameKind.RUN, self._backlog.popleft())
        while self._backlog:
            submitted = self._backlog[0]
            place = self._servers.get(server_key(submitted.request.code))
            if place is None or len(place.prefetched) >= PREFETCH.get(submitted.request.isolation, 0) * place.running:
                return
            self._send(FrameKind.PREFETCH, self._backlog.popleft())

    def _send(self, kind: FrameKind, submitted: Submitted) -> None:
        submitted.slot = kind == FrameKind.RUN and submitted.request.wait is None
        try:
            server = self._server(submitted.request.code)
        except (ConfigError, OSError) as error:
            # An environment that is broken, or a machine that has no process to spare, fails the tries that need it.
            environment = self._environments[server_key(submitted.request.code).provider]
            outcome = Outcome.LOST if environment.lapsed_since(time.monotonic()) else Outcome.FAILED
            self._finished(submitted, outcome, str(error))
            return
        server.send(kind, submitted, time.monotonic())
        self._where[submitted.key, submitted.request.epoch] = (server, submitted)

    def _server(self, code: FileCode | PlanCode) -> Server:
        key = server_key(code)
        server = self._servers.get(key)
        if server is None:
            file = code if isinstance(code, FileCode) else None
            what = Open(self._snapshots, file, self._beat_s, key in self._threaded, self._dags_folder)
            server = self._environments[key.provider].open(what, time.monotonic())
            self._servers[key] = server
            self._selector.register(server.sock, selectors.EVENT_READ, server)
            self._retire()
        return server

    def _retire(self) -> None:
        """Hang up on the file servers that were idle longest, beyond those that are kept."""
        idle = sorted(
            (key for key, server in self._servers.items() if not server.tries and server.ready),
            key=lambda key: self._servers[key].used_at,
        )
        for key in idle[: max(0, len(idle) - self._settings.spawn_servers)]:
            self._drop(self._servers[key])

    def _flush(self) -> None:
        for server in list(self._servers.values()):
            try:
                server.flush(self._selector)
            except OSError:
                self._lose(server)

    # In.

    def _receive(self, server: Server) -> None:
        frames = server.frames()
        if frames is None:
            self._lose(server)
            return
        for kind, serial, payload in frames:
            if kind == FrameKind.FINISHED:
                self._answered(server, serial, payload)
            elif (submitted := server.tries.get(serial)) is not None and kind in (
                FrameKind.STARTED,
                FrameKind.ASK,
                FrameKind.SUCCESSOR,
            ):
                self._of_try(server, submitted, kind, payload)
            else:
                self._of_server(server, kind, serial)

    def _of_try(self, server: Server, submitted: Submitted, kind: int, payload: bytes) -> None:
        if kind == FrameKind.STARTED:
            submitted.pid, ago_s = _decode_started(payload)
            submitted.payload = b""
            at = self._now() - timedelta(seconds=ago_s)
            self._events.append(TryStarted(submitted.key, submitted.request.epoch, submitted.pid, at, self._machine))
        elif kind == FrameKind.ASK:
            self._asked(server, submitted, payload)
        else:
            server.successor = submitted.serial

    def _asked(self, server: Server, submitted: Submitted, payload: bytes) -> None:
        try:
            ask = _decode_ask(payload)
        except msgspec.MsgspecError as error:
            # Only code that writes to its supervisor's descriptor by itself can do this: its try is over.
            submitted.fault = f"its process sent an unreadable question: {error}"
            server.cancel(submitted, submitted.fault, time.monotonic())
        else:
            self._events.append(TryAsked(submitted.key, submitted.request.epoch, submitted.serial, ask))

    def _of_server(self, server: Server, kind: int, serial: int) -> None:
        if kind == FrameKind.BEAT:
            server.last_heartbeat_s = time.monotonic()
            self._renew(server.tries.values())
        elif kind == FrameKind.HELLO:
            server.pid = serial
        elif kind == FrameKind.READY:
            server.ready = True
            self._renew(server.tries.values())
        elif kind == FrameKind.FRESH:
            self._start_over(server)

    def _renew_waiting(self) -> None:
        """Renew the tries that no server can speak for: those that wait here, and those whose file is being imported."""
        now = time.monotonic()
        if now < self._renewed_at + self._beat_s:
            return
        self._renewed_at = now
        starting = [
            s for s in self._servers.values() if not s.ready and s.opened_at > now - self._settings.import_timeout_s
        ]
        self._renew([*self._backlog, *(submitted for server in starting for submitted in server.tries.values())])

    def _renew(self, held: Iterable[Submitted]) -> None:
        tries = tuple((submitted.key, submitted.request.epoch) for submitted in held)
        if tries:
            self._events.append(Heartbeat(self.name, tries, self._now()))

    def _answered(self, server: Server, serial: int, payload: bytes) -> None:
        submitted = server.done(serial)
        if submitted is None:
            return
        self._release(submitted)
        try:
            end = _decode_end(payload)
        except msgspec.MsgspecError as error:
            end = TryEnd(Outcome.FAILED, f"its process sent an unreadable answer: {error}")
        if submitted.fault:
            end = _failed_for_good(submitted.fault)
        self._events.append(TryFinished(submitted.key, submitted.request.epoch, self._now(), end))

    def _release(self, submitted: Submitted) -> None:
        if submitted.slot:
            self._used -= 1
        self._where.pop((submitted.key, submitted.request.epoch), None)

    def _finished(self, submitted: Submitted, outcome: Outcome, error: str) -> None:
        self._release(submitted)
        self._report(TryFinished(submitted.key, submitted.request.epoch, self._now(), TryEnd(outcome, error)))

    def _report(self, event: ExecutorEvent) -> None:
        """Add an event that no server sent, and have `fileno` become readable for it."""
        self._events.append(event)
        if len(self._events) == 1:
            os.write(self._wake_w, b"x")

    def _drop(self, server: Server) -> ServerKey:
        self._selector.unregister(server.sock)
        server.sock.close()
        key = next(key for key, known in self._servers.items() if known is server)
        del self._servers[key]
        return key

    def _lose(self, server: Server) -> None:
        """A file server is gone: whatever it had is lost, and must not live on."""
        self._drop(server)
        server.kill()
        for submitted in server.tries.values():
            environment = self._environments[server_key(submitted.request.code).provider]
            if server.ready or not server.pid or environment.lapsed_since(server.opened_at):
                self._finished(submitted, Outcome.LOST, "the process that supervised it ended")
            else:
                error = f"the process that imports {server.what.name} ended at it: see {environment.log}"
                self._finished(submitted, Outcome.FAILED, error)

    def _start_over(self, server: Server) -> None:
        """An import left threads behind: have the file's tries served by a server that forks before it imports."""
        self._threaded.add(self._drop(server))
        for submitted in list(server.tries.values()):
            kind = FrameKind.RUN if submitted.slot or submitted.request.wait is not None else FrameKind.PREFETCH
            self._send(kind, submitted)

    def _end_hung_servers(self) -> None:
        """End file servers that take too long to import their file, or that do not end a try which they were told to end."""
        now = time.monotonic()
        for key, server in list(self._servers.items()):
            importing_s = 0.0 if server.ready else now - server.opened_at - self._settings.import_timeout_s
            if importing_s > 0 and server.pid:
                kill_group(server.pid)  # its end is then seen like any other
            elif importing_s > self._hung_s:
                # Not even forked: the spawn server itself stands still. All its file servers end with it.
                self._environments[key.provider].close()
                self._lose(server)
            elif server.is_hung(now, self._hung_s):
                self._lose(server)


def _failed_for_good(error: str) -> TryEnd:
    return TryEnd(Outcome.FAILED, error, retryable=False)
