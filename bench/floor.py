"""Plain floors for the core's workloads: the same tasks without an orchestrator, each state change one durable commit.

`fork` runs each task in a freshly forked child of a small process, `pool` in processes that serve many; both write two
state changes a task (started, finished) to SQLite with ``synchronous=FULL``, one commit each.
"""

import json
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Task = Callable[[Any], Any]


def fib(n: int) -> int:
    """Naive Fibonacci, as in Windmill's published benchmark."""
    return n if n < 2 else fib(n - 1) + fib(n - 2)


class Ledger:
    """State changes in SQLite, durable against power loss."""

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / "floor.db", isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute("CREATE TABLE IF NOT EXISTS task (id INTEGER PRIMARY KEY, state TEXT)")

    def change(self, task: int, state: str) -> None:
        """One state change, one commit."""
        self._db.execute("INSERT OR REPLACE INTO task VALUES (?, ?)", (task, state))

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def forked(folder: Path, arguments: list[Any], task: Task, slots: int) -> float:
    """Seconds to run a task for each argument, each in a child of its own, ``slots`` at a time."""
    ledger, waiting, live = Ledger(folder), list(enumerate(arguments)), {}
    start = time.perf_counter()
    while waiting or live:
        while waiting and len(live) < slots:
            number, argument = waiting.pop(0)
            ledger.change(number, "running")
            pid = os.fork()
            if pid == 0:
                task(argument)
                os._exit(0)
            live[pid] = number
        pid, status = os.wait()
        assert status == 0
        ledger.change(live.pop(pid), "success")
    spent = time.perf_counter() - start
    ledger.close()
    return spent


def pooled(folder: Path, arguments: list[Any], task: Task, slots: int) -> float:
    """Seconds to run a task for each argument in ``slots`` processes that serve many."""
    workers: dict[socket.socket, int] = {}
    for _ in range(slots):
        line, pid = _worker(task, workers)
        workers[line] = pid
    ledger, waiting, busy = Ledger(folder), list(enumerate(arguments)), {}
    start = time.perf_counter()
    idle = list(workers)
    while waiting or busy:
        while waiting and idle:
            line, (number, argument) = idle.pop(), waiting.pop(0)
            ledger.change(number, "running")
            line.sendall(json.dumps(argument).encode() + b"\n")
            busy[line] = number
        for line in list(busy):
            line.setblocking(len(busy) == 1)
            try:
                line.recv(1)
            except BlockingIOError:
                continue
            ledger.change(busy.pop(line), "success")
            idle.append(line)
    spent = time.perf_counter() - start
    for line, pid in workers.items():
        line.close()
        os.waitpid(pid, 0)
    ledger.close()
    return spent


def _worker(task: Task, others: Iterable[socket.socket]) -> tuple[socket.socket, int]:
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        for line in others:
            line.close()
        ours.close()
        with theirs.makefile("rb") as lines:
            for line in lines:
                task(json.loads(line))
                theirs.sendall(b".")
        os._exit(0)
    theirs.close()
    return ours, pid
