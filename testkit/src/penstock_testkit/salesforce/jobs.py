"""Bulk jobs: their states, and CSV as Bulk API 2.0 writes it."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Job:
    """A bulk job.

    Attributes:
        id: Its id.
        info: What is told of it; ``state`` is among it.
        fields: The columns of its rows.
        rows: What a query found, or what was uploaded.
        succeeded, failed: What an ingest job told of each row.
        begun: Looks since it was given its data.
    """

    id: str
    info: dict[str, Any]
    fields: tuple[str, ...] = ()
    rows: list[dict[str, Any]] = field(default_factory=list)
    succeeded: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    begun: int = 0


@dataclass
class Jobs:
    """The jobs of an organisation.

    Attributes:
        jobs: By id, in order.
        looks: After how many looks a job has ended.
        failures: What goes wrong with the next jobs; "" for nothing.
        rejects: Rows that an ingest job refuses: for a value of any column why.
    """

    jobs: dict[str, Job] = field(default_factory=dict)
    looks: int = 1
    failures: list[str] = field(default_factory=list)
    rejects: dict[str, str] = field(default_factory=dict)

    def make(self, info: dict[str, Any]) -> Job:
        """Make a job."""
        made = f"750{len(self.jobs) + 1:012d}AAA"
        self.jobs[made] = Job(made, {"id": made, "apiVersion": 62.0, "concurrencyMode": "Parallel", **info})
        return self.jobs[made]

    def advance(self, job: Job) -> bool:
        """Go on with a job that is looked at; tells whether it is just done."""
        if job.info["state"] not in ("UploadComplete", "InProgress"):
            return False
        job.begun += 1
        if job.begun < self.looks:
            job.info["state"] = "InProgress"
            return False
        failure = self.failures.pop(0) if self.failures else ""
        job.info.update({"state": "Failed", "errorMessage": failure} if failure else {"state": "JobComplete"})
        return not failure


def csv_of(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> str:
    """Rows as CSV: every value is quoted, nothing is an empty value."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_text(row.get(name)) for name in columns] for row in rows)
    return out.getvalue()


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value).replace(".000+0000", ".000Z")
