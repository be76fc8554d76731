"""Checks that need a process of their own: ``python -m penstock.testing.suites.fresh_process``, told what to make and use.

**Behind a fork.** A task is a fork of a process that has imported its DAG file, and perhaps used a hook or a store meanwhile. It keeps
no descriptor of its parent but its line. An object that goes on with a connection, a lock or a thread of its parent fails there, or
takes an answer that is its parent's.

**In little memory.** What a store holds of a large object is told from what else a test holds, such as a server, by a process that has
nothing but the store.
"""

import hashlib
import io
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from operator import attrgetter
from typing import Any, BinaryIO

import msgspec

from penstock.author.hook import Hook
from penstock.decoders import decode_json
from penstock.model.connection import Connection
from penstock.processes.fork import fork
from penstock.testing.fake_runtime import runtime
from penstock.testing.suites.expect import expect
from penstock.testing.suites.process_output import run_process

_SECONDS = 120
_BLOCK = bytes(range(256)) * 256


class ProcessCheck(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is made and used.

    Attributes:
        target: The class of a hook or a store, ``module:name``.
        conn_id: With which connection; None for its default.
        connections: What the runtime gives, by id.
        path: Where modules are found.
        url: A URL of the store; "" for a hook, whose `Hook.test_connection` is called.
        stream_bytes: Size of a stream that is stored there; 0 to fork.
        memory_bytes: How much of it may be in memory at once.
    """

    target: str
    conn_id: str | None
    connections: dict[str, Connection]
    path: list[str]
    url: str = ""
    stream_bytes: int = 0
    memory_bytes: int = 0


class Stream(io.RawIOBase, BinaryIO):
    """A stream of known bytes that cannot be sought and gives less than it is asked for.

    Args:
        size: How many bytes there are.
        breaks: Whether it breaks off before the last one.

    Attributes:
        hash: Of what was read so far.
    """

    def __init__(self, size: int, *, breaks: bool = False) -> None:
        self._left, self._breaks = size, breaks
        self.hash = hashlib.sha256()

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes; none at the end.

        Raises:
            OSError: It breaks off.
        """
        if size < 0:
            return b"".join(iter(partial(self.read, len(_BLOCK)), b""))
        if self._breaks and self._left == 1:
            raise OSError("the stream of the suite breaks off")
        data = _BLOCK[: min(self._left - self._breaks, size)]
        self._left -= len(data)
        self.hash.update(data)
        return data


def fork_problem(target: type, conn_id: str | None, connections: Mapping[str, Connection], url: str = "") -> str:
    """Say what goes wrong when a hook or store that has been used is used again behind a fork; "" if nothing does."""
    return _run(_check(target, conn_id, connections, url=url))


def memory_problem(
    target: type, conn_id: str | None, connections: Mapping[str, Connection], url: str, *, size: int, most: int
) -> str:
    """Say what goes wrong when a large stream is stored and read again; "" if nothing does.

    Args:
        target: The store's class.
        conn_id: With which connection.
        connections: What the runtime gives, by id.
        url: Where the object will be.
        size: Bytes of the stream.
        most: How many of them may be in memory at once.
    """
    return _run(_check(target, conn_id, connections, url=url, stream_bytes=size, memory_bytes=most))


def _check(target: type, conn_id: str | None, connections: Mapping[str, Connection], **more: Any) -> ProcessCheck:  # noqa: ANN401 - fields
    return ProcessCheck(f"{target.__module__}:{target.__qualname__}", conn_id, dict(connections), sys.path, **more)


def _run(check: ProcessCheck) -> str:
    command = [sys.executable, "-P", "-m", __name__]
    try:
        done = run_process(command, _SECONDS, msgspec.json.encode(check))
    except subprocess.TimeoutExpired:
        return f"{check.target} does not come to its end within {_SECONDS} s in a process of its own"
    expect(done.code == 0, f"in a process of its own: {done.errors[-2000:]}")
    return done.output.rpartition("\n")[2]


def _once(made: Any, url: str) -> str:  # noqa: ANN401 - a hook or a store
    """Use it; why it fails, "" if it works."""
    try:
        if not isinstance(made, Hook):
            made.stat(url)
            return ""
        report = made.test_connection()
    except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
        return f"{type(error).__name__}: {error}"
    return "" if report.ok else report.detail


def _behind_fork(code: Callable[[], str]) -> str:
    reading, writing = os.pipe()
    fork(lambda kept: os.write(kept[0], code().encode() or b"-"), (writing,))
    os.close(writing)
    with open(reading, "rb") as stream:  # noqa: PTH123 - a descriptor
        answer = stream.read().decode()
    return "" if answer == "-" else answer or "the forked process ended without a word"


def _fork(check: ProcessCheck, target: Any) -> str:  # noqa: ANN401 - the class of a hook or a store
    made = target(check.conn_id)
    uses: dict[str, Callable[[], str]] = {
        "before the fork": lambda: _once(made, check.url),
        "behind a fork, used before it": lambda: _behind_fork(lambda: _once(made, check.url)),
        "behind a fork, made there": lambda: _behind_fork(lambda: _once(target(check.conn_id), check.url)),
        "after its fork has used it": lambda: _once(made, check.url),
    }
    for where, use in uses.items():
        if problem := use():
            return f"{target.__name__} fails {where}: {problem}"
    return ""


def _stream(check: ProcessCheck, target: Any) -> str:  # noqa: ANN401 - the class of a store
    store, source, read = target(check.conn_id), Stream(check.stream_bytes), hashlib.sha256()
    with _peak() as uploading:
        store.upload(check.url, source)
    found = store.stat(check.url)
    with _peak() as opening, store.open(check.url) as stream:
        while part := stream.read(1 << 18):
            read.update(part)
    if found is None or found.size != check.stream_bytes:
        return f"of {check.stream_bytes} bytes {found.size if found else 0} were stored"
    if read.digest() != source.hash.digest():
        return "open() gives other bytes than upload() was given"
    for name, held in (("upload", uploading[0]), ("open", opening[0])):
        if held > check.memory_bytes:
            return (
                f"{name}() of {check.stream_bytes} bytes held {held} bytes in memory; {check.memory_bytes} are allowed"
            )
    return ""


@contextmanager
def _peak() -> Iterator[list[int]]:
    """Most bytes of Python's memory that the block took beside what was there before."""
    found = [0]
    tracemalloc.start()
    try:
        yield found
        found[0] = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _main() -> str:
    check = decode_json(sys.stdin.buffer.read(), ProcessCheck)
    sys.path[:] = check.path
    module, _, name = check.target.partition(":")
    target = attrgetter(name)(import_module(module))
    with runtime(check.connections):
        return _stream(check, target) if check.stream_bytes else _fork(check, target)


if __name__ == "__main__":
    sys.stdout.write("\n" + _main().replace("\n", " "))
