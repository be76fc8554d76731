"""A container's log, read on from where it was: no line twice, none left out, whatever breaks off in between.

The API takes an instant to the second alone (PodLogOptions; the server cuts its fraction off), so lines come again. Each line has its
instant to the nanosecond, by which those that were read are known; of lines of one instant, their number is kept.
"""

from collections.abc import Iterator
from typing import NamedTuple

from penstock_kubernetes.hooks.kubernetes import KubernetesHook

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
        self._hook, self._pod, self._namespace, self._container = hook, pod, namespace, container

    def new_lines(self) -> Iterator[str]:
        """The lines that have come since the last call, without their ends.

        Raises:
            ProviderError: The log cannot be read; what was yielded counts as read.
        """
        begin, seen = self.place, 0
        for instant, text in self._lines(begin.instant):
            if instant < begin.instant:
                continue
            if instant == begin.instant and seen < begin.lines:
                seen += 1
                continue
            known = self.place.lines if instant == self.place.instant else 0
            self.place = LogPlace(instant, known + 1)
            yield text

    def _lines(self, since: str) -> Iterator[tuple[str, str]]:
        left = b""
        for piece in self._hook.read_log(self._pod, self._namespace, container=self._container, since=since):
            *whole, left = (left + piece).split(b"\n")
            for line in whole:
                yield _parted(line)
            while len(left) > _LONGEST_LINE:
                # Its instant stands before its first part alone; the others have the same one.
                instant, text = _parted(left[:_LONGEST_LINE])
                yield instant, text
                left = instant.encode() + b" " + left[_LONGEST_LINE:]
        if left:
            yield _parted(left)


def _parted(line: bytes) -> tuple[str, str]:
    instant, _, text = line.partition(b" ")
    return instant.decode(errors="replace"), text.decode(errors="replace")
