"""How far an extraction is: the stretch of time that it reads, the page at which it is there, and what is written."""

from collections.abc import Sequence
from typing import NamedTuple

from penstock_salesforce.transfers.window import Window


class Progress(NamedTuple):
    """How far an extraction is.

    Attributes:
        query: `Plan.digest` of its query.
        until: Where its window ends; "" without.
        low, high: The stretch of its window that is being read.
        ends: Where the stretches behind it end, the last one first.
        method: ``rest`` or ``bulk``; "" before it is chosen for the stretch.
        job: The query job's id.
        next: Where the next page is; "" for the first.
        files, rows: What is written.
        files_before, rows_before: What was written before the stretch.
        done: Whether that is all.
    """

    query: str
    until: str = ""
    low: str = ""
    high: str = ""
    ends: Sequence[str] = ()
    method: str = ""
    job: str = ""
    next: str = ""
    files: int = 0
    rows: int = 0
    files_before: int = 0
    rows_before: int = 0
    done: bool = False

    def with_page(self, rows: int, method: str, after: str) -> "Progress":
        """How far it is with another page; at a stretch's last one it goes on with the next stretch.

        Args:
            rows: Rows of the page; without any there is no file.
            method: By which it came.
            after: Where the next page is; "" for none.
        """
        files, total = self.files + bool(rows), self.rows + rows
        if after or not self.ends:
            return self._replace(method=method, next=after, files=files, rows=total, done=not after)
        fresh = self._replace(low=self.high, high=self.ends[-1], ends=self.ends[:-1], files=files, rows=total)
        return fresh._replace(method="", job="", next="", files_before=files, rows_before=total)

    def anew(self) -> "Progress":
        """How far it is if the stretch is begun anew."""
        return self._replace(method="", job="", next="", files=self.files_before, rows=self.rows_before)

    def halved(self, window: Window, date: str) -> "Progress | None":
        """How far it is if the stretch is divided, and begun anew; None if it cannot be.

        Args:
            window: The stretch.
            date: Salesforce's time, as a Date header.
        """
        middle = window.middle(date)
        return self.anew()._replace(high=middle, ends=(*self.ends, self.high)) if middle else None
