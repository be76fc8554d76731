"""A worker that was wanted stays wanted for the cool-down of its queue."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.service.figures.cooldown import Cooldown
from penstock.service.figures.queues import QueueFigures, with_workers
from penstock.settings.sharing.queues import WorkerRule

RULE = WorkerRule(2, 1, 20, 60.0)


def queue(wanted, rule=RULE, name="far"):
    return with_workers(QueueFigures(name, "celery", wanted=wanted), rule)


def test_workers_are_let_go_when_the_cool_down_is_over_and_wanted_at_once():
    cooldown = Cooldown()
    told = [
        (at, cooldown.kept(queue(wanted), at).workers)
        for at, wanted in [(0, 3), (1, 10), (30, 0), (60, 4), (61, 0), (120, 0), (121, 9)]
    ]
    assert told == [(0, 2), (1, 5), (30, 5), (60, 5), (61, 2), (120, 1), (121, 5)]


def test_what_is_told_beside_the_workers_is_the_present():
    cooldown = Cooldown()
    cooldown.kept(queue(10), 0.0)
    found = cooldown.kept(queue(3), 1.0)
    assert (found.wanted, found.workers) == (3, 5)


def test_queues_do_not_keep_workers_for_each_other():
    cooldown = Cooldown()
    cooldown.kept(queue(10), 0.0)
    assert cooldown.kept(queue(0, name="near"), 1.0).workers == 1


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30)), min_size=1), st.sampled_from([0.0, 7.0, 60.0]))
def test_as_many_are_wanted_as_at_most_within_the_cool_down(steps, cooldown_s):
    cooldown, rule, now, seen = Cooldown(), RULE._replace(cooldown_s=cooldown_s), 0, []
    for wanted, later in steps:
        now += later
        seen.append((now, wanted))
        most = max(each for at, each in seen if at > now - cooldown_s or (at, each) == seen[-1])
        assert cooldown.kept(queue(wanted, rule), float(now)).workers == rule.workers(most)


@pytest.mark.parametrize("wanted", [0, 1, 5, 99])
def test_without_a_cool_down_workers_are_those_of_now(wanted):
    cooldown, rule = Cooldown(), RULE._replace(cooldown_s=0.0)
    cooldown.kept(queue(40, rule), 0.0)
    assert cooldown.kept(queue(wanted, rule), 0.0).workers == rule.workers(wanted)
