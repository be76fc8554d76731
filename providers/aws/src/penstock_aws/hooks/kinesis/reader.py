"""The reader of one shard: it polls, gathers a batch, and stores it so that any kill leaves each record stored once."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from penstock.errors import ErrorKind, ProviderError
from penstock_aws.hooks.kinesis.event_files import Batch, make_batch
from penstock_aws.hooks.kinesis.events import Record, Rules
from penstock_aws.hooks.kinesis.state_store import Held, StateStore
from penstock_aws.hooks.kinesis.states import Intent, ShardState
from penstock_aws.hooks.kinesis.stream import Answer, KinesisHook


@dataclass(frozen=True, slots=True)
class Limits:
    """When a batch is stored: at so many records or bytes, or so long after its first record was read."""

    max_records: int
    max_bytes: int
    max_seconds: float


class ShardReader:
    """Reads a shard whose lease is held.

    Args:
        hook: The client of the stream.
        stream: Its name or ARN.
        store: Where files and states are.
        held: The shard's state, with the lease.
        rules: What files are made by.
        limits: When a batch is stored.
        clock: Seconds that never go back.

    Attributes:
        held: The shard's state as it was last seen or written.
        lag_s: How far the reader is behind the newest record; infinite before the first answer.
        saved_at: When the state was last written, by the clock.
        caught_up: Whether all is stored that was in the shard at some moment since it was taken.
    """

    def __init__(
        self,
        hook: KinesisHook,
        stream: str,
        store: StateStore,
        held: Held,
        rules: Rules,
        limits: Limits,
        clock: Callable[[], float],
    ) -> None:
        self.hook, self.stream, self.store, self.held = hook, stream, store, held
        self.rules, self.limits, self.clock = rules, limits, clock
        self.lag_s, self.saved_at, self.caught_up = math.inf, clock(), False
        self._pending: list[Record] = []
        self._bytes, self._since = 0, 0.0
        self._iterator, self._is_read, self._idle_at = "", False, 0.0

    @property
    def shard(self) -> str:
        """The shard's id."""
        return self.held.state.shard

    def poll(self) -> None:
        """Ask once for records, and store what makes a batch; at the first call, what was begun and not finished.

        Raises:
            LeaseLostError: Another batcher has taken the shard.
            penstock.errors.ProviderError: The stream or the store has refused.
        """
        if self.held.state.intent is not None:
            self._recover(self.held.state.intent)
        answer = self._ask()
        if answer is not None:
            self._take(answer)
        while len(self._pending) >= self.limits.max_records or self._bytes >= self.limits.max_bytes:
            self._store(self._cut())
        if self._is_read or (self._pending and self.clock() - self._since >= self.limits.max_seconds):
            self.flush()

    def flush(self) -> None:
        """Store what was read, however little it is."""
        while self._pending:
            self._store(self._cut())
        if self._is_read and not self.held.state.closed:
            self._save(replace(self.held.state, closed=True, owner=""))
        self.caught_up = self.caught_up or self.lag_s == 0 or self._is_read

    def renew(self, *, owner: str) -> None:
        """Write the state again, so that others see that its owner lives; "" gives the lease back.

        What is known of the passing of time is kept with it: a shard without records holds up no hour.
        """
        state = self.held.state
        if self._idle_at and not self._pending:
            state = replace(state, watermark=max(self._idle_at, state.watermark or self._idle_at))
        self._save(replace(state, owner=owner))

    def _ask(self) -> Answer | None:
        if self._is_read:
            return None
        if not self._iterator:
            last = self._pending[-1].sequence_number if self._pending else self.held.state.checkpoint
            self._iterator = self.hook.iterator(self.stream, self.shard, after=last, begins=self.held.state.begins)
        try:
            return self.hook.get_records(self._iterator)
        except ProviderError as error:
            if error.code == "ExpiredIteratorException":
                self._iterator = ""
            elif error.kind is not ErrorKind.THROTTLED:  # others read the shard as well: the next poll comes through
                raise
            return None

    def _take(self, answer: Answer) -> None:
        if answer.records and not self._pending:
            self._since = self.clock()
        self._pending += answer.records
        self._bytes += sum(len(each.data) for each in answer.records)
        self._iterator, self.lag_s = answer.iterator, answer.behind_s
        self._is_read = not answer.iterator
        self._idle_at = answer.at if not answer.records and answer.behind_s == 0 else 0.0

    def _cut(self) -> list[Record]:
        """The oldest records that are read and not stored, as many as one batch may hold."""
        count = size = 0
        for record in self._pending:
            if count == self.limits.max_records or (count and size >= self.limits.max_bytes):
                break
            count, size = count + 1, size + len(record.data)
        cut, self._pending = self._pending[:count], self._pending[count:]
        self._bytes -= size
        self._since = self.clock()
        return cut

    def _store(self, records: list[Record]) -> None:
        batch = make_batch(records, self.held.state, self.rules)
        self._save(replace(self.held.state, intent=batch.intent(records, self.rules)))
        self._finish(batch)

    def _finish(self, batch: Batch) -> None:
        self.store.create_all(batch.files)
        self.store.create_all(batch.marks)
        self._save(batch.after)

    def _recover(self, intent: Intent) -> None:
        """Store what another process has begun: exactly its records, by its rules, as the same files."""
        records = self._read_again(intent)
        batch = make_batch(records, replace(self.held.state, intent=None), intent.rules)
        if batch.intent(records, intent.rules) != intent:
            raise ProviderError(
                f"{self.stream}/{self.shard}: the batch {intent.first} to {intent.last} was begun as other files "
                f"({', '.join(list(intent.files)[:3])}) than its records give now",
                service="kinesis", operation="GetRecords", kind=ErrorKind.INVALID,
                hint="Run the version of the provider that began it once more",
            )  # fmt: skip
        self._finish(batch)

    def _read_again(self, intent: Intent) -> list[Record]:
        iterator = self.hook.iterator(self.stream, self.shard, at=intent.first)
        found: list[Record] = []
        while iterator and not (found and int(found[-1].sequence_number) >= int(intent.last)):
            answer = self.hook.get_records(iterator)
            found, iterator = found + answer.records, answer.iterator
            if not answer.records and answer.behind_s == 0:
                break
        wanted = [each for each in found if int(each.sequence_number) <= int(intent.last)]
        if not wanted or (wanted[0].sequence_number, wanted[-1].sequence_number) != (intent.first, intent.last):
            raise ProviderError(
                f"{self.stream}/{self.shard}: a batch was begun with the records {intent.first} to {intent.last}, and the "
                "stream does not hold them any more",
                service="kinesis", operation="GetRecords", kind=ErrorKind.NOT_FOUND,
                hint="Make its retention longer than the batcher is ever away; take the intent out of "
                f"{self.store.state_url(self.shard)} to go on without them",
            )  # fmt: skip
        return wanted

    def _save(self, state: ShardState) -> None:
        self.held = self.store.save(self.held, replace(state, revision=self.held.state.revision + 1))
        self.saved_at = self.clock()
