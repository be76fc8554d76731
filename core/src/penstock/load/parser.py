"""The loader's side of the parse server: files go in, results come out, whatever the files do."""

import itertools
import os
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from penstock.errors import InternalError, PenstockError, StoreError
from penstock.load.messages import MessageKind, ParseConfig, ParseJob, Printed
from penstock.model.source import ParsedFile
from penstock.processes.environ import without_secrets
from penstock.processes.frames import Frame, FrameSocket
from penstock.spec.wire import Ask, Reply

_encode = msgspec.msgpack.Encoder().encode
_decode_ask = msgspec.msgpack.Decoder(Ask).decode
_decode_printed = msgspec.msgpack.Decoder(Printed).decode
_decode_parsed = msgspec.msgpack.Decoder(ParsedFile).decode

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
        self._serial = 0
        self._config = config()

    def parse(
        self,
        folder: str,
        files: Sequence[str],
        stop: int | None = None,
        cursors: Mapping[str, Mapping[str, datetime]] | None = None,
    ) -> Iterator[ParsedFile]:
        """Import files of a snapshot's folder; results come in the order of ``files``, but for one that keeps others waiting.

        Args:
            folder: The snapshot's folder.
            files: Their names in it.
            stop: A descriptor that is readable once the rest is to be left for another time.
            cursors: By file, when the last run of each of its DAGs whose timetable is code fell due.

        Raises:
            InternalError: If the server itself cannot be kept alive.
        """
        done: dict[str, ParsedFile] = {}
        left = dict.fromkeys(files)
        for attempt in range(_ATTEMPTS):
            try:
                for parsed in self._exchange(folder, [file for file in left if file not in done], stop, cursors or {}):
                    if parsed is not None:
                        done[parsed.file] = parsed
                    late = parsed is None or len(done) >= _QUEUED
                    while done and ((first := next(iter(left))) in done or late):
                        file = first if first in done else next(file for file in left if file in done)
                        del left[file]
                        yield done.pop(file)
            except OSError as error:
                self.close()
                if attempt == _ATTEMPTS - 1:
                    raise InternalError(f"the parse server ends when it imports {[*left][:1]}: {error}") from error
            else:
                return

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
        """End the server and its children."""
        if self._line is not None:
            self._line.close()
        if self._server is not None:
            try:
                self._server.wait(5)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        self._server = self._line = None

    def _exchange(
        self, folder: str, files: Sequence[str], stop: int | None, cursors: Mapping[str, Mapping[str, datetime]]
    ) -> Iterator[ParsedFile | None]:
        """Yield results as they come; None after a while in which none came."""
        line = self._connected()
        waited = [line.sock.fileno(), *([stop] if stop is not None else [])]
        running: dict[int, ParseJob] = {}
        outputs: dict[int, Printed] = {}
        jobs = (ParseJob(folder, file, self._clock(), cursors.get(file, {})) for file in files)
        while True:
            self._hand_out(line, jobs, running)
            if not running:
                return
            ready, _, _ = select.select(waited, [], [], PATIENCE_S)
            if stop in ready:
                return
            if not ready:
                yield None
                continue
            for kind, serial, payload in _received(line):
                if kind == MessageKind.ASK:
                    line.send(MessageKind.REPLY, serial, _encode(self._reply(payload)))
                elif kind == MessageKind.OUTPUT:
                    outputs[serial] = _decode_printed(payload)
                elif kind == MessageKind.RESULT and (done := running.pop(serial, None)) is not None:
                    yield _with_output(_parsed(done, payload), outputs.pop(serial, None))

    def _hand_out(self, line: FrameSocket, jobs: Iterator[ParseJob], running: dict[int, ParseJob]) -> None:
        """Send as many jobs as the server is to have at once."""
        for job in itertools.islice(jobs, self._config.processes + _QUEUED - len(running)):
            self._serial += 1
            running[self._serial] = job
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
                [sys.executable, "-P", "-m", "penstock.load.parse_server", str(number)],
                pass_fds=(number,),
                env=without_secrets(os.environ),
                stdin=subprocess.DEVNULL,
            )
            theirs.close()
            self._line = FrameSocket(ours)
            self._line.send(MessageKind.CONFIG, 0, _encode(self._config))
        return self._line


def _received(line: FrameSocket) -> list[Frame]:
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
