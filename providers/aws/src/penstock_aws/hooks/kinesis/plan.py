"""Which shards may be read, and which hours are complete. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from penstock_aws.hooks.kinesis.events import HOUR_S
from penstock_aws.hooks.kinesis.states import ShardState


class Shard(NamedTuple):
    """A shard of a stream and those that it was split or merged from."""

    shard_id: str
    parents: tuple[str, ...] = ()


def readable(shards: Iterable[Shard], states: Mapping[str, ShardState]) -> list[Shard]:
    """Shards that have something to read and whose parents are stored to their end, so that a key's records stay in order.

    A parent that the stream does not list any more has nothing left to read.
    """
    listed = list(shards)
    ids = {each.shard_id for each in listed}

    def is_closed(shard_id: str) -> bool:
        return shard_id in states and states[shard_id].closed

    return [
        each
        for each in listed
        if not is_closed(each.shard_id) and all(is_closed(parent) for parent in each.parents if parent in ids)
    ]


def first_state(shard: Shard, states: Mapping[str, ShardState], begins: float | None) -> ShardState:
    """The state of a shard that was never read.

    A child goes on where its parents ended: all of its records are wanted, it remembers their ids, and hours that they let pass
    have passed for it.

    Args:
        shard: The shard.
        states: What is known of others.
        begins: From when on records of a shard without known parents are wanted; None for all.
    """
    parents = [states[parent] for parent in shard.parents if parent in states]
    if not parents:
        return ShardState(shard=shard.shard_id, begins=begins)
    passed = [each.watermark for each in parents if each.watermark is not None]
    return ShardState(
        shard=shard.shard_id,
        watermark=min(passed, default=None) if len(passed) == len(parents) else None,
        recent="".join(each.recent for each in parents),
    )


def low_watermark(shards: Iterable[Shard], states: Mapping[str, ShardState]) -> float | None:
    """All that had arrived in the stream by then is stored; None if that is not known of every shard.

    Args:
        shards: Listed after the states were read: a shard that was closed by then has its children in the list.
        states: What is known of them.
    """
    passed: list[float] = []
    for shard in shards:
        state = states.get(shard.shard_id)
        if state is not None and state.closed:
            continue
        if state is None or state.watermark is None:
            return None
        passed.append(state.watermark)
    return min(passed, default=None)


def first_hour(states: Mapping[str, ShardState], low: float, lateness_s: float) -> int:
    """The first hour that can have a file: one of a shard's first events, or the one that is not yet passed."""
    known = [each.earliest for each in states.values() if each.earliest is not None]
    return min([*known, int((low - lateness_s) // HOUR_S)])


def is_complete(hour: int, low: float, lateness_s: float) -> bool:
    """Whether every event of the hour that comes in time is stored."""
    return (hour + 1) * HOUR_S + lateness_s <= low
