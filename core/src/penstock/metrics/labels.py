"""Bounds the values of tags that users decide: what is too many counts under one name for all."""

from collections.abc import Callable, Iterable, Iterator

from penstock.metrics.metrics_table import COLLAPSED, FILE_IMPORT, LAST_SUCCESS, METRICS, QUEUE_OLDEST
from penstock.metrics.series import Record

OTHER = "other"
"""Value of a tag that has too many."""

BOUNDED = frozenset({"dag_id", "file", "pool", "queue"})
"""Tags whose values users' files and commands decide; those of all others are few."""

_WORST: dict[str, Callable[[Iterable[float]], float]] = {
    QUEUE_OLDEST.name: max,
    LAST_SUCCESS.name: min,
    FILE_IMPORT.name: max,
}
"""What is told of several as one, by metric; of all others their sum."""


def together(name: str, values: Iterable[float]) -> Record:
    """What is told of a metric's values that have no names of their own: the sum, or of ages and times the worst."""
    return Record(name, _WORST.get(name, sum)(values), (OTHER,))


def bounded_figures(records: Iterable[Record], most: int) -> Iterator[Record]:
    """Give figures of which each tag tells so many values apart, the first by name; the others are told as one."""
    many: dict[str, dict[str, float]] = {}
    for record in records:
        if len(record.tags) == 1 and METRICS[record.name].tags[0] in BOUNDED:
            many.setdefault(record.name, {})[record.tags[0]] = record.value
        else:
            yield record
    for name, values in many.items():
        names = sorted(values)
        yield from (Record(name, values[each], (each,)) for each in names[:most])
        if rest := [values[each] for each in names[most:]]:
            yield together(name, rest)


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
