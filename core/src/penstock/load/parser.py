"""The loader's side of the parse server: files go in, results come out, whatever the files do."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from penstock.errors import InternalError
from penstock.load.wire import Job, Kind, Result, Setup
from penstock.processes.frames import Frame, FrameSocket

_encode = msgspec.msgpack.Encoder().encode
_decode_result = msgspec.msgpack.Decoder(Result).decode

_ATTEMPTS = 2
# Jobs that wait at the server, so that it goes on while the results of others are stored.
_AHEAD = 64


class Parser:
    """Imports DAG files in bounded children; the server is started on first use and again if it is gone.

    Args:
        setup: Bounds, and what is installed.
        variables: Present values of Variables by key.
    """

    def __init__(self, setup: Setup, variables: Callable[[Sequence[str]], Mapping[str, str | None]]) -> None:
        self._setup, self._variables = setup, variables
        self._server: subprocess.Popen[bytes] | None = None
        self._line: FrameSocket | None = None
        self._serial = 0

    def parse(self, folder: str, files: Sequence[str]) -> Iterator[tuple[str, Result]]:
        """Import files of a folder; results come in the order of ``files``.

        Raises:
            InternalError: If the server itself cannot be kept alive.
        """
        done: dict[str, Result] = {}
        waiting, position = list(files), 0
        for attempt in range(_ATTEMPTS):
            try:
                for file, result in self._exchange(folder, waiting):
                    done[file] = result
                    while position < len(files) and files[position] in done:
                        yield files[position], done.pop(files[position])
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

    def _exchange(self, folder: str, files: Sequence[str]) -> Iterator[tuple[str, Result]]:
        line = self._connected()
        running: dict[int, str] = {}
        outputs: dict[int, str] = {}
        rest = iter(files)
        exhausted = False
        while True:
            while not exhausted and len(running) < self._setup.processes + _AHEAD:
                file = next(rest, None)
                if file is None:
                    exhausted = True
                    break
                self._serial += 1
                running[self._serial] = file
                line.send(Kind.PARSE, self._serial, _encode(Job(folder, file)))
            if not running:
                return
            for kind, serial, payload in _received(line):
                if kind == Kind.ASK:
                    key = payload.decode(errors="replace")
                    line.send(Kind.VALUE, serial, _encode(self._variables([key]).get(key)))
                elif kind == Kind.OUTPUT:
                    outputs[serial] = payload.decode(errors="replace")
                elif kind == Kind.RESULT and (file := running.pop(serial, "")):
                    yield file, msgspec.structs.replace(_result(file, payload), output=outputs.pop(serial, ""))

    def _connected(self) -> FrameSocket:
        if self._line is None:
            ours, theirs = socket.socketpair()
            number = theirs.fileno()
            self._server = subprocess.Popen(
                [sys.executable, "-m", "penstock.load.parse_server", str(number)],
                pass_fds=(number,),
                stdin=subprocess.DEVNULL,
            )
            theirs.close()
            self._line = FrameSocket(ours)
            self._line.send(Kind.SETUP, 0, _encode(self._setup))
        return self._line


def _received(line: FrameSocket) -> list[Frame]:
    frames = line.receive()
    if frames is None:
        raise ConnectionError("it hung up")
    return frames


def _result(file: str, payload: bytes) -> Result:
    """Decode a result: its bytes come from a process in which the file's code ran."""
    try:
        return _decode_result(payload)
    except msgspec.MsgspecError as error:
        return Result(problems=(f"{file}:1: its import sent an unreadable result: {error}",))
