"""The hook of Amazon S3."""

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock_aws.hooks.base import S3Base
from penstock_aws.hooks.glob import glob_regex, is_glob, literal_prefix, skip_after
from penstock_aws.hooks.transfer import copy_in_parts, upload_stream

_PAGE = 1000  # most keys that one answer of ListObjectsV2 and one DeleteObjects hold
_SINGLE_COPY_BYTES = 5 * 1024**3  # above it, CopyObject refuses


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


class S3Hook(S3Base):
    """A client of Amazon S3 and of stores that speak its protocol.

    Every method raises `penstock.errors.ProviderError` with the kind of the failure. Wherever a key is taken, so is
    a whole ``s3://bucket/key`` URL, with the bucket left out.

    Args:
        aws_conn_id: The connection, of type ``aws``.
        connection: The connection itself, in place of its name.
    """

    def list_objects(
        self, bucket: str, prefix: str = "", *, start_after: str = "", page_size: int = _PAGE
    ) -> Iterator[S3Object]:
        """Objects whose key starts with ``prefix``, in the order of keys, from behind ``start_after``; page by page."""
        more = True
        while more:
            objects, more = self._page(bucket, prefix, start_after, page_size)
            yield from objects
            start_after = objects[-1].key if objects else ""

    def list_keys(self, bucket: str, prefix: str = "", *, delimiter: str = "", start_after: str = "") -> Iterator[str]:
        """Keys that start with ``prefix``; with a ``delimiter``, only those without it after the prefix."""
        if not delimiter:
            yield from (each.key for each in self.list_objects(bucket, prefix, start_after=start_after))
            return
        for answer in self._answers(bucket, prefix, start_after=start_after, delimiter=delimiter):
            yield from (item["Key"] for item in answer.get("Contents", ()))

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
        more = True
        while more:
            objects, more = self._page(bucket, prefix, start_after)
            yield from (each for each in objects if matches(each.key))
            start_after = skip_after(pattern, objects[-1].key) if more else ""

    def find_keys(self, wanted: str, bucket: str = "", *, delimiter: str = "") -> Iterator[str]:
        """Keys that match a pattern or, if ``wanted`` is none, begin with it; a URL of a bucket alone is all of it."""
        if is_glob(wanted):
            yield from (each.key for each in self.glob(wanted, bucket))
            return
        if wanted.startswith("s3://") and not bucket:
            bucket, _, wanted = wanted.removeprefix("s3://").partition("/")
        yield from self.list_keys(bucket, wanted, delimiter=delimiter)

    def head(self, key: str, bucket: str = "") -> S3Object | None:
        """The object without its content, or None if there is none."""
        bucket, key = self.parse(key, bucket)
        try:
            with self._errors("HeadObject", f"s3://{bucket}/{key}"):
                found = self.client.head_object(Bucket=bucket, Key=key)
        except ProviderError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                self._require_bucket(bucket)
                return None
            raise
        return S3Object(bucket, key, found["ContentLength"], found["ETag"].strip('"'), found["LastModified"])

    def check_for_key(self, key: str, bucket: str = "") -> bool:
        """Whether the object exists."""
        return self.head(key, bucket) is not None

    def read_key(self, key: str, bucket: str = "") -> bytes:
        """The whole object; `open` streams it."""
        with self.open(key, bucket) as stream, self._errors("GetObject", key):
            return stream.read()

    def open(self, key: str, bucket: str = "", *, if_match: str = "") -> BinaryIO:
        """A stream over the object; with ``if_match``, only if its ETag is still this one. The caller closes it."""
        bucket, key = self.parse(key, bucket)
        condition = {"IfMatch": if_match} if if_match else {}
        with self._errors("GetObject", f"s3://{bucket}/{key}"):
            body: BinaryIO = self.client.get_object(Bucket=bucket, Key=key, **condition)["Body"]
        return body

    def download(self, key: str, path: str | os.PathLike[str], bucket: str = "") -> Path:
        """Store the object as a file, which appears whole or not at all; returns its path."""
        bucket, key = self.parse(key, bucket)
        target, part = Path(path), Path(f"{os.fspath(path)}.{os.getpid()}.part")
        try:
            with self._errors("GetObject", f"s3://{bucket}/{key}"):
                self.client.download_file(bucket, key, str(part))
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return target

    def load_bytes(
        self,
        data: bytes,
        key: str,
        bucket: str = "",
        *,
        replace: bool = False,
        **options: Any,  # noqa: ANN401
    ) -> bool:
        """Store bytes as an object.

        Args:
            data: The content.
            key: Where to.
            bucket: Its bucket, unless ``key`` is a URL.
            replace: Whether an object that is there is replaced; if not, the store itself refuses (``If-None-Match``),
                so that of two writers one wins.
            options: Further arguments of PutObject, such as ``ContentType`` or ``ServerSideEncryption``.

        Returns:
            False if the object was there and ``replace`` is off; nothing changed then.
        """
        bucket, key = self.parse(key, bucket)
        condition = {} if replace else {"IfNoneMatch": "*"}
        try:
            with self._errors("PutObject", f"s3://{bucket}/{key}"):
                self.client.put_object(Bucket=bucket, Key=key, Body=data, **condition, **options)
        except ProviderError as error:
            if not replace and error.code in ("PreconditionFailed", "412"):
                return False
            raise
        return True

    def load_string(
        self,
        text: str,
        key: str,
        bucket: str = "",
        *,
        replace: bool = False,
        encoding: str = "utf-8",
        **options: Any,  # noqa: ANN401
    ) -> bool:
        """Store a text as an object; as `load_bytes`."""
        return self.load_bytes(text.encode(encoding), key, bucket, replace=replace, **options)

    def load_file(self, path: str | os.PathLike[str], key: str, bucket: str = "", *, replace: bool = False) -> bool:
        """Store a file as an object; as `load_fileobj`."""
        with Path(path).open("rb") as stream:
            return self.load_fileobj(stream, key, bucket, replace=replace)

    def load_fileobj(self, stream: BinaryIO, key: str, bucket: str = "", *, replace: bool = False) -> bool:
        """Store a stream of any length, in parts, holding one part in memory; nothing is left behind if it fails.

        Returns:
            False if the object was there and ``replace`` is off; nothing changed then.
        """
        bucket, key = self.parse(key, bucket)
        with self._errors("UploadPart", f"s3://{bucket}/{key}"):
            return upload_stream(self.client, bucket, key, stream, replace=replace)

    def copy(self, source: str, destination: str, *, source_etag: str = "", replace: bool = True) -> bool:
        """Copy an object inside the store, in parts above 5 GiB.

        Args:
            source: URL of the object.
            destination: URL of the copy.
            source_etag: Copy only if the source still has this ETag (a `penstock.errors.ProviderError` of kind
                ``conflict`` if not).
            replace: Whether an object at the destination is replaced.

        Returns:
            False if there was an object and ``replace`` is off; nothing changed then.
        """
        (from_bucket, from_key), (bucket, key) = self.parse(source), self.parse(destination)
        found = self.head(from_key, from_bucket)
        if found is None:
            raise self._missing("CopyObject", source)
        if not replace and self.check_for_key(key, bucket):
            return False
        with self._errors("CopyObject", f"{source} to {destination}"):
            origin = {"Bucket": from_bucket, "Key": from_key}
            pinned = {"CopySourceIfMatch": source_etag or found.etag}
            absent = {} if replace else {"IfNoneMatch": "*"}
            if found.size > _SINGLE_COPY_BYTES:
                copy_in_parts(self.client, origin, found.size, bucket, key, pinned=pinned, absent=absent)
            else:
                self.client.copy_object(Bucket=bucket, Key=key, CopySource=origin, **pinned, **absent)
        return True

    def delete_objects(self, keys: Iterable[str], bucket: str = "") -> dict[str, str]:
        """Delete objects, a thousand a request; those that do not exist count as deleted.

        Returns:
            For each key that could not be deleted, why. The store tells failures of single keys inside a success.
        """
        failed: dict[str, str] = {}
        by_bucket: dict[str, list[str]] = {}
        for each in keys:
            name, key = self.parse(each, bucket)
            by_bucket.setdefault(name, []).append(key)
        for name, all_keys in by_bucket.items():
            for start in range(0, len(all_keys), _PAGE):
                chunk = [{"Key": key} for key in all_keys[start : start + _PAGE]]
                with self._errors("DeleteObjects", f"s3://{name}"):
                    answer = self.client.delete_objects(Bucket=name, Delete={"Objects": chunk, "Quiet": True})
                failed |= {
                    each["Key"]: f"{each['Code']}: {each.get('Message', '')}" for each in answer.get("Errors", ())
                }
        return failed

    def delete_object(self, key: str, bucket: str = "") -> None:
        """Delete one object; no error if there is none."""
        bucket, key = self.parse(key, bucket)
        with self._errors("DeleteObject", f"s3://{bucket}/{key}"):
            self.client.delete_object(Bucket=bucket, Key=key)

    def presign(self, key: str, bucket: str = "", *, expires_s: int = 3600, method: str = "get_object") -> str:
        """A URL with which anybody may call ``method`` on the object for ``expires_s`` seconds. It is a secret."""
        bucket, key = self.parse(key, bucket)
        with self._errors("PresignUrl", f"s3://{bucket}/{key}"):
            return str(
                self.client.generate_presigned_url(method, Params={"Bucket": bucket, "Key": key}, ExpiresIn=expires_s)
            )

    def delete_bucket(self, bucket: str, *, force: bool = False) -> bool:
        """Delete a bucket, with ``force`` its objects first; False if there is none.

        Raises:
            ProviderError: It cannot be deleted.
        """
        if not self.has_bucket(bucket):
            return False
        if force:
            failed = self.delete_objects(self.list_keys(bucket), bucket)
            if failed:
                key, reason = next(iter(failed.items()))
                raise ProviderError(
                    f"s3://{bucket}: {len(failed)} objects cannot be deleted, the first is {key!r}: {reason}",
                    service="s3", operation="DeleteObjects", kind=ErrorKind.CONFLICT,
                )  # fmt: skip
        with self._errors("DeleteBucket", f"s3://{bucket}"):
            self.client.delete_bucket(Bucket=bucket)
        return True

    def _answers(
        self, bucket: str, prefix: str, *, start_after: str = "", delimiter: str = ""
    ) -> Iterator[dict[str, Any]]:
        """Raw pages of ListObjectsV2, one request each, made when the reader wants it."""
        token: dict[str, str] = {}
        while True:
            answer = self._list(bucket, prefix, start_after, Delimiter=delimiter, **token)
            yield answer
            if not answer.get("IsTruncated"):
                return
            token = {"ContinuationToken": answer["NextContinuationToken"]}

    def _page(self, bucket: str, prefix: str, start_after: str, page_size: int = _PAGE) -> tuple[list[S3Object], bool]:
        """Up to ``page_size`` objects after a key, and whether there are more."""
        answer = self._list(bucket, prefix, start_after, MaxKeys=page_size)
        found = [
            S3Object(bucket, item["Key"], item["Size"], item["ETag"].strip('"'), item["LastModified"])
            for item in answer.get("Contents", ())
        ]
        return found, bool(found) and bool(answer.get("IsTruncated"))

    def _list(self, bucket: str, prefix: str, start_after: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - the API's
        wanted = {"Bucket": bucket, "Prefix": prefix, "StartAfter": start_after, **options}
        with self._errors("ListObjectsV2", f"s3://{bucket}/{prefix}"):
            answer: dict[str, Any] = self.client.list_objects_v2(
                **{name: value for name, value in wanted.items() if value}
            )
        return answer

    def _missing(self, operation: str, url: str) -> ProviderError:
        return ProviderError(
            f"{url}: there is no such object", service="s3", operation=operation, kind=ErrorKind.NOT_FOUND
        )
