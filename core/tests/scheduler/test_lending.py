"""Shares of limits: never more than there is, nobody starves, and what is idle goes to who needs it."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from penstock.scheduler.sharing.lending import portion
from penstock.scheduler.sharing.ownership import owner_of
from penstock.store import Share

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def share(scheduler, amount, needed, largest=1, since_s=0):
    return Share("pool:p", scheduler, amount, needed, largest, NOW + timedelta(seconds=since_s))


@pytest.mark.parametrize(
    ("limit", "used", "mine", "others", "amount", "here"),
    [
        pytest.param(8, 0, share(1, 0, 0), [], 8, 8, id="alone has all"),
        pytest.param(8, 3, share(1, 8, 3), [share(2, 0, 0)], 8, 8, id="what nobody is short of stays"),
        pytest.param(8, 3, share(1, 8, 3), [share(2, 0, 2)], 3, 3, id="what it does not need is given back"),
        pytest.param(8, 3, share(1, 8, 9), [share(2, 0, 9)], 4, 4, id="of what all want it keeps an even part"),
        pytest.param(8, 6, share(1, 8, 9), [share(2, 0, 9)], 6, 4, id="what is in use comes back when it is free"),
        pytest.param(8, 0, share(2, 0, 9), [share(1, 6, 9)], 2, 2, id="only what is free is taken"),
        pytest.param(8, 0, share(1, 8, 0), [share(2, 0, 1)], 0, 0, id="who needs nothing keeps nothing"),
        pytest.param(1, 1, share(1, 1, 5, since_s=1), [share(2, 0, 5)], 1, 0, id="the last slot goes round"),
        pytest.param(1, 0, share(1, 1, 5), [share(2, 0, 5, since_s=1)], 1, 1, id="to who was served longest ago"),
        pytest.param(
            5, 2, share(1, 2, 9, since_s=1), [share(2, 0, 5, largest=5)], 2, 0, id="a large need is kept together"
        ),
        pytest.param(4, 0, share(1, 9, 0), [], 4, 4, id="a limit that was lowered"),
        pytest.param(6, 5, share(1, 8, 5), [share(2, 4, 4)], 5, 3, id="and that was lent to two"),
    ],
)
def test_a_portion(limit, used, mine, others, amount, here):
    assert portion(limit, used, mine, others) == (amount, here)


tasks = st.tuples(st.integers(0, 2), st.integers(1, 4), st.integers(1, 5))
"""A scheduler's index, what each of its tasks needs, and how many turns each takes."""


@given(limit=st.integers(1, 6), jobs=st.lists(tasks, max_size=12), order=st.randoms(use_true_random=False))
def test_the_shares_never_exceed_the_limit_and_all_work_gets_done(limit, jobs, order):
    members = [SimpleNamespace(number=n, waiting=[], running=[], here=0, served=NOW) for n in (1, 2, 3)]
    for index, amount, turns in jobs:
        members[index].waiting.append([min(amount, limit), turns])
    shares = {m.number: share(m.number, 0, 0) for m in members}
    for turn in range(3000):
        if not any(m.waiting or m.running for m in members):
            break
        me = members[turn % 3] if turn > 30 else order.choice(members)
        me.running = [[amount, left - 1] for amount, left in me.running if left > 1]
        used = sum(amount for amount, _ in me.running)
        needed = min(limit, used + sum(amount for amount, _ in me.waiting))
        largest = max((amount for amount, _ in me.waiting), default=0)
        mine = replace(shares[me.number], needed=needed, largest=largest, served_at=me.served)
        amount, me.here = portion(limit, used, mine, [each for n, each in shares.items() if n != me.number])
        shares[me.number] = replace(mine, amount=amount)
        for task in list(me.waiting):
            if used + task[0] <= me.here:
                me.waiting.remove(task)
                me.running.append(task)
                used += task[0]
                me.served = NOW + timedelta(seconds=turn + 1)
        assert sum(each.amount for each in shares.values()) <= limit
        assert sum(task[0] for m in members for task in m.running) <= limit
    assert not any(m.waiting or m.running for m in members), "somebody starves"


def test_one_that_joins_or_leaves_moves_no_other_dags_than_its_own():
    dags = [f"dag_{number}" for number in range(1000)]
    two, three = ({dag: owner_of(dag, members) for dag in dags} for members in ((1, 2), (1, 2, 3)))
    moved = [dag for dag in dags if two[dag] != three[dag]]
    assert {three[dag] for dag in moved} == {3}
    assert 250 < len(moved) < 420
    assert 400 < sum(owner == 1 for owner in two.values()) < 600
