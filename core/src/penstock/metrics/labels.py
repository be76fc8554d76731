"""Bounds the values of tags that users' files decide: what comes late counts under one name for all."""

from collections.abc import Iterable, Iterator

from penstock.metrics.metrics_table import COLLAPSED, METRICS
from penstock.metrics.series import Record

OTHER = "other"
"""Value of a tag that has too many."""

BOUNDED = frozenset({"dag_id", "file"})
"""Tags whose values are as many as there are DAGs or files; those of all others are few."""


class Labels:
    """Knows the values of bounded tags that came first.

    Args:
        most: Values of each tag that are told apart.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[str, set[str]] = {tag: set() for tag in BOUNDED}

    def bounded(self, records: Iterable[Record]) -> Iterator[Record]:
        """Give each record with the tags that it counts under, and a count for each tag that has become another."""
        for record in records:
            metric = METRICS.get(record.name)
            if metric is None or BOUNDED.isdisjoint(metric.tags) or len(metric.tags) != len(record.tags):
                yield record
                continue
            tags = list(record.tags)
            for place, tag in enumerate(metric.tags):
                if tag in BOUNDED and not self._keeps(tag, tags[place]):
                    tags[place] = OTHER
                    yield Record(COLLAPSED.name, 1.0, (tag,))
            yield Record(record.name, record.value, tuple(tags))

    def _keeps(self, tag: str, value: str) -> bool:
        known = self._known[tag]
        if value not in known and len(known) < self._most:
            known.add(value)
        return value in known
