"""A stand-in of Kinesis Data Streams beside the S3 server, at the same endpoint.

Source: the operations' pages of the Amazon Kinesis Data Streams API reference, version 2013-12-02, and botocore's model of them.
moto has the operations, too, but moves the records of a split or merged shard into its children and never ends a closed shard,
so that an order of parents and children cannot be tested with it.

Covered: CreateStream, ListShards, PutRecord, PutRecords, GetShardIterator, GetRecords, SplitShard, MergeShards. Any other operation,
and any parameter that is not known here, is refused.
Not covered: permissions, retention, enhanced fan-out, limits of a second. What a shard holds stays until `reset`.

The service's time is the machine's until a test sets it: from outside by `PUT /testkit/clock` with `{"now": 1357041600, "speed": 0}`.
"""

import base64
import hashlib
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from penstock_testkit.kinesis.stream_clock import StreamClock

_CLOCK = "/testkit/clock"
_TARGET = "Kinesis_20131202."
_FIRST_SEQUENCE = 49590338271490256608559692538361571095921575989136588898
_HASH_KEYS = 2**128
_MOST_RECORDS = 10_000
_MOST_PUT = 500


class _RefusedError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class _Shard:
    shard_id: str
    start: int
    end: int
    parents: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    records: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return not self.children


class Kinesis:
    """A WSGI application that answers Kinesis, and hands on what is for others.

    Args:
        app: What answers everything else.

    Attributes:
        now: Tells the service's time, in seconds since 1970.
        refusals: Errors for the next calls, for each operation a list of codes; "" lets a call through. Those of PutRecords
            are for single records.
        page: How many shards one answer of ListShards holds.
        most: How many records one answer of GetRecords holds.
        calls: Names of the operations that were asked for, in their order.
    """

    def __init__(self, app: Any) -> None:  # noqa: ANN401 - a WSGI application
        self._app, self._lock = app, threading.Lock()
        self.now: Callable[[], float]
        self.reset()

    def reset(self) -> None:
        """Forget all streams and faults."""
        self._streams: dict[str, dict[str, _Shard]] = {}
        self._numbers = itertools.count(_FIRST_SEQUENCE, 3)
        self.now, self.page, self.most = time.time, 100, _MOST_RECORDS
        self.refusals: dict[str, list[str]] = {}
        self.calls: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - of WSGI
        """Answer a request as Kinesis does."""
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if environ["PATH_INFO"] == _CLOCK and environ["REQUEST_METHOD"] == "PUT":
            self.now = StreamClock(**_body(environ))
            start_response("204 No Content", [])
            return []
        if not target.startswith(_TARGET):

            def begin(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:  # noqa: ANN401 - of WSGI
                has_date = any(name.lower() == "date" for name, _ in headers)
                return start_response(
                    status, headers if has_date else [*headers, ("Date", formatdate(usegmt=True))], *more
                )

            found: Iterable[bytes] = self._app(environ, begin)
            return found
        body = _body(environ)
        status = "200 OK"
        with self._lock:
            try:
                answer = self._answer(target.removeprefix(_TARGET), body)
            except _RefusedError as error:
                status, answer = "400 Bad Request", {"__type": error.code, "message": str(error)}
        content = json.dumps(answer).encode()
        headers = [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(content)))]
        start_response(status, [*headers, ("Date", formatdate(self.now(), usegmt=True))])
        return [content]

    def _answer(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(operation)
        known = _OPERATIONS.get(operation)
        if known is None:
            raise _RefusedError("UnknownOperationException", f"{operation} is not covered by the test kit")
        method, parameters = known
        if unknown := sorted(body.keys() - parameters):
            raise _RefusedError(
                "ValidationException", f"{operation}: {', '.join(unknown)} are not covered by the test kit"
            )
        if operation != "PutRecords" and (code := self._refusal(operation)):
            raise _RefusedError(code, "as the test wants it")
        answer: dict[str, Any] = method(self, **body) or {}
        return answer

    def _refusal(self, operation: str) -> str:
        left = self.refusals.get(operation)
        return left.pop(0) if left else ""

    def _create(self, StreamName: str, ShardCount: int = 1) -> None:  # noqa: N803 - the service's names
        if StreamName in self._streams:
            raise _RefusedError("ResourceInUseException", f"Stream {StreamName} already exists.")
        bounds = [_HASH_KEYS * number // ShardCount for number in range(ShardCount + 1)]
        shards = [_Shard(_id(number), bounds[number], bounds[number + 1] - 1) for number in range(ShardCount)]
        self._streams[StreamName] = {each.shard_id: each for each in shards}

    def _list(self, StreamName: str = "", StreamARN: str = "", NextToken: str = "") -> dict[str, Any]:  # noqa: N803
        if NextToken and (StreamName or StreamARN):
            raise _RefusedError("InvalidArgumentException", "NextToken and StreamName cannot be provided together.")
        name, _, offset = NextToken.partition(" ")
        name, start = (name, int(offset)) if NextToken else (_name(StreamName, StreamARN), 0)
        shards = list(self._stream(name).values())
        answer: dict[str, Any] = {"Shards": [_entry(each) for each in shards[start : start + self.page]]}
        if start + self.page < len(shards):
            answer["NextToken"] = f"{name} {start + self.page}"
        return answer

    def _put_many(self, Records: list[dict[str, Any]], StreamName: str = "", StreamARN: str = "") -> dict[str, Any]:  # noqa: N803
        if len(Records) > _MOST_PUT:
            raise _RefusedError("ValidationException", "Member must have length less than or equal to 500")
        answers = []
        for record in Records:
            if code := self._refusal("PutRecords"):
                answers.append({"ErrorCode": code, "ErrorMessage": "as the test wants it"})
            else:
                answers.append(self._put(**record, StreamName=_name(StreamName, StreamARN)))
        return {"Records": answers, "FailedRecordCount": sum("ErrorCode" in each for each in answers)}

    def _put(self, PartitionKey: str, Data: str, StreamName: str = "", StreamARN: str = "") -> dict[str, Any]:  # noqa: N803
        hashed = int(hashlib.md5(PartitionKey.encode(), usedforsecurity=False).hexdigest(), 16)
        shards = self._stream(_name(StreamName, StreamARN)).values()
        shard = next(each for each in shards if each.is_open and each.start <= hashed <= each.end)
        number = str(next(self._numbers))
        shard.records.append(
            {
                "SequenceNumber": number,
                "PartitionKey": PartitionKey,
                "Data": Data,
                "ApproximateArrivalTimestamp": self.now(),
            }
        )
        return {"ShardId": shard.shard_id, "SequenceNumber": number}

    def _iterator(
        self, ShardId: str, ShardIteratorType: str, StartingSequenceNumber: str = "", Timestamp: float = 0.0,  # noqa: N803
        StreamName: str = "", StreamARN: str = "",  # noqa: N803
    ) -> dict[str, Any]:  # fmt: skip
        name = _name(StreamName, StreamARN)
        shard = self._shard(name, ShardId)
        numbers = [each["SequenceNumber"] for each in shard.records]
        match ShardIteratorType:
            case "TRIM_HORIZON":
                place = 0
            case "LATEST":
                place = len(numbers)
            case "AT_TIMESTAMP":
                place = sum(each["ApproximateArrivalTimestamp"] < Timestamp for each in shard.records)
            case "AT_SEQUENCE_NUMBER" | "AFTER_SEQUENCE_NUMBER" if StartingSequenceNumber in numbers:
                place = numbers.index(StartingSequenceNumber) + ShardIteratorType.startswith("AFTER")
            case _:
                text = f"StartingSequenceNumber {StartingSequenceNumber} used in GetShardIterator on shard {ShardId} is invalid"
                raise _RefusedError("InvalidArgumentException", text)
        return {"ShardIterator": _token(name, ShardId, place)}

    def _get(self, ShardIterator: str, Limit: int = _MOST_RECORDS) -> dict[str, Any]:  # noqa: N803
        name, shard_id, offset = json.loads(base64.b64decode(ShardIterator))
        shard = self._shard(name, shard_id)
        end = offset + min(Limit, self.most)
        found, left = shard.records[offset:end], shard.records[end:]
        behind = self.now() - left[0]["ApproximateArrivalTimestamp"] if left else 0
        # a reader that is not at the tip is behind it by a millisecond at least
        answer: dict[str, Any] = {"Records": found, "MillisBehindLatest": max(int(behind * 1000), bool(left))}
        if left or shard.is_open:
            answer["NextShardIterator"] = _token(name, shard_id, offset + len(found))
        else:
            answer["ChildShards"] = [
                {
                    "ShardId": each,
                    "ParentShards": [shard_id],
                    "HashKeyRange": _entry(self._shard(name, each))["HashKeyRange"],
                }
                for each in shard.children
            ]
        return answer

    def _split(self, ShardToSplit: str, NewStartingHashKey: str, StreamName: str = "", StreamARN: str = "") -> None:  # noqa: N803
        name, middle = _name(StreamName, StreamARN), int(NewStartingHashKey)
        parent = self._shard(name, ShardToSplit)
        if not parent.is_open or not parent.start < middle < parent.end:
            raise _RefusedError("InvalidArgumentException", f"{ShardToSplit} cannot be split at {middle}")
        self._replace(name, (parent,), ((parent.start, middle - 1), (middle, parent.end)))

    def _merge(self, ShardToMerge: str, AdjacentShardToMerge: str, StreamName: str = "", StreamARN: str = "") -> None:  # noqa: N803
        name = _name(StreamName, StreamARN)
        one, other = sorted(
            (self._shard(name, ShardToMerge), self._shard(name, AdjacentShardToMerge)), key=lambda e: e.start
        )
        if not (one.is_open and other.is_open and one.end + 1 == other.start):
            raise _RefusedError(
                "InvalidArgumentException", f"{ShardToMerge} and {AdjacentShardToMerge} cannot be merged"
            )
        self._replace(name, (one, other), ((one.start, other.end),))

    def _replace(self, name: str, parents: tuple[_Shard, ...], ranges: tuple[tuple[int, int], ...]) -> None:
        stream = self._stream(name)
        ids = tuple(each.shard_id for each in parents)
        made = [_Shard(_id(len(stream) + number), *each, parents=ids) for number, each in enumerate(ranges)]
        stream.update({each.shard_id: each for each in made})
        for parent in parents:
            parent.children = tuple(each.shard_id for each in made)

    def _stream(self, name: str) -> dict[str, _Shard]:
        if name not in self._streams:
            raise _RefusedError("ResourceNotFoundException", f"Stream {name} under account 123456789012 not found.")
        return self._streams[name]

    def _shard(self, name: str, shard_id: str) -> _Shard:
        found = self._stream(name).get(shard_id)
        if found is None:
            raise _RefusedError("ResourceNotFoundException", f"Shard {shard_id} in stream {name} does not exist")
        return found


def _body(environ: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"{}")
    return found


def _id(number: int) -> str:
    return f"shardId-{number:012d}"


def _name(name: str, arn: str) -> str:
    return name or arn.rpartition("/")[2]


def _token(*place: Any) -> str:  # noqa: ANN401 - JSON
    return base64.b64encode(json.dumps(place).encode()).decode()


def _entry(shard: _Shard) -> dict[str, Any]:
    named: Iterator[tuple[str, str]] = zip(("ParentShardId", "AdjacentParentShardId"), shard.parents, strict=False)
    sequences = {"StartingSequenceNumber": str(_FIRST_SEQUENCE)}
    if not shard.is_open:
        sequences["EndingSequenceNumber"] = str(_FIRST_SEQUENCE * 10)
    return {
        "ShardId": shard.shard_id, "SequenceNumberRange": sequences, **dict(named),
        "HashKeyRange": {"StartingHashKey": str(shard.start), "EndingHashKey": str(shard.end)},
    }  # fmt: skip


_STREAM = {"StreamName", "StreamARN"}
_OPERATIONS: dict[str, tuple[Callable[..., dict[str, Any] | None], set[str]]] = {
    "CreateStream": (Kinesis._create, {"StreamName", "ShardCount"}),  # noqa: SLF001 - the class's own table
    "ListShards": (Kinesis._list, _STREAM | {"NextToken"}),  # noqa: SLF001
    "PutRecord": (Kinesis._put, _STREAM | {"PartitionKey", "Data"}),  # noqa: SLF001
    "PutRecords": (Kinesis._put_many, _STREAM | {"Records"}),  # noqa: SLF001
    "GetShardIterator": (
        Kinesis._iterator,  # noqa: SLF001
        _STREAM | {"ShardId", "ShardIteratorType", "StartingSequenceNumber", "Timestamp"},
    ),
    "GetRecords": (Kinesis._get, {"ShardIterator", "Limit"}),  # noqa: SLF001
    "SplitShard": (Kinesis._split, _STREAM | {"ShardToSplit", "NewStartingHashKey"}),  # noqa: SLF001
    "MergeShards": (Kinesis._merge, _STREAM | {"ShardToMerge", "AdjacentShardToMerge"}),  # noqa: SLF001
}
