"""The loader's side of the parse server: files go in, results come out, whatever the files do."""

import os
import select
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from penstock.decoders import msgpack_decoder
from penstock.errors import InternalError, PenstockError, StoreError
from penstock.load.parse.messages import MessageKind, ParseConfig, ParseJob, Printed
from penstock.model.source import ParsedFile
from penstock.processes.environ import without_secrets
from penstock.processes.frames import Frame, FrameSocket
from penstock.spec.wire import Ask, Reply

_encode = msgspec.msgpack.Encoder().encode
_decode_ask = msgpack_decoder(Ask).decode
_decode_printed = msgpack_decoder(Printed).decode
_decode_parsed = msgpack_decoder(ParsedFile).decode

_ATTEMPTS = 2
PATIENCE_S = 1.0
"""Seconds after which results no longer wait for a file that comes before theirs."""
# Jobs that wait at the server, so that it goes on while the results of others are stored.
_QUEUED = 64


class Parser:
    """Imports DAG files in bounded children; the server is started on first use and again if it is gone.

    Args:
        config: Tells the bounds, and what is installed now.
        variables: Present values of Variables by key.
        clock: Tells the present, aware UTC.
    """

    def __init__(
        self,
        config: Callable[[], ParseConfig],
        variables: Callable[[Sequence[str]], Mapping[str, str | None]],
        clock: Callable[[], datetime],
    ) -> None:
        self._current, self._variables, self._clock = config, variables, clock
        self._server: subprocess.Popen[bytes] | None = None
        self._line: FrameSocket | None = None
        self._serial = self._deaths = 0
        self._config = config()
        self._waiting: deque[ParseJob] = deque()
        self._running: dict[int, ParseJob] = {}
        self._outputs: dict[int, Printed] = {}

    def parse(
        self,
        folder: str,
        files: Sequence[str],
        stop: int | None = None,
        cursors: Mapping[str, Mapping[str, datetime]] | None = None,
        *,
        patient: bool = True,
    ) -> Iterator[ParsedFile]:
        """Import files of a snapshot's folder; results come in the order of ``files``, but for one that keeps others waiting.

        Args:
            folder: The snapshot's folder.
            files: Their names in it.
            stop: A descriptor that is readable once the rest is to be left for another time.
            cursors: By file, when the last run of each of its DAGs whose timetable is code fell due.
            patient: Whether to wait for each file. Otherwise those that keep everything waiting stay `pending`, and their results
                come from a later call, of this or of `collect`.

        Raises:
            InternalError: If the server itself cannot be kept alive.
        """
        self.cancel(files)
        self._waiting += (ParseJob(folder, file, self._clock(), (cursors or {}).get(file, {})) for file in files)
        done: dict[str, ParsedFile] = {}
        left = dict.fromkeys(files)
        while left and not self._is_ready(stop):
            for parsed in (found := self._received(stop, PATIENCE_S)):
                if parsed.file in left:
                    done[parsed.file] = parsed
                else:
                    yield parsed
            late = not found or len(done) >= _QUEUED
            while done and ((first := next(iter(left))) in done or late):
                file = first if first in done else next(file for file in left if file in done)
                del left[file]
                yield done.pop(file)
            if not found and not patient:
                return

    def collect(self) -> list[ParsedFile]:
        """What has come of pending imports since the last call; never blocks. Raises InternalError as `parse`."""
        return self._received(None, 0.0) if self.pending else []

    def cancel(self, files: Collection[str]) -> None:
        """Leave the imports of these files that are pending: another is to follow, or none."""
        if not files or not self.pending:
            return
        names = set(files)
        self._waiting = deque(job for job in self._waiting if job.file not in names)
        for serial in [serial for serial, job in self._running.items() if job.file in names]:
            del self._running[serial]
            with suppress(OSError):  # a server that is gone imports nothing
                self._connected().send(MessageKind.CANCEL, serial)

    @property
    def pending(self) -> Mapping[str, str]:
        """Files whose imports go on, with the hash of the snapshot that they are of."""
        return {job.file: Path(job.folder).name for job in (*self._running.values(), *self._waiting)}

    def fileno(self) -> int | None:
        """What is readable once there is something to `collect`; None if nothing is pending."""
        return None if self._line is None or not self._running else self._line.sock.fileno()

    @property
    def is_outdated(self) -> bool:
        """Whether something else is installed than imports are checked against."""
        return self._current() != self._config

    def refresh(self) -> bool:
        """Check imports against what is installed now; whether that is something else than before."""
        before, self._config = self._config, self._current()
        if before == self._config:
            return False
        self.close()  # what was installed since may lie where only a fresh interpreter looks
        return True

    def close(self) -> None:
        """End the server and its children; what is pending begins anew with the next call."""
        self._waiting.extendleft(reversed(self._running.values()))
        self._running.clear()
        self._outputs.clear()
        if self._line is not None:
            self._line.close()
        if self._server is not None:
            try:
                self._server.wait(5)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        self._server = self._line = None

    @staticmethod
    def _is_ready(stop: int | None) -> bool:
        return stop is not None and bool(select.select([stop], [], [], 0)[0])

    def _received(self, stop: int | None, wait_s: float) -> list[ParsedFile]:
        """The results that come next; none after a while in which none came, or if it is time to stop."""
        try:
            found: list[ParsedFile] = []
            while not found:
                line = self._connected()
                self._hand_out(line)
                waited = [line.sock.fileno(), *([stop] if stop is not None else [])]
                ready, _, _ = select.select(waited, [], [], wait_s)
                if not ready or stop in ready:
                    break
                found = [each for frame in _frames(line) if (each := self._taken(line, *frame)) is not None]
        except OSError as error:
            self.close()
            self._deaths += 1
            if self._deaths >= _ATTEMPTS:
                file = self._waiting[0].file if self._waiting else ""
                self._waiting.clear()
                self._deaths = 0
                raise InternalError(f"the parse server ends when it imports {file}: {error}") from error
            return self._received(stop, wait_s)
        if found:
            self._deaths = 0
        return found

    def _taken(self, line: FrameSocket, kind: int, serial: int, payload: bytes) -> ParsedFile | None:
        """Answer what the import of a file asks, or keep what it printed; what it gave, if it has ended."""
        if serial not in self._running:
            return None  # it was cancelled
        if kind == MessageKind.ASK:
            line.send(MessageKind.REPLY, serial, _encode(self._reply(payload)))
        elif kind == MessageKind.OUTPUT:
            self._outputs[serial] = _decode_printed(payload)
        elif kind == MessageKind.RESULT:
            return _with_output(_parsed(self._running.pop(serial), payload), self._outputs.pop(serial, None))
        return None

    def _hand_out(self, line: FrameSocket) -> None:
        """Send as many jobs as the server is to have at once."""
        while self._waiting and len(self._running) < self._config.processes + _QUEUED:
            self._serial += 1
            job = self._running[self._serial] = self._waiting.popleft()
            line.send(MessageKind.PARSE, self._serial, _encode(job))

    def _reply(self, payload: bytes) -> Reply:
        """Answer what the import of a file asks; its bytes come from a process in which the file's code ran."""
        try:
            ask = _decode_ask(payload)
        except msgspec.MsgspecError as error:
            return Reply(error=f"the loader cannot read what was asked: {error}")
        if ask.method != "variable" or not ask.args:
            return Reply(error=f"{ask.method}() is for tasks: only Variables can be read while a DAG file is imported")
        key = str(ask.args[0])
        try:
            return Reply(self._variables([key]).get(key))
        except StoreError:
            raise
        except PenstockError as error:  # a source of Variables fails, which is a problem of the files that read it
            return Reply(error=str(error))

    def _connected(self) -> FrameSocket:
        if self._line is None:
            ours, theirs = socket.socketpair()
            number = theirs.fileno()
            self._server = subprocess.Popen(
                [sys.executable, "-P", "-m", "penstock.load.parse.parse_process", str(number)],
                pass_fds=(number,),
                env=without_secrets(os.environ),
                stdin=subprocess.DEVNULL,
            )
            theirs.close()
            self._line = FrameSocket(ours)
            self._line.send(MessageKind.CONFIG, 0, _encode(self._config))
        return self._line


def _frames(line: FrameSocket) -> list[Frame]:
    frames = line.receive()
    if frames is None:
        raise ConnectionError("it hung up")
    return frames


def _parsed(job: ParseJob, payload: bytes) -> ParsedFile:
    """Decode the result of an import: its bytes come from a process in which the file's code ran."""
    try:
        found = _decode_parsed(payload)
    except msgspec.MsgspecError as error:
        return job.parsed(problems=(f"{job.file}:1: its import sent an unreadable result: {error}",))
    return msgspec.structs.replace(found, file=job.file, snapshot=Path(job.folder).name, parsed_at=job.at)


def _with_output(parsed: ParsedFile, printed: Printed | None) -> ParsedFile:
    """The import with what the file printed, and a note if that is more than is kept."""
    if printed is None:
        return parsed
    notes = parsed.notes
    if printed.size > len(printed.text):
        note = (
            f"{parsed.file}:1: its import printed {printed.size:,} bytes, and all but {len(printed.text):,} are left out of logs. Print "
            "in tasks: each has a log of its own, and the file is imported for many of them."
        )
        notes = (*notes, note)
    return msgspec.structs.replace(parsed, notes=notes, output=printed.text.decode(errors="replace"))
