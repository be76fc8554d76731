"""The reading half of the hook of Amazon S3: listings, patterns, single objects."""

import io
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar, cast

from penstock.errors import ErrorKind, ProviderError
from penstock_aws.hooks.base import S3Base
from penstock_aws.hooks.clients import NotAwsError
from penstock_aws.hooks.content import Content
from penstock_aws.hooks.glob import glob_regex, has_wildcard, is_glob, literal_prefix, skip_after

_PAGE = 1000  # most keys that one answer of ListObjectsV2 holds
_DIRECTORY_BUCKET = "--x-s3"  # ends their names; they list in no order (page "Differences for directory buckets")
_COPY_BYTES = 1024**2

T = TypeVar("T")


class S3Object(NamedTuple):
    """An object as a listing or a HEAD tells it: size in bytes, aware UTC time, ETag without its quotes."""

    bucket: str
    key: str
    size: int
    etag: str
    last_modified: datetime

    @property
    def url(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"


class Page(NamedTuple):
    """One answer of a listing."""

    objects: list[S3Object]
    more: bool  # whether another page follows
    in_place: bool  # whether the store began where it was told to


class S3Reading(S3Base):
    """What the hook reads; every method raises `penstock.errors.ProviderError` with the kind of the failure."""

    def list_objects(
        self, bucket: str, prefix: str = "", *, start_after: str = "", page_size: int = _PAGE
    ) -> Iterator[S3Object]:
        """Objects whose key starts with ``prefix``, in the order of keys, from behind ``start_after``; page by page."""
        for page in self._pages(bucket, prefix, start_after, page_size):
            yield from page.objects

    def list_keys(self, bucket: str, prefix: str = "", *, delimiter: str = "", start_after: str = "") -> Iterator[str]:
        """Keys that start with ``prefix``; with a ``delimiter``, only those without it after the prefix."""
        for answer in self._answers(bucket, prefix, start_after=start_after, delimiter=delimiter):
            yield from (item["Key"] for item in answer.get("Contents", ()) if item["Key"] > start_after)

    def list_prefixes(self, bucket: str, prefix: str = "", *, delimiter: str = "/") -> Iterator[str]:
        """The "folders" right under ``prefix``, each with its closing delimiter."""
        for answer in self._answers(bucket, prefix, delimiter=delimiter):
            yield from (item["Prefix"] for item in answer.get("CommonPrefixes", ()))

    def glob(self, pattern: str, bucket: str = "", *, start_after: str = "") -> Iterator[S3Object]:
        """Objects whose key matches a pattern, in the order of keys; see `penstock_aws.hooks.glob` for its meaning.

        Lists from the longest literal prefix, passes over what cannot match, and asks for a page only when the one
        before is used up: a reader that stops at the first match pays for one page.
        """
        bucket, pattern = self.parse(pattern, bucket)
        if not is_glob(pattern):
            found = self.head(pattern, bucket)
            yield from (found,) if found and found.key > start_after else ()
            return
        matches, prefix = glob_regex(pattern).fullmatch, literal_prefix(pattern)
        may_skip, after = not bucket.endswith(_DIRECTORY_BUCKET), start_after
        while True:
            target = ""
            for page in self._pages(bucket, prefix, after):
                yield from (each for each in page.objects if matches(each.key))
                may_skip = may_skip and page.in_place
                last = page.objects[-1].key if page.objects else ""
                target = skip_after(pattern, last) if may_skip and page.more and last else last
                if target > last:
                    break
            else:
                return
            after = target

    def find_keys(self, wanted: str, bucket: str = "", *, delimiter: str = "") -> Iterator[str]:
        """Keys that match a pattern or, if ``wanted`` is none, begin with it; a URL of a bucket alone is all of it.

        Brackets alone may be meant either way: then keys count that match, and keys that begin with it.
        """
        bucket, wanted = self.parse_prefix(wanted, bucket)
        if has_wildcard(wanted):
            yield from (each.key for each in self.glob(wanted, bucket))
        elif is_glob(wanted):
            matches = glob_regex(wanted).fullmatch
            keys = self.list_keys(bucket, literal_prefix(wanted), delimiter=delimiter)
            yield from (key for key in keys if key.startswith(wanted) or matches(key))
        else:
            yield from self.list_keys(bucket, wanted, delimiter=delimiter)

    def head(self, key: str, bucket: str = "") -> S3Object | None:
        """The object without its content, or None if there is none; raises if the bucket itself is missing.

        One request, and for an object that is missing a second one about its bucket, once in ten minutes.
        """
        bucket, key = self.parse(key, bucket)
        found = self._head(bucket, key)
        if found is None:
            self._require_bucket(bucket)
            return None
        modified = found.get("LastModified") or datetime.fromtimestamp(0, UTC)
        return S3Object(bucket, key, found["ContentLength"], found.get("ETag", "").strip('"'), modified)

    def metadata(self, key: str, bucket: str = "") -> dict[str, str]:
        """The metadata that its writer has given to an object; none if there is no such object."""
        bucket, key = self.parse(key, bucket)
        found = self._head(bucket, key)
        return dict(found.get("Metadata", {})) if found else {}

    def tags(self, key: str, bucket: str = "") -> dict[str, str]:
        """The tags of an object."""
        bucket, key = self.parse(key, bucket)
        with self.errors("GetObjectTagging", f"s3://{bucket}/{key}"):
            found = self.client.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
        return {each["Key"]: each["Value"] for each in found}

    def check_for_key(self, key: str, bucket: str = "") -> bool:
        """Whether the object exists."""
        return self.head(key, bucket) is not None

    def read_key(self, key: str, bucket: str = "") -> bytes:
        """The whole object, read again once if it arrives damaged; `open` streams it."""
        return self._whole(key, bucket, lambda stream: stream.read())

    def open(self, key: str, bucket: str = "", *, if_match: str = "") -> BinaryIO:
        """A stream over the object; with ``if_match``, only if its ETag is still this one. The caller closes it.

        Length and checksum are checked when its end is read; a stream that is cut or damaged raises a
        `penstock.errors.ProviderError` of kind ``transient``.
        """
        bucket, key = self.parse(key, bucket)
        condition = {"IfMatch": if_match} if if_match else {}
        url = f"s3://{bucket}/{key}"
        with self.errors("GetObject", url):
            body = self.client.get_object(Bucket=bucket, Key=key, **condition)["Body"]
        # buffered, for a reader of lines would ask for each byte by itself
        return cast("BinaryIO", io.BufferedReader(Content(body, lambda: self.errors("GetObject", url)), _COPY_BYTES))

    def download(self, key: str, path: str | os.PathLike[str], bucket: str = "") -> Path:
        """Store the object as a file, which appears whole or not at all; returns its path."""
        target, part = Path(path), Path(f"{os.fspath(path)}.{os.getpid()}.part")

        def copy(stream: BinaryIO) -> None:
            with part.open("wb") as file:
                shutil.copyfileobj(stream, file, _COPY_BYTES)

        try:
            self._whole(key, bucket, copy)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return target

    def _whole(self, key: str, bucket: str, take: Callable[[BinaryIO], T]) -> T:
        """What ``take`` makes of the object's stream, a second time if the first one was cut or damaged."""
        try:
            with self.open(key, bucket) as stream:
                return take(stream)
        except ProviderError as error:
            if error.kind not in (ErrorKind.TRANSIENT, ErrorKind.TIMEOUT) or error.http_status is not None:
                raise
        with self.open(key, bucket) as stream:
            return take(stream)

    def _head(self, bucket: str, key: str) -> dict[str, Any] | None:
        """What HEAD answers; None if there is no such object or no such bucket."""
        url = f"s3://{bucket}/{key}"
        try:
            with self.errors("HeadObject", url):
                answer: dict[str, Any] = self.client.head_object(Bucket=bucket, Key=key)
        except ProviderError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                return None
            # The answer to a HEAD has no body and so no code; a GET of one byte is refused for the same reason, and
            # tells it.
            first_byte = {"Bucket": bucket, "Key": key, "Range": "bytes=0-0"}
            raise self._explained(error, "HeadObject", url, lambda: self.client.get_object(**first_byte)) from error
        return answer

    def _pages(self, bucket: str, prefix: str, start_after: str, page_size: int = _PAGE) -> Iterator[Page]:
        answers = self._answers(bucket, prefix, start_after=start_after, page_size=page_size)
        for answer in answers:
            found = [
                S3Object(bucket, item["Key"], item["Size"], item.get("ETag", "").strip('"'), item["LastModified"])
                for item in answer.get("Contents", ())
            ]
            behind = [each for each in found if each.key > start_after]
            yield Page(behind, bool(answer.get("IsTruncated")), len(behind) == len(found))

    def _answers(
        self, bucket: str, prefix: str, *, start_after: str = "", delimiter: str = "", page_size: int = 0
    ) -> Iterator[dict[str, Any]]:
        """Raw pages of ListObjectsV2, one request each, made when the reader wants it.

        A page may be empty with others behind it. Only the first one begins behind a key, for there are stores that
        do not know StartAfter: theirs begins at the first key, and the readers leave out what is before.
        """
        seen: set[str] = set()
        wanted = {"Bucket": bucket, "Prefix": prefix, "Delimiter": delimiter, "MaxKeys": page_size}
        wanted = {name: value for name, value in wanted.items() if value}
        place = {"StartAfter": start_after} if start_after else {}
        while True:
            with self.errors("ListObjectsV2", f"s3://{bucket}/{prefix}"):
                answer: dict[str, Any] = self.client.list_objects_v2(**wanted, **place)
                if "IsTruncated" not in answer:  # it is in every answer of the API; the SDK reads anything as no keys
                    raise NotAwsError("the answer is no listing")
            yield answer
            if not answer.get("IsTruncated"):
                return
            token = answer.get("NextContinuationToken", "")
            if not token or token in seen:
                raise ProviderError(
                    f"s3://{bucket}/{prefix}: the store says that more keys follow, and gives "
                    f"{'a token that it gave before' if token else 'no token'} to ask for them",
                    service="s3", operation="ListObjectsV2", kind=ErrorKind.INVALID, hint="Tell the store's maker",
                )  # fmt: skip
            seen.add(token)
            place = {"ContinuationToken": token}
