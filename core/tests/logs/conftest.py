"""A logs folder, a log store beside it, and shippers between the two."""

import os
import random
import signal
import threading
from datetime import UTC, datetime

import pytest

from penstock.logs.shipper import Bounds, LogShipper, ShipperPorts
from penstock.plugins.file_store import FileStore
from penstock.plugins.object_logs import ObjectLogs
from penstock.processes.masking import Mask
from penstock.testing import FakeClock

CHUNK = 4096


class Unkind(ObjectLogs):
    """A log store that fails when it is told to, and can end its process at one of its calls."""

    def __init__(self, url):
        super().__init__(url, FileStore())
        self.away, self.refused, self.appended, self._lock = False, "", [], threading.Lock()
        self.calls, self.kill_before, self.kill_after = 0, 0, 0

    def append(self, log, offset, data):
        return self._call(log, lambda: self._appended(log, offset, data))

    def seal(self, log, size):
        return self._call(log, lambda: super(Unkind, self).seal(log, size))

    def _appended(self, log, offset, data):
        taken = super().append(log, offset, data)
        self.appended.append((log, offset, taken))
        return taken

    def _call(self, log, work):
        with self._lock:
            self.calls += 1
            number = self.calls
        if self.away or (self.refused and self.refused in log):
            raise SystemExit("no answer to the-pass-word")
        if number == self.kill_before:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = work()
        if number == self.kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


class Yard:
    """Logs on this machine and in the store."""

    def __init__(self, folder):
        self.folder, self.kept = folder / "logs", folder / "kept"
        self.folder.mkdir()
        self.store = Unkind(self.kept.as_uri())
        self.clock = FakeClock(datetime(2026, 3, 1, tzinfo=UTC))
        self.open, self.reports, self.told, self.newest, self.live, self.full = set(), [], [], 0, False, False
        self.dice = random.Random(5)

    def shipper(self, *, buffer_bytes=1 << 30, clock=None):
        ports = ShipperPorts(
            "mem://logs", lambda: self.store, lambda: self.open, lambda: self.newest, lambda: self.live,
            lambda path: str(path.relative_to(self.folder)), clock or self.clock, self.keep, self.told.append,
            hide=Mask(["the-pass-word"]).hide,
        )  # fmt: skip
        return LogShipper(self.folder, Bounds(CHUNK, 5.0, buffer_bytes), ports)

    def keep(self, report):
        self.reports.append(report)
        return not self.full

    def write(self, name, length):
        """Have a log grow by random bytes; what it holds now."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(self.dice.randbytes(length))
        self.newest += 1
        return path.read_bytes()

    def pieces(self, name):
        """Sizes of the pieces that the store has of a log, in the order of their offsets, and its bytes one after the other."""
        found = sorted(each for each in self.kept.glob(f"{name}/*") if each.name.isdecimal())
        return [each.stat().st_size for each in found], b"".join(each.read_bytes() for each in found)

    def marks(self):
        return sorted(each.name for each in self.folder.rglob("*.s*-*"))


@pytest.fixture
def yard(tmp_path):
    return Yard(tmp_path)
