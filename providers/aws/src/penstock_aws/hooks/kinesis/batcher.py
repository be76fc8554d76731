"""The micro-batcher: takes shards of a stream, lets their readers work, and closes the hours that are complete."""

import contextlib
import math
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Literal, NamedTuple

from penstock.errors import ProviderError
from penstock_aws.hooks.kinesis.events import Rules
from penstock_aws.hooks.kinesis.hours import close_hours
from penstock_aws.hooks.kinesis.plan import first_state, low_watermark, readable
from penstock_aws.hooks.kinesis.reader import Limits, ShardReader
from penstock_aws.hooks.kinesis.state_store import Held, LeaseLostError, StateStore
from penstock_aws.hooks.kinesis.states import ShardState, Totals
from penstock_aws.hooks.kinesis.stream import KinesisHook
from penstock_aws.hooks.s3 import S3Hook


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSettings:
    """What a batcher does.

    Attributes:
        stream: Name or ARN of the stream.
        s3_url: URL of the folder that is the stream's alone.
        event_field, id_field, time_field, window, lateness_s, accepted_age_s: As of `penstock_aws.hooks.kinesis.events.Rules`.
        max_records, max_bytes, max_seconds: As of `penstock_aws.hooks.kinesis.reader.Limits`.
        start: Whether records count that are in the stream when its first batcher begins (``TRIM_HORIZON``), or later ones
            alone (``LATEST``).
        lease_s: So long after the last sign of life of its reader a shard is another's.
        poll_s: Seconds between two questions to a shard.
        max_shards: How many shards one batcher reads at most; 0 for all that are free.

    Raises:
        ValueError: One of them cannot be right.
    """

    stream: str
    s3_url: str
    event_field: str = ""
    id_field: str = ""
    time_field: str = ""
    window: int = 10_000
    lateness_s: float = 60.0
    accepted_age_s: float = 7 * 86400.0
    max_records: int = 50_000
    max_bytes: int = 32 * 1024**2
    max_seconds: float = 60.0
    start: Literal["TRIM_HORIZON", "LATEST"] = "TRIM_HORIZON"
    lease_s: float = 30.0
    poll_s: float = 1.0
    max_shards: int = 0

    def __post_init__(self) -> None:
        if not self.stream:
            raise ValueError("stream is empty: name the stream")
        if not self.s3_url.startswith("s3://"):
            raise ValueError(f"s3_url is {self.s3_url!r}: write s3://bucket/folder")
        if self.start not in ("TRIM_HORIZON", "LATEST"):
            raise ValueError(f"start is {self.start!r}: it is TRIM_HORIZON or LATEST")
        for name in ("max_records", "max_bytes", "lease_s", "accepted_age_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be above 0")
        for name in ("max_seconds", "poll_s", "max_shards", "window", "lateness_s"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}: it must not be below 0")

    @property
    def rules(self) -> Rules:
        """What decides into which file a record goes."""
        return Rules(**{each.name: getattr(self, each.name) for each in fields(Rules)})

    @property
    def limits(self) -> Limits:
        """When a batch is stored."""
        return Limits(self.max_records, self.max_bytes, self.max_seconds)


class Progress(NamedTuple):
    """How far a batcher is.

    Attributes:
        totals: What this batcher has stored since it was made.
        lag_s: For each shard that it reads, how far it is behind the newest record.
        hours: Hours that it has closed.
        caught_up: Whether all is stored that was in the stream at some moment since it began.
    """

    totals: Totals
    lag_s: dict[str, float]
    hours: int
    caught_up: bool

    @property
    def known_lag_s(self) -> float:
        """The lag of the shard that is furthest behind, of those that have answered."""
        return max(filter(math.isfinite, self.lag_s.values()), default=0.0)

    def __str__(self) -> str:
        counts = ", ".join(f"{getattr(self.totals, each.name)} {each.name}" for each in fields(Totals))
        return f"{len(self.lag_s)} shards, lag {self.known_lag_s:.1f} s; {counts}; {self.hours} hours closed"


@dataclass(slots=True)
class _Lease:
    """A state of another owner as it was first seen, and when."""

    revision: int
    since: float
    lives: bool = False


