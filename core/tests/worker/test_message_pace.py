"""Which messages of a worker wait for what comes right after."""

import time

import pytest

from penstock.worker import message_pace
from penstock.worker.message_pace import APART_S, MessagePace

from .conftest import until


@pytest.mark.parametrize(
    ("tries", "later_s", "waits_s"),
    [(1, 0.0, 0.0), (0, 0.0, 0.0), (2, 0.0, APART_S), (2, APART_S / 2, APART_S / 2), (2, APART_S, 0.0), (100, 9.0, 0.0)],
)  # fmt: skip
def test_what_follows_a_message_of_several_waits_and_what_follows_one_alone_does_not(tries, later_s, waits_s):
    kept = MessagePace()
    assert kept.wait_s(100.0) == 0.0
    kept.sent(tries, 100.0)
    assert kept.wait_s(100.0 + later_s) == pytest.approx(waits_s)


def test_a_message_alone_ends_the_waiting():
    kept = MessagePace()
    kept.sent(2, 100.0)
    kept.sent(1, 100.0)
    assert kept.wait_s(100.0) == 0.0


class Arrivals:
    """When messages of a route came to a site; while the first is answered, something is done."""

    def __init__(self, site, route, meanwhile):
        self.instants, self._route, self._meanwhile = [], route, meanwhile
        site.fault = self._came

    def _came(self, route, _message):
        if route == self._route:
            self.instants.append(time.monotonic())
            if len(self.instants) == 1:
                self._meanwhile()

    def gap_s(self):
        """Seconds between the second and the third."""
        until(lambda: len(self.instants) == 3, "three came")
        return self.instants[2] - self.instants[1]


def test_a_claim_after_one_of_several_tickets_comes_later(site, pool, monkeypatch):
    monkeypatch.setattr(message_pace, "APART_S", 1.5)
    worker, tickets = pool(slots=6), {each: site.offer(each).secret for each in "abcd"}
    arrivals = Arrivals(site, "claims", lambda: [worker.bring(tickets[each]) for each in "bc"])
    for each in "ad":
        worker.bring(tickets[each])
        worker.runs("c" if each == "a" else each)
    assert arrivals.gap_s() > 0.2
    assert [len(each.tickets) for each in site.messages("claims")] == [1, 2, 1]


def test_a_report_after_one_of_several_ends_comes_later(site, pool, monkeypatch):
    monkeypatch.setattr(message_pace, "APART_S", 1.5)
    worker = pool(slots=6)
    for each in "abcd":
        worker.bring(site.offer(each).secret)
        worker.runs(each)

    def two_more_end():
        for each in "bc":
            worker.tries.end(each)
        until(lambda: len(worker.worker.tries.running()) == 1, "the worker knows")

    arrivals = Arrivals(site, "reports", two_more_end)
    worker.tries.end("a")
    until(lambda: len(site.ends()) == 3, "three have ended")
    worker.tries.end("d")
    assert arrivals.gap_s() > 0.2
    assert [len(each.tries) for each in site.messages("reports")] == [1, 2, 1]
