"""The hook of Kinesis Data Streams.

Limits are those of the page "GetRecords" of its API reference: 5 calls a second and 2 MiB a second for each shard, shared by
all who read it; 10,000 records or 10 MiB an answer; an iterator lives for five minutes. An answer without records is no end:
``MillisBehindLatest`` says how far the reader is, and a missing ``NextShardIterator`` that the shard was closed and is read.
"""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock_aws.hooks.kinesis.events import Record
from penstock_aws.hooks.kinesis.plan import Shard
from penstock_aws.hooks.service import AwsHook

# Records and bytes, partition keys included, of one PutRecords, by its page of the API reference.
_MOST_PUT, _MOST_PUT_BYTES = 500, 10 * 1024**2


class Answer(NamedTuple):
    """One answer of GetRecords.

    Attributes:
        records: The records; often none.
        iterator: Where to go on; "" if the shard is closed and read.
        behind_s: How far the reader is behind the newest record.
        at: When the service answered, in seconds since 1970.
    """

    records: list[Record]
    iterator: str
    behind_s: float
    at: float


class Listing(NamedTuple):
    """The shards of a stream, and when the service began to list them, in seconds since 1970."""

    shards: list[Shard]
    at: float


class KinesisHook(AwsHook):
    """A client of Amazon Kinesis Data Streams.

    Every method raises `penstock.errors.ProviderError` with the kind of the failure. A stream is named by its name or its ARN.

    Args:
        aws_conn_id: The connection, of type ``aws``.
        connection: The connection itself, in place of its name.
    """

    service: ClassVar[str] = "kinesis"

    def list_shards(self, stream: str) -> Listing:
        """All shards of a stream that may still hold records, closed ones included, in the order of their ids."""
        found: list[dict[str, Any]] = []
        at = 0.0
        asked = _named(stream)
        while asked:
            with self.errors("ListShards", stream):
                answer = self.client.list_shards(**asked)
            found += answer["Shards"]
            at = at or _answered_at(answer)
            token = answer.get("NextToken")
            asked = {"NextToken": token} if token else {}  # which names the stream by itself
        shards = [
            Shard(
                each["ShardId"],
                tuple(each[name] for name in ("ParentShardId", "AdjacentParentShardId") if name in each),
            )
            for each in found
        ]
        return Listing(sorted(shards), at)

    def iterator(self, stream: str, shard: str, *, at: str = "", after: str = "", begins: float | None = None) -> str:
        """Where to begin to read: at or after a sequence number, at an instant, or at the oldest record that is there."""
        place: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if at or after:
            kind = "AT_SEQUENCE_NUMBER" if at else "AFTER_SEQUENCE_NUMBER"
            place = {"ShardIteratorType": kind, "StartingSequenceNumber": at or after}
        elif begins is not None:
            place = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": datetime.fromtimestamp(begins, UTC)}
        with self.errors("GetShardIterator", f"{stream}/{shard}"):
            return str(self.client.get_shard_iterator(**_named(stream), ShardId=shard, **place)["ShardIterator"])

    def get_records(self, iterator: str, limit: int = 10_000) -> Answer:
        """What stands behind an iterator; at most 10,000 records."""
        with self.errors("GetRecords"):
            answer = self.client.get_records(ShardIterator=iterator, Limit=limit)
        records = [
            Record(
                each["SequenceNumber"],
                each["ApproximateArrivalTimestamp"].timestamp(),
                each["PartitionKey"],
                each["Data"],
            )
            for each in answer["Records"]
        ]
        behind = answer.get("MillisBehindLatest", 0) / 1000
        return Answer(records, answer.get("NextShardIterator") or "", behind, _answered_at(answer))

    def put_records(self, stream: str, records: Iterable[tuple[str, bytes]]) -> int:
        """Put records, each a partition key and its content; returns how many.

        An answer may refuse single ones: those are sent again, behind the others, until the connection's deadline. A record whose
        answer is lost may be put twice.
        """
        count = 0
        for group in _groups(records):
            left = [{"PartitionKey": key, "Data": data} for key, data in group]
            count += len(left)

            def put(left: list[dict[str, Any]] = left) -> None:
                with self.errors("PutRecords", stream):
                    answers = self.client.put_records(**_named(stream), Records=left)["Records"]
                refused = [(each, how) for each, how in zip(left, answers, strict=True) if "ErrorCode" in how]
                left[:] = [each for each, _ in refused]
                if refused:
                    raise _refused(stream, refused[0][1], len(refused))

            self.retry.call(put, repeated=lambda error: error.operation == _SINGLE)
        return count


_SINGLE = "PutRecords (single records)"


def _refused(stream: str, how: dict[str, Any], count: int) -> ProviderError:
    throttled = how["ErrorCode"] == "ProvisionedThroughputExceededException"
    return ProviderError(
        f"{stream}: {count} records were refused: {how.get('ErrorMessage', '')}", service="kinesis", operation=_SINGLE,
        kind=ErrorKind.THROTTLED if throttled else ErrorKind.TRANSIENT, code=how["ErrorCode"],
    )  # fmt: skip


def _answered_at(answer: dict[str, Any]) -> float:
    """The service's own time, which is what its records are stamped with."""
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(date).timestamp() if date else time.time()


def _named(stream: str) -> dict[str, Any]:
    return {"StreamARN" if stream.startswith("arn:") else "StreamName": stream}


def _groups(records: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    group: list[tuple[str, bytes]] = []
    size = 0
    for key, data in records:
        own = len(key.encode()) + len(data)
        if group and (len(group) == _MOST_PUT or size + own > _MOST_PUT_BYTES):
            yield group
            group, size = [], 0
        group.append((key, data))
        size += own
    if group:
        yield group