class Batcher:
    """Stores the events of a stream as files, each record once, whatever is killed.

    Several may work at one stream: each shard is one's at a time, by a lease in the destination itself. All clocks are this machine's
    own and only measure; what the time is, the stream says.

    Args:
        settings: What it does.
        aws_conn_id: The connection.
        kinesis: The client of the stream, in place of the connection's.
        s3: The client of the destination, in place of the connection's.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        settings: BatchSettings,
        aws_conn_id: str | None = None,
        *,
        kinesis: KinesisHook | None = None,
        s3: S3Hook | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings, self.clock, self.owner = settings, clock, uuid.uuid4().hex
        self.hook = kinesis or KinesisHook(aws_conn_id)
        self.store = StateStore(s3 or S3Hook(aws_conn_id), settings.s3_url, settings.stream)
        self._readers: dict[str, ShardReader] = {}
        self._leases: dict[str, _Lease] = {}
        self._left, self._base = Totals(), dict[str, Totals]()
        self._surveyed_at, self._others_done, self._hours = -math.inf, False, 0

    def run(
        self,
        *,
        pause: Callable[[float], bool],
        report: Callable[[Progress], None] = lambda _: None,
        until_caught_up: bool = False,
        run_for_s: float = math.inf,
    ) -> Progress:
        """Work until told to stop, until all is stored that was in the stream, or for some time.

        Args:
            pause: Waits for some seconds; True says to stop. What was read and not stored then is read again by the next one.
            report: Called after each round of the shards.
            until_caught_up: Whether to end once all is stored that was in the stream, and store it without waiting for full
                batches.
            run_for_s: Seconds after which to store what was read, and end.

        Returns:
            How far it came.

        Raises:
            penstock.errors.ProviderError: The stream or the store has refused.
        """
        end = self.clock() + run_for_s
        self.store.prepare()
        try:
            while True:
                self._round(flush=until_caught_up)
                over = self.clock() >= end
                if over:
                    self._each(ShardReader.flush)
                progress = self.progress()
                report(progress)
                if over or (until_caught_up and progress.caught_up) or pause(self.settings.poll_s):
                    break
            if over or until_caught_up:
                self._survey()
            return self.progress()
        finally:
            self._release()

    def _release(self) -> None:
        """Give the leases back, as well as it goes; they end by themselves."""
        with contextlib.suppress(ProviderError):
            self._each(lambda reader: reader.renew(owner=""))

    def progress(self) -> Progress:
        """How far it is now."""
        totals = self._left
        for shard, reader in self._readers.items():
            totals += _since(reader.held.state.totals, self._base[shard])
        lag = {shard: reader.lag_s for shard, reader in self._readers.items()}
        done = self._others_done and all(reader.caught_up for reader in self._readers.values())
        return Progress(totals, lag, self._hours, done)

    def _round(self, *, flush: bool) -> None:
        if self.clock() - self._surveyed_at >= self.settings.lease_s / 3:
            self._survey()
        self._each(ShardReader.poll)
        if flush:
            self._each(lambda reader: reader.flush() if reader.lag_s == 0 else None)
        if any(reader.held.state.closed for reader in self._readers.values()):
            self._drop([shard for shard, reader in self._readers.items() if reader.held.state.closed])
            self._survey()  # their children may begin

    def _survey(self) -> None:
        """Show that we live, look at what all others do, take what is free, and close hours."""
        self._each(lambda reader: reader.renew(owner=self.owner))
        # the states first: a shard that is closed by then has its children in the list
        held = self.store.states() | {shard: reader.held for shard, reader in self._readers.items()}
        states = {shard: each.state for shard, each in held.items()}
        shards, at = self.hook.list_shards(self.settings.stream)
        low = low_watermark(shards, states)
        if low is not None:
            self._hours += close_hours(self.store, states, low, self.settings.rules.lateness_s)
        open_shards = [each for each in shards if not (each.shard_id in states and states[each.shard_id].closed)]
        for shard in readable(shards, states):
            if not self._is_full() and shard.shard_id not in self._readers:
                begins = at if self.settings.start == "LATEST" else None
                self._take(held.get(shard.shard_id) or Held(first_state(shard, states, begins)))
        self._others_done = self._is_full() or all(
            each.shard_id in self._readers or self._lives(each.shard_id) for each in open_shards
        )
        self._surveyed_at = self.clock()

    def _is_full(self) -> bool:
        return 0 < self.settings.max_shards <= len(self._readers)

    def _lives(self, shard: str) -> bool:
        return shard in self._leases and self._leases[shard].lives

    def _take(self, held: Held) -> None:
        """Take a shard if nobody has it, or whoever has it gives no sign of life."""
        state = held.state
        if state.owner and not self._is_dead(state):
            return
        try:
            held = self.store.save(held, replace(state, owner=self.owner, revision=state.revision + 1))
        except LeaseLostError:
            return  # another one was faster
        made = ShardReader(
            self.hook, self.settings.stream, self.store, held, self.settings.rules, self.settings.limits, self.clock
        )
        self._readers[state.shard], self._base[state.shard] = made, state.totals
        self._leases.pop(state.shard, None)

    def _is_dead(self, state: ShardState) -> bool:
        """Whether the owner has not renewed its lease for as long as we have looked, and that is long enough."""
        now = self.clock()
        seen = self._leases.get(state.shard)
        if seen is None or seen.revision != state.revision:
            self._leases[state.shard] = _Lease(state.revision, now, lives=seen is not None)
            return False
        return now - seen.since >= self.settings.lease_s

    def _each(self, work: Callable[[ShardReader], None]) -> None:
        """Have every reader do something; one that finds its lease lost is given up, without what it has read."""
        lost = []
        for shard, reader in self._readers.items():
            try:
                work(reader)
            except LeaseLostError:
                lost.append(shard)
        self._drop(lost)

    def _drop(self, shards: list[str]) -> None:
        for shard in shards:
            reader = self._readers.pop(shard)
            self._left += _since(reader.held.state.totals, self._base[shard])


def _since(totals: Totals, base: Totals) -> Totals:
    return Totals(**{each.name: getattr(totals, each.name) - getattr(base, each.name) for each in fields(Totals)})
