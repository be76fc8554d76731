"""Changes that are asked for with a key, on both databases: they are durable with their answer or not at all."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from penstock.errors import RequestError
from penstock.model.access.permission import Role
from penstock.model.access.principal import OWNER, Grant
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.schedule import Schedule, ScheduleKind
from penstock.service import dags, runs
from penstock.service.access import grants, tokens, users
from penstock.service.access.once import KeyedRequest, Once
from penstock.service.backfills import backfills
from penstock.service.config import pools, variables
from penstock.store import Keyring, Store, new_key
from penstock.testing import FakeClock


@pytest.fixture(params=["sqlite", "postgres"])
def store(request, save):
    with Store.open(request.getfixturevalue(f"{request.param}_tables_url"), Keyring([new_key()], "test")) as store:
        save(store, DAGS)
        yield store


HOURLY, SINCE = Schedule(ScheduleKind.CRON, crons=("0 * * * *",)), datetime(2026, 1, 1, tzinfo=UTC)
DAGS = (
    DagSpec(
        "sales",
        "sales.py",
        (TaskSpec("load"),),
        schedule=HOURLY,
        start_date=SINCE,
    ),
    DagSpec("stock", "sales.py", (TaskSpec("count"),)),
)


class Lost(BaseException):
    """The end of a process, as what it was doing sees it."""


CALLS = {
    "a run": (dags.trigger, ("sales",), {}),
    "pauses": (dags.pause_all, (["sales", "stock"],), {"paused": True}),
    "a request": (runs.cancel_run, ("sales", "a"), {}),
    "a backfill": (backfills.start_backfill, ("sales",), {"since": 1, "until": 2}),
    "a Variable": (variables.set_variable, ("k", "v"), {}),
    "a pool": (pools.set_pool, ("wide", 3), {}),
    "a user": (users.add_user, ("ann",), {"given": Grant(Role.VIEWER, dags=("*",))}),
    "a team": (grants.add_team, ("ops",), {}),
    "nothing": (dags.pause, ("sales",), {"paused": False}),
}


@pytest.mark.parametrize("kind", CALLS)
def test_a_change_is_durable_with_its_answer_or_not_at_all(installation, store, clock, now, kind):
    dags.trigger(installation, "sales", run_id="a")
    function, args, named = CALLS[kind]
    if "since" in named:
        named = {"since": now.replace(day=1, hour=1), "until": now.replace(day=1, hour=3)}
    keyed, seen = KeyedRequest(OWNER.name, "one", function.operation, b"f"), installation.seen_by(OWNER)

    def does(_resumed):
        return msgspec.json.encode(function(seen, *args, **named))

    def ends(resumed):
        does(resumed)
        raise Lost

    def written():
        return [len(store.audit.page()), len(store.requests.pending()), len(store.runs.page(dag_id="sales"))]

    before = written()
    with pytest.raises(Lost):
        Once(installation).answer(keyed, ends)
    assert (written(), store.access.answers.find("", "one")) == (before, None)
    first = Once(installation).answer(keyed, does)
    made = written()
    assert (made != before) == (kind != "nothing")
    clock.advance(5)
    assert [Once(installation).answer(keyed, ends) for _ in range(2)] == [first, first]
    assert written() == made


def test_kept_answers_go_after_a_day_though_the_clock_was_ahead_for_a_while(installation, store, now):
    once, year = Once(installation), timedelta(days=365)

    def ask(key):
        once.answer(KeyedRequest(OWNER.name, key, dags.pause_all.operation, b"f"), lambda _: b"1")

    for key, ahead in (("right", 0 * year), ("ahead", year), ("right again", 0 * year), ("next", timedelta(hours=25))):
        installation.clock = FakeClock(now + ahead)
        ask(key)
    kept = [key for key in ("right again", "next") if store.access.answers.find("", key) is not None]
    assert kept == ["next"]


def test_a_secret_that_is_told_once_is_made_once(installation, store):
    users.add_user(installation, "ann")
    keyed = KeyedRequest(OWNER.name, "one", tokens.create_token.operation, b"f")

    def does(_resumed):
        return msgspec.json.encode(tokens.create_token(installation, "ci", user="ann"))

    Once(installation).answer(keyed, does)
    with pytest.raises(RequestError, match="its answer is a secret that is told once"):
        Once(installation).answer(keyed, does)
    assert len(store.access.tokens.page("ann")) == 1
