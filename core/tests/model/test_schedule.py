import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import msgspec
import pytest
from clock_walk import NEAR_CHANGES, changes_of, check_ticks
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.model.cron.ticks import Doubled, Gap
from penstock.model.schedule import DataInterval, Schedule, ScheduleKind
from penstock_testkit.nightly import at_night

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo")
CRONS = (
    "* * * * *",
    "*/15 * * * *",
    "0 * * * *",
    "30 */2 * * *",
    "0 0 * * *",
    "15 2 * * *",
    "30 2 * * *",
    "15,45 1-3 * * *",
    "0 6 * * 1-5",
    "0 0 1 * *",
    "0 0 L * *",
    "0 12 29 2 *",
)

moments = st.datetimes(datetime(2021, 1, 1), datetime(2031, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001 - hypothesis wants them naive


@st.composite
def changes_of_the_clock(draw):
    """Moments within a day of a change of some zone's offset, which random ones seldom hit."""
    year = draw(st.integers(2021, 2030))
    month, day = draw(st.sampled_from([(3, 8), (3, 25), (3, 29), (4, 2), (10, 1), (10, 26), (11, 1), (11, 4)]))
    return datetime(year, month, day, tzinfo=UTC) + timedelta(minutes=draw(st.integers(-1440, 4 * 1440)))


def cron(*expressions, zone="UTC", **more):
    return Schedule(ScheduleKind.CRON, crons=expressions, timezone=zone, **more)


def union(*parts, **more):
    return Schedule(ScheduleKind.UNION, parts=parts, **more)


def is_utc(moment):
    return moment.utcoffset() == timedelta(0)


@settings(max_examples=at_night(300, 75), deadline=None)
@given(
    st.sampled_from(CRONS),
    st.sampled_from(ZONES),
    moments | changes_of_the_clock(),
    st.sampled_from(Gap),
    st.sampled_from(Doubled),
    st.booleans(),
)
def test_neighbouring_ticks_enclose_the_moment_and_find_each_other(expression, zone, moment, gap, doubled, two):
    schedule = cron(expression, zone=zone, gap=gap, doubled=doubled)
    schedule = union(schedule, Schedule(ScheduleKind.INTERVAL, every_s=86400.0 * 17)) if two else schedule
    after, before = schedule.tick_after(moment), schedule.tick_at_or_before(moment)
    assert before <= moment < after
    assert is_utc(before)
    assert is_utc(after)
    assert schedule.tick_after(before) == after
    assert schedule.tick_before(after) == before
    assert schedule.tick_at_or_after(after) == after
    assert schedule.interval_from(before) == DataInterval(before, after)


HOUR = timedelta(hours=1)


def test_around_changes_of_the_clock_ticks_are_those_of_a_clock_that_is_watched():
    chance = random.Random(5)
    zones = ["Australia/Lord_Howe", "Africa/Casablanca", "Antarctica/Troll", "Asia/Pyongyang", "America/Caracas"]
    for zone in [*zones, *chance.sample(sorted(available_timezones()), 8)]:
        changes = changes_of(ZoneInfo(zone), 1975, 2037)
        for change in chance.sample(changes, min(1, len(changes))):
            check_ticks(zone, change, chance.sample(NEAR_CHANGES, 4), chance)


def test_a_tick_that_is_wrong_is_seen(monkeypatch):
    monkeypatch.setattr(Schedule, "tick_after", lambda _, moment: moment + HOUR)
    berlin = changes_of(ZoneInfo("Europe/Berlin"), 2026, 2027)
    with pytest.raises(AssertionError, match="in Europe/Berlin from 2026-03"):
        check_ticks("Europe/Berlin", berlin[0], ["15 2 * * *"], random.Random(1))


@settings(max_examples=at_night(100, 25), deadline=None)
@given(st.sampled_from(CRONS[2:]), st.sampled_from(ZONES), changes_of_the_clock(), st.integers(1, 8))
def test_intervals_are_adjacent_and_never_empty(expression, zone, since, days):
    found = list(cron(expression, zone=zone).intervals(since, since + timedelta(days=days)))
    assert all(one.end == other.start for one, other in pairwise(found))
    assert all(interval.start < interval.end for interval in found)


@settings(max_examples=at_night(150, 37), deadline=None)
@given(
    st.lists(st.sampled_from(CRONS[2:]), min_size=1, max_size=2),
    st.sampled_from(ZONES),
    changes_of_the_clock(),
    st.sampled_from(Gap),
    st.sampled_from(Doubled),
    st.booleans(),
)
def test_intervals_are_those_between_ticks_that_are_found_one_by_one(expressions, zone, since, gap, doubled, instants):
    schedule = cron(*expressions, zone=zone, gap=gap, doubled=doubled)
    schedule = msgspec.structs.replace(schedule, instants=instants)
    until, expected, tick = since + timedelta(days=3), [], schedule.tick_at_or_after(since)
    while tick is not None and tick <= until:
        expected.append(schedule.interval_from(tick))
        tick = schedule.tick_after(tick)
    assert list(schedule.intervals(since, until)) == expected


def test_the_intervals_of_a_span_are_found_by_one_search(monkeypatch):
    schedule, searches = cron("*/5 * * * *"), []
    search = Schedule.tick_after
    monkeypatch.setattr(Schedule, "tick_after", lambda self, *given: (searches.append(given), search(self, *given))[1])
    since = datetime(2026, 1, 1, tzinfo=UTC)
    assert len(list(schedule.intervals(since, since + timedelta(days=3)))) == 3 * 288 + 1
    assert len(searches) == 1


@settings(max_examples=at_night(200, 50), deadline=None)
@given(st.integers(1, 10**7), moments, moments)
def test_an_interval_schedule_counts_from_its_anchor(seconds, anchor, moment):
    schedule = Schedule(ScheduleKind.INTERVAL, every_s=float(seconds))
    before, after = schedule.tick_at_or_before(moment, anchor), schedule.tick_after(moment, anchor)
    assert before <= moment < after
    assert after - before == timedelta(seconds=seconds)
    assert (before - anchor) % timedelta(seconds=seconds) == timedelta(0)


def at(text):
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("schedule", "moment", "expected"),
    [
        pytest.param(cron("30 2 * * *", zone="Europe/Berlin"), "2026-03-28T12:00Z", "2026-03-29T01:00Z", id="gap"),
        pytest.param(
            cron("30 2 * * *", zone="Europe/Berlin"), "2026-03-29T01:00Z", "2026-03-30T00:30Z", id="after gap"
        ),
        pytest.param(cron("30 2 * * *", zone="Europe/Berlin"), "2026-10-24T12:00Z", "2026-10-25T00:30Z", id="fold"),
        pytest.param(
            cron("30 2 * * *", zone="Europe/Berlin"), "2026-10-25T00:30Z", "2026-10-26T01:30Z", id="fold once"
        ),
        pytest.param(
            cron("20 */4 * * *", zone="Australia/Lord_Howe"),
            "2027-04-03T15:00Z",
            "2027-04-03T17:50Z",
            id="half an hour",
        ),
        pytest.param(
            cron("0 */4 * * *", zone="Australia/Lord_Howe"),
            "2026-04-04T13:00Z",
            "2026-04-04T17:30Z",
            id="back half an hour",
        ),
        pytest.param(
            cron("15 2 * * *", zone="Australia/Lord_Howe"),
            "2026-10-03T00:00Z",
            "2026-10-03T15:30Z",
            id="gap of half an hour",
        ),
        *(
            pytest.param(cron("30 2 * * *", zone="Europe/Berlin", **policy), at, expected, id=name)
            for name, policy, at, expected in [
                ("gap left out", {"gap": Gap.SKIP}, "2026-03-28T12:00Z", "2026-03-30T00:30Z"),
                ("fold the last time", {"doubled": Doubled.LAST}, "2026-10-24T12:00Z", "2026-10-25T01:30Z"),
                (
                    "fold the last time, seen from the first",
                    {"doubled": Doubled.LAST},
                    "2026-10-25T00:40Z",
                    "2026-10-25T01:30Z",
                ),
                ("fold both times, the first", {"doubled": Doubled.BOTH}, "2026-10-24T12:00Z", "2026-10-25T00:30Z"),
                ("fold both times, the last", {"doubled": Doubled.BOTH}, "2026-10-25T00:30Z", "2026-10-25T01:30Z"),
                ("after both times", {"doubled": Doubled.BOTH}, "2026-10-25T01:30Z", "2026-10-26T01:30Z"),
            ]
        ),
        pytest.param(cron("0 * * * *", zone="Europe/Berlin"), "2026-10-25T00:00Z", "2026-10-25T01:00Z", id="hourly"),
        pytest.param(cron("0 6 * * *", "30 7 * * *"), "2026-01-01T06:00Z", "2026-01-01T07:30Z", id="several crons"),
        pytest.param(Schedule(), "2026-01-01T00:00Z", None, id="no schedule"),
        pytest.param(Schedule(ScheduleKind.ONCE), "2026-01-01T00:00Z", None, id="once has no ticks"),
    ],
)
def test_the_next_tick(schedule, moment, expected):
    assert schedule.tick_after(at(moment)) == (expected and at(expected))


def test_a_union_has_the_ticks_of_all_its_parts_each_once():
    hours = {"every 6 hours": range(0, 48, 6), "at 6 and 9": [6, 30, 9, 33], "dates": [20, 36]}
    start = at("2026-01-01T00:00Z")
    dates = Schedule(ScheduleKind.DATES, dates=tuple(start + hour * HOUR for hour in hours["dates"]))
    whole = union(
        Schedule(ScheduleKind.INTERVAL, every_s=21600.0), cron("0 6 * * *", "0 9 * * *"), dates, instants=True
    )
    expected = sorted({start + hour * HOUR for found in hours.values() for hour in found})
    ticks = [interval.start for interval in whole.intervals(start, start + 47 * HOUR, start)]
    assert ticks == expected
    assert [whole.tick_before(tick, start) for tick in ticks[1:]] == ticks[:-1]
    assert whole.manual_interval(start) == DataInterval(start, start)
    assert not dates.recurs
    assert union(dates).tick_after(dates.dates[-1]) is None


def test_explicit_dates_stand_for_themselves():
    first, second = at("2026-01-01T00:00Z"), at("2026-02-01T00:00Z")
    schedule = Schedule(ScheduleKind.DATES, dates=(first, second))
    assert list(schedule.intervals(first, second)) == [DataInterval(first, first), DataInterval(second, second)]
    assert schedule.tick_after(second) is None
    assert schedule.tick_before(first) is None
    assert schedule.manual_interval(at("2026-03-01T00:00Z")) == DataInterval(*2 * [at("2026-03-01T00:00Z")])


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        pytest.param(cron("0 * * * *"), ("2026-01-01T09:00Z", "2026-01-01T10:00Z"), id="the newest complete hour"),
        pytest.param(Schedule(), ("2026-01-01T10:30Z", "2026-01-01T10:30Z"), id="the moment itself without ticks"),
    ],
)
def test_a_run_by_hand_gets_the_newest_complete_interval(schedule, expected):
    assert schedule.manual_interval(at("2026-01-01T10:30Z")) == DataInterval(*map(at, expected))
