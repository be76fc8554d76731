"""What it costs that many sensors wait for keys of S3 among very many, under `penstock up`.

    python bench/many_sensors.py [--sensors 1000] [--keys 10000000] [--prefixes 10] [--interval 60] [--listings 3]

Each sensor waits for a key that matches a pattern below one of the prefixes, and looks at each key there at every poke. Prints how
often each prefix was listed from its beginning while all waited, what that asked S3 for, and the memory of the process in which they
wait, beside a plain loop that lists one prefix. Fails if a prefix was listed more than once an interval, or if memory grew.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from penstock_testkit.beside import WITHOUT_SERVER
from penstock_testkit.numbered import NumberedBucket
from penstock_testkit.saas import plain_http
from penstock_testkit.saas.messages import HttpRequest

BIN = Path(sys.executable).parent
GROWTH_MB = 32.0
DAG = """
import os
from penstock import DAG
from penstock_aws.sensors import S3KeySensor

class Told(S3KeySensor):
    def poke_key(self):
        with open({told!r}, "a") as told:
            told.write(f"{{os.getpid()}}\\n")  # it waits from now on
        return super().poke_key()

with DAG("waiting"):
    for number in range({sensors}):
        Told(task_id=f"s{{number}}", bucket_key=f"s3://keys/{{number % {prefixes}}}/*.done", poke_interval={interval})
"""


class Waiting:
    """An installation in which sensors wait.

    Args:
        folder: Where it is.
        endpoint: URL of S3.
        sensors: How many.
        prefixes: Prefixes among which they are divided.
        interval: Seconds between their pokes.
    """

    def __init__(self, folder: Path, endpoint: str, *, sensors: int, prefixes: int, interval: float) -> None:
        self.folder, self.sensors, self._told = folder, sensors, folder / "told"
        (folder / "dags").mkdir()
        (folder / "penstock.toml").touch()
        given = {"told": str(self._told), "sensors": sensors, "prefixes": prefixes, "interval": interval}
        (folder / "dags" / "waiting.py").write_text(DAG.format(**given))
        connection = f"aws://key:secret@/?region_name=eu-central-1&endpoint_url={endpoint}"
        own = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
        self._env = {**own, **WITHOUT_SERVER, "PENSTOCK_CONN_AWS_DEFAULT": connection}

    @contextlib.contextmanager
    def up(self) -> Iterator[None]:
        """Run it, and trigger the run ``one``."""
        with (self.folder / "up.log").open("w") as log:
            up = subprocess.Popen([BIN / "penstock", "up"], cwd=self.folder, env=self._env, stderr=log)
        try:
            self.until(lambda: "one" in self._penstock("dags", "trigger", "waiting", "--run-id", "one"))
            yield
        finally:
            up.terminate()
            up.wait()

    def wait_for_all(self) -> None:
        """Wait until every sensor waits."""
        self.until(lambda: len(self._pids()) >= self.sensors)

    def wait_for_success(self) -> None:
        """Wait until the run has succeeded."""
        self.until(lambda: " success " in self._penstock("runs", "list"))

    def memory_mb(self, what: str) -> float:
        """Memory of the process in which they wait, as the kernel counts it: VmRSS is now, VmHWM the most there was."""
        (pid,) = set(self._pids())
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.partition(f"{what}:")[2].split()[0]) / 1024

    def until(self, holds: Callable[[], bool], patience_s: float = 600.0) -> None:
        """Wait for something."""
        deadline = time.monotonic() + patience_s
        while not holds():
            assert time.monotonic() < deadline, f"it takes too long: {(self.folder / 'up.log').read_text()}"
            time.sleep(1.0)

    def _pids(self) -> list[str]:
        return self._told.read_text().split() if self._told.exists() else []

    def _penstock(self, *words: str) -> str:
        done = subprocess.run(
            [BIN / "penstock", *words], cwd=self.folder, env=self._env, capture_output=True, text=True, check=False
        )
        return done.stdout


def begun_listings(requests: Iterable[HttpRequest]) -> Counter[str]:
    """How often each prefix was listed from its beginning."""
    return Counter(each.query["prefix"] for each in list(requests) if "continuation-token" not in each.query)


def measure(bucket: NumberedBucket, waiting: Waiting, listings: int, interval_s: float) -> None:
    """Let all wait, look for some intervals, and let them end."""
    waiting.wait_for_all()
    print(f"all of {waiting.sensors:,} sensors wait; listings begun so far: {begun_listings(bucket.requests)}")
    before, at = len(bucket.requests), time.monotonic()

    def listed(times: int) -> bool:
        found = begun_listings(bucket.requests[before:])
        return all(found[name] >= times for name in bucket.folders)

    waiting.until(lambda: listed(1), 3600)
    memory_before = waiting.memory_mb("VmRSS")
    waiting.until(lambda: listed(1 + listings), 3600 * listings)
    seen, spent = bucket.requests[before:], time.monotonic() - at
    found = begun_listings(seen)
    print(f"in {spent:.0f} s from then: {len(seen):,} LISTs, listings begun for each prefix {sorted(found.values())}")
    memory = waiting.memory_mb("VmHWM")
    print(f"memory of the process in which they wait: {memory_before:.0f} MB before that, {memory:.0f} MB at most")
    assert max(found.values()) <= spent // interval_s + 1, "a prefix was listed more than once an interval"
    assert memory - memory_before < GROWTH_MB, "memory grew"
    for name, keys in bucket.folders.items():
        keys.others.append(f"{name}it.done")
    waiting.wait_for_success()
    print("each of them found its key")


def floor(endpoint: str, prefix: str) -> None:
    """List one prefix by the SDK alone."""
    client = boto3.client(
        "s3", region_name="eu-central-1", endpoint_url=endpoint, config=Config(signature_version=UNSIGNED)
    )
    begun, pages = time.monotonic(), 0
    for _ in client.get_paginator("list_objects_v2").paginate(Bucket="keys", Prefix=prefix):
        pages += 1
    print(f"floor: one listing of {pages:,} pages takes {time.monotonic() - begun:.1f} s")


def main() -> None:
    """Measure, print and check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sensors", type=int, default=1000)
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--prefixes", type=int, default=10)
    parser.add_argument("--interval", type=float, default=60.0)
    parser.add_argument("--listings", type=int, default=3)
    given = parser.parse_args()
    bucket = NumberedBucket({f"{each}/": given.keys // given.prefixes for each in range(given.prefixes)})
    with tempfile.TemporaryDirectory() as name, plain_http(bucket) as endpoint:
        floor(endpoint, "0/")
        bucket.forget()
        shape = {"sensors": given.sensors, "prefixes": given.prefixes, "interval": given.interval}
        waiting = Waiting(Path(name), endpoint, **shape)
        with waiting.up():
            measure(bucket, waiting, given.listings, given.interval)
        assert bucket.problems == [], bucket.problems


if __name__ == "__main__":
    main()
