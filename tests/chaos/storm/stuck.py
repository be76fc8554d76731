"""How long tries of a storm stood still though all that they needed was there.

While nobody can go on, no time counts: server, database or broker do not answer, or no scheduler lives. A scheduler that takes a
try up cannot know for how long its worker has been silent, and counts anew: so the time before it was struck counts by itself.
"""

import threading
import time
import urllib.request
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from penstock.model.run import Try

_EVERY_S, _PATIENCE_S = 0.2, 2.0


class Outages(threading.Thread):
    """Asks again and again whether all that tries need is there, and keeps when it was not; a context manager.

    Args:
        serves: Whether it is.
    """

    def __init__(self, serves: Callable[[], bool]) -> None:
        super().__init__(name="outages", daemon=True)
        self._serves, self._over = serves, threading.Event()
        self.found: list[tuple[float, float]] = []

    def __enter__(self) -> "Outages":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        """Ask until the end."""
        served_s, away = time.time(), False
        while not self._over.wait(_EVERY_S):
            began_s = time.time()
            if not self._serves():
                away = True
                continue
            if away:
                self.found.append((served_s, time.time()))
            served_s, away = began_s, False

    def longest_s(self, began_s: float, ended_s: float, struck: Iterable[float]) -> float:
        """The longest part of a span of time between two strikes at schedulers, outages left out."""
        ends = [began_s, *sorted(each for each in struck if began_s < each < ended_s), ended_s]
        return max(until - since - self._seconds(since, until) for since, until in pairwise(ends))

    def _seconds(self, began_s: float, ended_s: float) -> float:
        return sum(max(0.0, min(ended_s, end) - max(began_s, begin)) for begin, end in self.found)


def serves(url: str) -> bool:
    """Whether a server and its database answer."""
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=_PATIENCE_S) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class Longest(NamedTuple):
    """The longest of some waits, outages left out.

    Attributes:
        seconds: Of it.
        what: Whose.
    """

    seconds: float
    what: str


def longest_waits(tries: Sequence[Try], lines: Path, outages: Outages, struck: Sequence[float]) -> dict[str, Longest]:
    """The longest time until a try said its first word, and from its last word until its end was stored.

    Args:
        tries: All tries of the run's mapped task.
        lines: What they wrote: map index, process, instant in nanoseconds since 1970, word.
        outages: When nobody could have gone on.
        struck: When schedulers were struck.
    """
    spoken = _spoken(tries, lines)
    found = {"to begin": Longest(0.0, ""), "to be known": Longest(0.0, "")}
    for each in tries:
        words = spoken.get((each.map_index, each.epoch))
        ended_s = _seconds(each.ended_at)
        first_s, last_s = words or (_seconds(each.started_at) or ended_s, _seconds(each.started_at) or ended_s)
        for what, began_s, until_s in (
            ("to begin", _seconds(each.queued_at), min(first_s, ended_s)),
            ("to be known", last_s, ended_s),
        ):
            waited_s = outages.longest_s(began_s, until_s, struck) if began_s < until_s else 0.0
            if waited_s > found[what].seconds:
                at = datetime.fromtimestamp(began_s, UTC).strftime("%H:%M:%S")
                name = f"try {each.epoch} of task {each.map_index} ({each.outcome}; {each.error[:200]}), from {at}"
                found[what] = Longest(round(waited_s, 1), name)
    return found


def _spoken(tries: Iterable[Try], lines: Path) -> dict[tuple[int, int], tuple[float, float]]:
    """The instants of each try's first and last word: a process speaks for the try that was queued last before it."""
    queued: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for each in tries:
        queued[each.map_index].append((_seconds(each.queued_at), each.epoch))
    words: dict[tuple[int, int], list[float]] = defaultdict(list)
    for line in lines.read_text().splitlines():
        number, pid, at, _ = line.split()
        words[int(number), int(pid)].append(int(at) / 1e9)
    found = {}
    for (number, _), instants in words.items():
        each = sorted(queued[number])
        at = bisect_right(each, (min(instants), 1 << 60)) - 1
        found[number, each[max(at, 0)][1]] = (min(instants), max(instants))
    return found


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at is not None else 0.0
