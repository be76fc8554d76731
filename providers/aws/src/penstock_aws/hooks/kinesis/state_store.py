"""States and files of a batcher in S3: compare-and-set by ``If-Match``, files that are created once by ``If-None-Match``.

Source: page "How to prevent object overwrites with conditional writes" of the Amazon S3 user guide: 412 if the condition does
not hold, 409 if another write of the same moment won, 404 for ``If-Match`` on an object that is not there.
"""

import gzip
import hashlib
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from penstock.errors import ErrorKind, ProviderError
from penstock_aws.hooks.kinesis.states import ShardState, decode
from penstock_aws.hooks.s3 import S3Hook

_SHARDS = "_state/shards/"
_NO_ETAG = f'"{"0" * 32}"'
_AT_ONCE = 8
"""Requests on their way to the store: a PUT takes S3 tens of milliseconds, and an hour of many events is hundreds of them."""

T = TypeVar("T")


class LeaseLostError(Exception):
    """Another batcher has changed the object meanwhile: it is its business now."""


class Held(NamedTuple):
    """A state as it stands in the store, and the ETag that a change of it has to name; "" if it is not there yet."""

    state: ShardState
    etag: str = ""


class StateStore:
    """The destination of one stream.

    Args:
        hook: The client of S3.
        destination: URL of a bucket, or of a folder in one.
        stream: The stream's name or ARN.
    """

    def __init__(self, hook: S3Hook, destination: str, stream: str) -> None:
        self.hook = hook
        self.bucket, prefix = hook.parse_prefix(destination)
        self.prefix = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
        self.stream = stream.rpartition("/")[2]

    def url(self, key: str) -> str:
        """The URL of a key below the destination."""
        return f"s3://{self.bucket}/{self.prefix}{key}"

    def prepare(self) -> None:
        """Make sure that the destination is this stream's alone, and that the store keeps to conditions.

        There are stores that ignore them, and with those nothing here would be certain.

        Raises:
            penstock.errors.ProviderError: Of kind ``invalid``: it is another stream's, or the store ignores them.
        """
        key = "_state/stream"
        if not self.swap(key, self.stream.encode(), ""):
            found = self.read(key)
            raise _invalid(
                f"{self.url('')} is the destination of the stream {(found[0] if found else b'?').decode()!r}, not of "
                f"{self.stream!r}", "Give each stream a folder of its own",
            )  # fmt: skip
        for condition in ({"IfNoneMatch": "*"}, {"IfMatch": _NO_ETAG}):
            if self._put(key, self.stream.encode(), condition):
                raise _invalid(
                    f"{self.url(key)}: the store ignores {next(iter(condition))}, by which batchers are kept apart",
                    "Use Amazon S3, or a store that knows conditional writes",
                )

    def state_url(self, shard: str) -> str:
        """The URL of a shard's state."""
        return self.url(self._key(shard))

    def states(self) -> dict[str, Held]:
        """All states of shards, by shard."""
        found = {}
        folder = f"{self.prefix}{_SHARDS}"
        for key in self.hook.list_keys(self.bucket, folder):
            held = self.load(key.removeprefix(folder).removesuffix(".json"))
            if held is not None:
                found[held.state.shard] = held
        return found

    def load(self, shard: str) -> Held | None:
        """The state of a shard; None if it has none."""
        key = self._key(shard)
        found = self.read(key)
        if found is None:
            return None
        try:
            return Held(decode(found[0]), found[1])
        except ValueError as error:
            raise _invalid(f"{self.url(key)} {error}", "Restore an earlier version of the object") from error

    def save(self, held: Held, state: ShardState) -> Held:
        """Put a state in another's place.

        Raises:
            LeaseLostError: The one in the store is not the one that is held.
        """
        etag = self.swap(self._key(state.shard), state.encode(), held.etag)
        if not etag:
            raise LeaseLostError(state.shard)
        return Held(state, etag)

    def read(self, key: str) -> tuple[bytes, str] | None:
        """Content and ETag of an object; None if it is not there."""
        url = self.url(key)
        try:
            with self.hook.errors("GetObject", url):
                answer = self.hook.client.get_object(Bucket=self.bucket, Key=self.prefix + key)
                return answer["Body"].read(), str(answer["ETag"])
        except ProviderError as error:
            if error.code != "NoSuchKey":
                raise
            return None

    def swap(self, key: str, content: bytes, etag: str) -> str:
        """Store an object if it still is as its ETag says, "" for one that is not there; returns the new ETag, "" if it is not.

        A refusal may answer the repetition of a request that had succeeded: then the content is ours.
        """
        done = self._put(key, content, {"IfMatch": etag} if etag else {"IfNoneMatch": "*"})
        if done:
            return done
        found = self.read(key)
        return found[1] if found is not None and found[0] == content else ""

    def create_all(self, files: dict[str, bytes]) -> None:
        """Store files that are never changed, content by key, several at a time; as `create`."""
        self.each(lambda item: self.create(*item), files.items())

    def each(self, work: Callable[[T], object], items: Collection[T]) -> None:
        """Do something about each item, several at a time; what has not begun when one of them fails is left out."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(work, items):
                pass

    def create(self, key: str, content: bytes) -> None:
        """Store a file that is never changed; fine if it is there already.

        Raises:
            penstock.errors.ProviderError: Of kind ``invalid``: there is another one.
        """
        body = gzip.compress(content, compresslevel=6, mtime=0) if key.endswith(".gz") else content
        if self._put(key, body, {"IfNoneMatch": "*"}):
            return
        found = self.read(key)
        there = b"" if found is None else gzip.decompress(found[0]) if key.endswith(".gz") else found[0]
        if hashlib.sha256(there).digest() != hashlib.sha256(content).digest():
            raise _invalid(
                f"{self.url(key)} is there with another content", "Something else writes there; move that object away"
            )

    def _put(self, key: str, body: bytes, condition: dict[str, str]) -> str:
        """Store an object under a condition; returns its ETag, "" if the condition does not hold."""
        try:
            with self.hook.errors("PutObject", self.url(key)):
                answer = self.hook.client.put_object(Bucket=self.bucket, Key=self.prefix + key, Body=body, **condition)
        except ProviderError as error:
            if error.kind is ErrorKind.CONFLICT or error.code == "NoSuchKey":
                return ""
            raise
        return str(answer["ETag"])

    def _key(self, shard: str) -> str:
        return f"{_SHARDS}{shard}.json"


def _invalid(detail: str, hint: str) -> ProviderError:
    return ProviderError(detail, service="s3", operation="PutObject", kind=ErrorKind.INVALID, hint=hint)
