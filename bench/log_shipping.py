"""What a log store that is away costs: a task prints a gigabyte meanwhile, under `penstock up`.

    python bench/log_shipping.py [--mb 1024] [--away 60]

The store is away for so many seconds from the task's first line on. Prints how long the task took, how long its log took to be
whole in the store after that, and the most memory that the log shipper had; fails if a byte is missing, or is there twice.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from penstock_testkit.beside import WITHOUT_SERVER

BIN = Path(sys.executable).parent
SETTINGS = """
[plugins]
modules = ["moody"]
[logs]
store = "moody://{folder}/kept"
chunk_s = 1
"""
STORE = """
import os
from penstock.spec.plugin import Capability, hookimpl
import penstock.plugins.file_store as files

class Moody:
    def __init__(self, conn_id):
        self.files = files.FileStore(conn_id)
    def _file(self, url):
        if os.path.exists("{folder}/away"):
            raise OSError("the store is away")
        return url.replace("moody:", "file:", 1)
    def stat(self, url): return self.files.stat(self._file(url))
    def list(self, prefix):
        return (each._replace(url=each.url.replace("file:", "moody:", 1)) for each in self.files.list(self._file(prefix)))
    def read(self, url): return self.files.read(self._file(url))
    def open(self, url): return self.files.open(self._file(url))
    def write(self, url, data, *, if_absent=False): return self.files.write(self._file(url), data, if_absent=if_absent)
    def upload(self, url, stream, *, origin=""): self.files.upload(self._file(url), stream, origin=origin)
    def origin(self, url): return self.files.origin(self._file(url))
    def delete(self, url): self.files.delete(self._file(url))

@hookimpl
def penstock_object_stores():
    return [Capability("object_stores", "moody.store", Moody, "Files that are away now and then.", scheme="moody")]
"""
DAG = """
from penstock import DAG, task
with DAG("loud"):
    @task
    def shout():
        line = "x" * 1023
        print("begun", flush=True)
        for number in range({lines}):
            print(f"{{number:08}}" + line[8:])
    shout()
"""


def main() -> None:
    """Measure, print and check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=1024)
    parser.add_argument("--away", type=float, default=60.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "dags").mkdir()
        (folder / "away").touch()
        (folder / "penstock.toml").write_text(SETTINGS.format(folder=folder))
        (folder / "moody.py").write_text(STORE.replace("{folder}", str(folder)))
        (folder / "dags" / "loud.py").write_text(DAG.format(lines=given.mb * 1024))
        up = subprocess.Popen(
            [BIN / "penstock", "up"], cwd=folder, env=os.environ | WITHOUT_SERVER, stderr=subprocess.PIPE, text=True
        )
        try:
            measure(folder, up.pid, given.mb, given.away)
        finally:
            up.terminate()
            print(up.communicate()[1].strip())


def measure(folder: Path, up: int, mb: int, away_s: float) -> None:
    """Run the task, let the store be away, and compare what is kept with what was printed."""
    until(lambda: "loud" in penstock(folder, "dags", "list"))
    penstock(folder, "dags", "trigger", "loud", "--run-id", "one")
    begun = time.monotonic()
    until(lambda: "running" not in (states := penstock(folder, "runs", "show", "loud", "one")) and "success" in states)
    print(f"the task took {time.monotonic() - begun:.1f} s while the store was away")
    time.sleep(max(0.0, begun + away_s - time.monotonic()))
    (folder / "away").unlink()
    back = time.monotonic()
    until(lambda: any(folder.glob("kept/*/loud/one/shout/1.log/*.end")))
    print(f"its log was whole in the store {time.monotonic() - back:.1f} s after that was back")
    print(f"the log shipper had {peak_mb(up)} MB at most")
    pieces = sorted(each for each in folder.glob("kept/*/loud/one/shout/1.log/*") if each.name.isdecimal())
    kept, printed = hashlib.sha256(), hashlib.sha256(b"begun\n")
    for number in range(mb * 1024):
        printed.update(f"{number:08}".encode() + b"x" * 1015 + b"\n")
    for piece in pieces:
        kept.update(piece.read_bytes())
    assert kept.digest() == printed.digest(), "the store has another log than was printed"
    print(f"{sum(each.stat().st_size for each in pieces):,} bytes in {len(pieces)} pieces, each of them once")


def peak_mb(up: int) -> int:
    """The most memory that the log shipper ever had, as the kernel counts it."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == up and "log_shipper" in (folder / "cmdline").read_text():
                status = (folder / "status").read_text()
                return int(status.partition("VmHWM:")[2].split()[0]) // 1024
        except OSError:
            continue
    raise RuntimeError("there is no log shipper")


def penstock(folder: Path, *words: str) -> str:
    """What a command prints."""
    return subprocess.run([BIN / "penstock", *words], cwd=folder, capture_output=True, text=True, check=False).stdout


def until(holds: Callable[[], bool]) -> None:
    """Wait."""
    deadline = time.monotonic() + 600
    while not holds():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.5)


if __name__ == "__main__":
    os.environ.pop("PENSTOCK_CONFIG", None)
    main()
