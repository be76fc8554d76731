"""The loader's side of the parse server: files go in, results come out, whatever the files do."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from penstock.errors import InternalError
from penstock.load.messages import MessageKind, ParseConfig, ParseJob
from penstock.model.source import ParsedFile
from penstock.processes.environ import without_secrets
from penstock.processes.frames import Frame, FrameSocket
from penstock.spec.wire import Ask, Reply

_encode = msgspec.msgpack.Encoder().encode
_decode_ask = msgspec.msgpack.Decoder(Ask).decode
_decode_parsed = msgspec.msgpack.Decoder(ParsedFile).decode

_ATTEMPTS = 2
# Jobs that wait at the server, so that it goes on while the results of others are stored.
_QUEUED = 64


class Parser:
    """Imports DAG files in bounded children; the server is started on first use and again if it is gone.

    Args:
        config: Bounds, and what is installed.
        variables: Present values of Variables by key.
        clock: Tells the present, aware UTC.
    """

    def __init__(
        self,
        config: ParseConfig,
        variables: Callable[[Sequence[str]], Mapping[str, str | None]],
        clock: Callable[[], datetime],
    ) -> None:
        self._config, self._variables, self._clock = config, variables, clock
        self._server: subprocess.Popen[bytes] | None = None
        self._line: FrameSocket | None = None
        self._serial = 0

    def parse(self, folder: str, files: Sequence[str]) -> Iterator[ParsedFile]:
        """Import files of a snapshot's folder; results come in the order of ``files``.

        Raises:
            InternalError: If the server itself cannot be kept alive.
        """
        done: dict[str, ParsedFile] = {}
        waiting, position = list(files), 0
        for attempt in range(_ATTEMPTS):
            try:
                for parsed in self._exchange(folder, waiting):
                    done[parsed.file] = parsed
                    while position < len(files) and files[position] in done:
                        yield done.pop(files[position])
                        position += 1
            except OSError as error:
                self.close()
                waiting = [file for file in files[position:] if file not in done]
                if attempt == _ATTEMPTS - 1:
                    raise InternalError(f"the parse server ends when it imports {waiting[:1]}: {error}") from error
            else:
                return

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

    def _exchange(self, folder: str, files: Sequence[str]) -> Iterator[ParsedFile]:
        line = self._connected()
        running: dict[int, ParseJob] = {}
        outputs: dict[int, str] = {}
        rest = iter(files)
        exhausted = False
        while True:
            while not exhausted and len(running) < self._config.processes + _QUEUED:
                file = next(rest, None)
                if file is None:
                    exhausted = True
                    break
                self._serial += 1
                job = running[self._serial] = ParseJob(folder, file, self._clock())
                line.send(MessageKind.PARSE, self._serial, _encode(job))
            if not running:
                return
            for kind, serial, payload in _received(line):
                if kind == MessageKind.ASK:
                    line.send(MessageKind.REPLY, serial, _encode(self._reply(payload)))
                elif kind == MessageKind.OUTPUT:
                    outputs[serial] = payload.decode(errors="replace")
                elif kind == MessageKind.RESULT and (done := running.pop(serial, None)) is not None:
                    yield msgspec.structs.replace(_parsed(done, payload), output=outputs.pop(serial, ""))

    def _reply(self, payload: bytes) -> Reply:
        """Answer what the import of a file asks; its bytes come from a process in which the file's code ran."""
        try:
            ask = _decode_ask(payload)
        except msgspec.MsgspecError as error:
            return Reply(error=f"the loader cannot read what was asked: {error}")
        if ask.method != "variable" or not ask.args:
            return Reply(error=f"{ask.method}() is for tasks: only Variables can be read while a DAG file is imported")
        key = str(ask.args[0])
        return Reply(self._variables([key]).get(key))

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
