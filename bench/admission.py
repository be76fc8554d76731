"""What it costs to choose who goes next, however many wait, and how long few wait beside many.

    python bench/admission.py [--ready 100000] [--signatures 1000] [--decisions 20000]

One decision: a task ends, what it held is released, and the next one is admitted. Prints microseconds a decision with so many ready
tasks that need so many different things, the same while as many more wait for a full pool, and as a floor a heap of as many entries, of
which one is taken and one put in; of each the best of twenty rounds. Then the wait of a tenant with ten tasks beside one with ten
thousand that was there before, and alone, in lengths of a task. Fails if the full pool makes a decision dearer by more than a fifth, or if
the small tenant waits twice as long as alone.
"""

import argparse
import gc
import sys
import time
from collections import deque
from heapq import heapify, heapreplace

from penstock.engine.limits.admission import Admission
from penstock.engine.limits.bucket import Bucket
from penstock.engine.limits.fairness import Competitor, Tenant
from penstock.engine.limits.resource import Needs, Resource

SLOTS = 16
ROUNDS = 20


class Ready:
    """A task instance that waits."""

    __slots__ = ("bucket", "holds", "priority")

    def __init__(self) -> None:
        self.priority = 1
        self.bucket: Bucket | None = None
        self.holds: Needs = ()


class House:
    """An executor and what waits for it.

    Args:
        ready: How many instances wait.
        signatures: In how many ways they differ by what they need.
        blocked: How many more wait for a pool that is full.
    """

    def __init__(self, ready: int, signatures: int, blocked: int = 0) -> None:
        self.admission, self.executor = Admission(), Resource("executor", SLOTS)
        full, tenant = Resource("full", 0), Tenant(0)
        for number in range(signatures):
            competitor = Competitor(tenant, number)
            own = Resource(f"pool {number}", SLOTS)
            for _ in range(ready // signatures):
                self.admission.add(Ready(), ((own, 1), (self.executor, 1)), competitor)
            for _ in range(blocked // signatures):
                self.admission.add(Ready(), ((own, 1), (full, 1), (self.executor, 1)), competitor)
        self.running = deque(self.admission.admit())

    def decide(self, times: int) -> float:
        """Microseconds a decision."""
        began = time.perf_counter()
        for _ in range(times):
            self.admission.release(self.running.popleft())
            self.running.extend(self.admission.admit())
        return (time.perf_counter() - began) / times * 1e6


def floor(ready: int, times: int) -> float:
    """Microseconds to take the first of a heap and put another one in."""
    heap = [(number, number) for number in range(ready)]
    heapify(heap)
    began = time.perf_counter()
    for number in range(times):
        heapreplace(heap, (ready + number, number))
    return (time.perf_counter() - began) / times * 1e6


def longest_wait(little: int, big: int) -> int:
    """Lengths of a task that the last task of a small tenant waits beside those of a big one, which came first."""
    admission, executor = Admission(), Resource("executor", 2)
    ours, theirs = Competitor(Tenant(0), 0), Competitor(Tenant(1), 1)
    for _ in range(big):
        admission.add(Ready(), ((executor, 1),), theirs)
    running = list(admission.admit())
    for _ in range(20 if big else 0):
        for each in running:
            admission.release(each)
        running = list(admission.admit())
    small = [Ready() for _ in range(little)]
    for each in small:
        admission.add(each, ((executor, 1),), ours)
    running += admission.admit()
    waited = 0
    while any(each.bucket is not None for each in small):
        for each in running:
            admission.release(each)
        running, waited = list(admission.admit()), waited + 1
    return waited


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ready", type=int, default=100_000)
    parser.add_argument("--signatures", type=int, default=1000)
    parser.add_argument("--decisions", type=int, default=20_000)
    asked = parser.parse_args()
    gc.disable()
    times = asked.decisions // ROUNDS
    houses = House(asked.ready, asked.signatures), House(asked.ready, asked.signatures, asked.ready)
    alike = [(houses[0].decide(times), houses[1].decide(times), floor(asked.ready, times)) for _ in range(ROUNDS)]
    free, blocked, heap = (min(column) for column in zip(*alike, strict=True))
    print(
        f"a decision, {asked.ready:,} ready, {asked.signatures:,} signatures: {free:.1f} us, {free / heap:.0f} x a heap"
    )
    print(f"the same with {asked.ready:,} more at a full pool:  {blocked:.1f} us, {blocked / free:.2f} x")
    alone, beside = (longest_wait(10, big) for big in (0, 10_000))
    print(f"the last of 10 tasks waits {alone} alone, {beside} beside 10,000 of another tenant")
    return int(blocked > 1.2 * free or beside >= 2 * alone)


if __name__ == "__main__":
    sys.exit(main())
