"""A batch of records as files: a pure function of the records, the shard's state before them and the rules."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from penstock_aws.hooks.kinesis.aggregated import user_records
from penstock_aws.hooks.kinesis.events import (
    HOUR_S,
    DeadLetterError,
    Event,
    Record,
    Rules,
    digests_of,
    folder,
    read_event,
)
from penstock_aws.hooks.kinesis.states import Intent, ShardState, Totals


class Batch(NamedTuple):
    """Files by key; what tells of the late ones among them, stored once they are there; the shard's state after that."""

    files: dict[str, bytes]
    marks: dict[str, bytes]
    after: ShardState

    def intent(self, records: Sequence[Record], rules: Rules) -> Intent:
        """What is written down before the first file is stored."""
        sums = {key: hashlib.sha256(content).hexdigest() for key, content in (self.files | self.marks).items()}
        return Intent(first=records[0].sequence_number, last=records[-1].sequence_number, rules=rules, files=sums)


def make_batch(records: Sequence[Record], state: ShardState, rules: Rules) -> Batch:
    """The files of some records that follow the state's checkpoint."""
    made = _Parts(state, rules, f"{state.shard}-{records[0].sequence_number}-{records[-1].sequence_number}")
    for record in (each for whole in records for each in user_records(whole)):
        try:
            made.add(read_event(record, rules))
        except DeadLetterError as error:
            made.refuse(record, str(error))
    files, marks = made.files()
    return Batch(files, marks, made.after(records, files | marks))


class _Parts:
    """A batch while records are added to it."""

    def __init__(self, state: ShardState, rules: Rules, name: str) -> None:
        self.state, self.rules, self.name = state, rules, name
        self.parts: dict[tuple[str, int, bool], list[bytes]] = {}
        self.letters: dict[int, list[bytes]] = {}
        self.recent = dict.fromkeys(digests_of(bytes.fromhex(state.recent)))
        self.duplicates = 0

    def add(self, event: Event) -> None:
        """Put an event into its file, unless its id is remembered."""
        if event.digest:
            if event.digest in self.recent:
                self.duplicates += 1
                return
            self.recent[event.digest] = None
            while len(self.recent) > self.rules.window:
                del self.recent[next(iter(self.recent))]
        self.parts.setdefault((event.name, event.hour, self._is_late(event.hour)), []).append(event.line)

    def _is_late(self, hour: int) -> bool:
        """Whether this shard has let the hour pass: its manifest may be written, and a part goes beside it."""
        passed = self.state.watermark
        return passed is not None and (hour + 1) * HOUR_S + self.rules.lateness_s <= passed

    def refuse(self, record: Record, reason: str) -> None:
        """Put a record among the dead letters of the hour of its arrival."""
        letter = {
            "shard": self.state.shard,
            "sequence_number": record.sequence_number,
            "partition_key": record.partition_key,
            "arrived": datetime.fromtimestamp(record.arrived, UTC).isoformat(),
            "reason": f"The record {reason}",
            "data": base64.b64encode(record.data).decode(),
        }
        self.letters.setdefault(int(record.arrived // HOUR_S), []).append(json.dumps(letter).encode())

    def files(self) -> tuple[dict[str, bytes], dict[str, bytes]]:
        """Parts and dead letters, and what tells of late parts."""
        found, marks = {}, {}
        for (event, hour, late), lines in sorted(self.parts.items()):
            key = f"event={event}/{folder(hour)}/{'late-' if late else ''}{self.name}.jsonl.gz"
            found[key] = _lines(lines)
            if late:
                mark = {"key": key, "event": event, "records": len(lines)}
                marks[f"_hours/{folder(hour)}/_REOPENED/event={event}/{self.name}.json"] = json.dumps(mark).encode()
        for hour, letters in sorted(self.letters.items()):
            found[f"_dead/{folder(hour)}/{self.name}.jsonl.gz"] = _lines(letters)
        return found, marks

    def after(self, records: Sequence[Record], files: dict[str, bytes]) -> ShardState:
        """The state once the files are stored."""
        state, arrived = self.state, max(record.arrived for record in records)
        hours = [hour for _, hour, late in self.parts if not late]
        if state.earliest is not None:
            hours.append(state.earliest)
        counted = {late: sum(len(v) for (*_, each), v in self.parts.items() if each is late) for late in (False, True)}
        totals = Totals(
            records=len(records), events=sum(counted.values()), duplicates=self.duplicates,
            dead=sum(map(len, self.letters.values())), late=counted[True], files=len(files),
            bytes=sum(map(len, files.values())),
        )  # fmt: skip
        return replace(
            state, checkpoint=records[-1].sequence_number, intent=None, totals=state.totals + totals,
            watermark=max(arrived, state.watermark or arrived), earliest=min(hours, default=None),
            recent=b"".join(self.recent).hex(),
        )  # fmt: skip


def _lines(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)
