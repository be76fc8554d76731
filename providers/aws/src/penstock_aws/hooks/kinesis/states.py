"""What is known of a shard, as the one object of the store that is changed by compare-and-set. Pure.

Checkpoint, intent and lease stand in one object, so that whoever has lost the lease can change none of them.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from penstock_aws.hooks.kinesis.events import Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A batch that is being stored: these records, by these rules, as these files.

    Attributes:
        first, last: Sequence numbers of its first and last record.
        rules: What its files are made by, whatever the settings are when it is finished.
        files: SHA-256 of each file's content before compression, by its key below the destination.
    """

    first: str
    last: str
    rules: Rules
    files: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Counts of a shard since its first record; exact, whatever was killed.

    Attributes:
        records: Records that were read.
        events: Lines that were stored.
        duplicates: Events that were dropped because their id was among the remembered ones.
        dead: Records that went to the dead letters.
        late: Lines that came after their hour had passed; part of ``events``.
        files: Files that were stored.
        bytes: Bytes of their content before compression.
    """

    records: int = 0
    events: int = 0
    duplicates: int = 0
    dead: int = 0
    late: int = 0
    files: int = 0
    bytes: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardState:
    """A shard's lease and how far its records are stored.

    Attributes:
        shard: Its id.
        owner: Who reads it; "" if nobody does.
        revision: Grows with each change; a lease whose revision stands still is free.
        begins: From when on its records are wanted, in seconds since 1970; None for all that the stream has.
        checkpoint: Sequence number up to which all is stored; "" before the first batch.
        closed: Whether all is stored that it will ever hold.
        watermark: All that had arrived by then is stored, in seconds since 1970; None before anything is known.
        earliest: The first hour of which it stored something in time.
        recent: Digests of the ids it remembers, in hexadecimal digits, the oldest first.
        intent: The batch that is being stored.
        totals: Counts since its first record.
    """

    shard: str
    owner: str = ""
    revision: int = 0
    begins: float | None = None
    checkpoint: str = ""
    closed: bool = False
    watermark: float | None = None
    earliest: int | None = None
    recent: str = ""
    intent: Intent | None = None
    totals: Totals = field(default_factory=Totals)

    def encode(self) -> bytes:
        """The object's content."""
        return json.dumps(asdict(self), sort_keys=True).encode()


def decode(content: bytes) -> ShardState:
    """The state of an object's content.

    Raises:
        ValueError: It is none.
    """
    try:
        found: dict[str, Any] = json.loads(content)
        intent = found.pop("intent")
        totals = Totals(**found.pop("totals"))
        if intent:
            intent = Intent(**{**intent, "rules": Rules(**intent["rules"])})
        return ShardState(**found, intent=intent or None, totals=totals)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"is no state of a shard: {error}") from error
