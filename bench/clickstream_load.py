"""The load of the clickstream bench: customers' systems that send events at a steady rate, some of them twice."""

import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

HOUR_S = 3600
FIRST = datetime(2013, 1, 1, tzinfo=UTC)
STREAM = "flights"
_MOST = 500  # records of one PutRecords
_TWICE = 20  # each so manyth event is sent twice
_TICK_S = 0.25


class Plan(NamedTuple):
    """What is sent.

    Attributes:
        tracked: Events by customer.
        rate: Events a second, repetitions not counted.
        hours: How many hours of the stream's time.
        hour_s: How long one of them takes.
    """

    tracked: dict[str, list[str]]
    rate: float
    hours: int
    hour_s: float

    @property
    def names(self) -> list[str]:
        """Names of the events, as ``AA.scheduled``."""
        return [f"{customer}.{event}" for customer, events in self.tracked.items() for event in events]

    def hour_end(self, number: int) -> float:
        """Seconds from the start until an hour is over."""
        return (number + 1) * self.hour_s


class Sent(NamedTuple):
    """What was sent, by name and hour: how many events, repetitions not counted, and the sum of their flights' numbers."""

    events: Counter[tuple[str, int]]
    flights: Counter[tuple[str, int]]


def set_clock(endpoint_url: str, speed: float) -> None:
    """Let the stream's time begin at the first hour."""
    body = json.dumps({"now": FIRST.timestamp(), "speed": speed}).encode()
    with urlopen(Request(f"{endpoint_url}/testkit/clock", body, method="PUT"), timeout=20):
        pass


def flight_of(number: int) -> int:
    """The flight of an event."""
    return number * 7919 % 1_000_003


def record_of(number: int, name: str, at: float) -> bytes:
    """An event as JSON."""
    hour = datetime.fromtimestamp(at // HOUR_S * HOUR_S, UTC)
    fields = {
        "id": str(number), "event": name, "at": at, "hour": f"{hour:%Y-%m-%d %H:%M:%S}", "flight": flight_of(number),
        "tailnum": f"N{number % 100_000}", "origin": "JFK", "dest": "LAX", "distance": number % 3000, "delay": number % 90,
    }  # fmt: skip
    return json.dumps(fields).encode()


def send(kinesis: Any, plan: Plan, start: float) -> Sent:  # noqa: ANN401 - a boto3 client has no type
    """Send events at the plan's rate until its last hour is over.

    Args:
        kinesis: A boto3 client.
        plan: What is sent.
        start: When the stream's time began, by ``time.monotonic``.
    """
    sent = Sent(Counter(), Counter())
    names, speed, number = plan.names, HOUR_S / plan.hour_s, 0
    for until in _ticks(start, plan.hours * plan.hour_s):
        while number < (until - start) * plan.rate:
            count = min(_MOST * 9 // 10, int((until - start) * plan.rate) + 1 - number)
            at = FIRST.timestamp() + (time.monotonic() - start) * speed
            if at >= FIRST.timestamp() + plan.hours * HOUR_S:
                return sent
            part = [(each, names[each % len(names)]) for each in range(number, number + count)]
            records = [{"PartitionKey": str(each), "Data": record_of(each, name, at)} for each, name in part]
            answer = kinesis.put_records(StreamName=STREAM, Records=records + records[::_TWICE])
            assert answer["FailedRecordCount"] == 0
            hour = int((at - FIRST.timestamp()) // HOUR_S)
            for each, name in part:
                sent.events[name, hour] += 1
                sent.flights[name, hour] += flight_of(each)
            number += count
    return sent


def _ticks(start: float, seconds: float) -> Iterator[float]:
    """Moments of the monotonic clock, each waited for."""
    for number in itertools.count(1):
        moment = start + number * _TICK_S
        time.sleep(max(0.0, moment - time.monotonic()))
        yield time.monotonic()
        if moment > start + seconds:
            return
