"""A container's log, read on from where it was: no line twice, none left out, whatever breaks off in between.

The API takes an instant to the second alone (PodLogOptions; the server cuts its fraction off), so lines come again. Each line has its
instant to the nanosecond, by which those that were read are known; of lines of one instant, their number is kept.
"""

import functools
import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from penstock_kubernetes.hooks.kubernetes import KubernetesHook

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
_LONGEST_LINE = 64 * 1024


class LogPlace(NamedTuple):
    """How far a log was read.

    Attributes:
        instant: That of the last line; "" before the first.
        lines: How many lines of this instant were read.
    """

    instant: str = ""
    lines: int = 0


class LogFollower:
    """Reads one container's log.

    Args:
        hook: The client.
        pod: Name of the pod.
        namespace: Its namespace.
        container: The container.
        place: How far it was read before.

    Attributes:
        place: How far it is read.
    """

    def __init__(
        self, hook: KubernetesHook, pod: str, namespace: str, container: str, place: LogPlace | None = None
    ) -> None:
        self.place = place or LogPlace()
        self._warned = False
        self._hook, self._pod, self._namespace, self._container = hook, pod, namespace, container

    def new_lines(self, last: int = 0) -> Iterator[str]:
        """The lines that have come since the last call, without their ends.

        Args:
            last: How many of them are wanted, of the end; those before are left out. 0 for all.

        Raises:
            ProviderError: The log cannot be read; what was yielded counts as read.
        """
        begin, seen, first = self.place, 0, _order(self.place.instant)
        for instant, text in self._lines(begin.instant, last):
            order = _order(instant)
            if order is None:  # what the machine has to say in place of a log, again and again
                if not self._warned:
                    self._warned = True
                    yield f"{instant} {text}".rstrip()
                continue
            if first is not None and order < first:
                continue
            if order == first and seen < begin.lines:
                seen += 1
                continue
            known = self.place.lines if instant == self.place.instant else 0
            self.place = LogPlace(instant, known + 1)
            yield text

    def _lines(self, since: str, last: int) -> Iterator[tuple[str, str]]:
        left = b""
        for piece in self._hook.read_log(self._pod, self._namespace, container=self._container, since=since, last=last):
            *whole, left = (left + piece).split(b"\n")
            for line in whole:
                yield _parted(line)
            while len(left) > _LONGEST_LINE:
                # Its instant stands before its first part alone; the others have the same one.
                instant, text = _parted(left[:_LONGEST_LINE])
                yield instant, text
                known = instant.encode() + b" " if _order(instant) is not None else b""
                left = known + left[_LONGEST_LINE:]
        if left:
            yield _parted(left)


def _parted(line: bytes) -> tuple[str, str]:
    instant, _, text = line.partition(b" ")
    return instant.decode(errors="replace"), text.decode(errors="replace")


@functools.lru_cache(maxsize=64)
def _order(instant: str) -> tuple[datetime, str] | None:
    """What instants are compared by, as they are in a machine's own zone, and its zone may change; None of what is none."""
    found = _INSTANT.fullmatch(instant)
    if found is None:
        return None
    seconds, fraction, zone = found.groups()
    try:
        return datetime.fromisoformat(seconds + zone), (fraction or "").ljust(9, "0")
    except ValueError:
        return None
