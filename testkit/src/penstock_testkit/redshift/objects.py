"""The proxy's view of Amazon S3: which objects a COPY reads, their bytes, and where an UNLOAD writes.

Source: "Using a manifest to specify data files" and "COPY from Amazon S3" of the Amazon Redshift Database Developer
Guide. Not covered: regions, encryption, permissions of the role.
"""

import bz2
import gzip
import json
import threading
from dataclasses import dataclass
from typing import IO, Any, cast

from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]  # it ships no types

from penstock_testkit.redshift.commands import Copy
from penstock_testkit.redshift.errors import RedshiftError
from penstock_testkit.s3 import S3Server


@dataclass(frozen=True, slots=True)
class Source:
    """An object that a COPY reads."""

    bucket: str
    key: str

    @property
    def url(self) -> str:
        """Its `s3://` URL."""
        return f"s3://{self.bucket}/{self.key}"


class Objects:
    """Reads and writes objects of one S3 server; safe to use from several threads."""

    def __init__(self, server: S3Server) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._made: Any = None

    def sources(self, copy: Copy) -> list[Source]:
        """Return the objects that a COPY reads: those of its manifest, or all under its prefix.

        Raises:
            RedshiftError: None is there, a mandatory one is missing, or the manifest cannot be read.
        """
        bucket, key = _split(copy.source)
        if "MANIFEST" in copy.flags:
            return self._of_manifest(source_of(copy.source))
        keys = self.keys(copy.source)
        if not keys:
            raise _failure(f"The specified S3 prefix '{key}' does not exist", bucket)
        return [Source(bucket, key) for key in keys]

    def keys(self, url: str) -> list[str]:
        """Return the keys under a prefix.

        Raises:
            RedshiftError: The bucket cannot be listed.
        """
        bucket, prefix = _split(url)
        try:
            pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            return [item["Key"] for page in pages for item in page.get("Contents", [])]
        except (ClientError, BotoCoreError) as error:
            raise _translated(error, bucket) from None

    def open(self, source: Source, compression: str) -> IO[bytes]:
        """Open an object for reading, decompressed.

        Raises:
            RedshiftError: It cannot be read.
        """
        try:
            body = cast("IO[bytes]", self._client().get_object(Bucket=source.bucket, Key=source.key)["Body"])
        except (ClientError, BotoCoreError) as error:
            raise _translated(error, source.bucket) from None
        if compression == "GZIP":
            return cast("IO[bytes]", gzip.GzipFile(fileobj=body))
        if compression == "BZIP2":
            return cast("IO[bytes]", bz2.BZ2File(body))
        return body

    def write(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object.

        Raises:
            RedshiftError: It cannot be written.
        """
        try:
            self._client().put_object(Bucket=bucket, Key=key, Body=body)
        except (ClientError, BotoCoreError) as error:
            raise _translated(error, bucket) from None

    def delete(self, url: str) -> None:
        """Delete all objects under a prefix.

        Raises:
            RedshiftError: They cannot be listed or deleted.
        """
        bucket, _ = _split(url)
        try:
            for key in self.keys(url):
                self._client().delete_object(Bucket=bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            raise _translated(error, bucket) from None

    def close(self) -> None:
        """Close the connections to the server."""
        if self._made is not None:
            self._made.close()

    def _client(self) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        with self._lock:
            self._made = self._made or self._server.client()
            return self._made

    def _of_manifest(self, manifest: Source) -> list[Source]:
        with self.open(manifest, "") as stream:
            written = stream.read()
        try:
            entries = json.loads(written)["entries"]
            wanted = [(source_of(entry["url"]), bool(entry.get("mandatory", False))) for entry in entries]
        except (ValueError, KeyError, TypeError, AttributeError, RedshiftError) as error:
            raise _failure(f"Problem reading manifest file - {manifest.url}: {error!r}", manifest.bucket) from None
        if not wanted:
            raise _failure(f"Problem reading manifest file - {manifest.url}: it has no entries", manifest.bucket)
        found = [
            source for source, mandatory in wanted if mandatory or self._exists(source)
        ]  # to read one tells as much
        if not found:
            raise _failure("No files listed in the manifest exist", manifest.bucket)
        return found

    def _exists(self, source: Source) -> bool:
        try:
            self._client().head_object(Bucket=source.bucket, Key=source.key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"404", "NoSuchKey", "NoSuchBucket"}:
                raise _translated(error, source.bucket) from None
            return False
        except BotoCoreError as error:
            raise _translated(error, source.bucket) from None
        return True


def source_of(url: str) -> Source:
    """Return the object at an `s3://` URL.

    Raises:
        RedshiftError: It is none.
    """
    return Source(*_split(url))


def _split(url: str) -> tuple[str, str]:
    bucket, slash, key = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not slash:
        raise RedshiftError(f"'{url}' is no Amazon S3 URL", "XX000")
    return bucket, key


def _translated(error: ClientError | BotoCoreError, bucket: str) -> RedshiftError:
    if isinstance(error, ClientError):
        details = error.response["Error"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        text = f"S3ServiceException:{details.get('Message', '')},Status {status},Error {details['Code']}"
    else:
        text = f"S3ServiceException:{error}"
    return _failure(text, bucket)


def _failure(text: str, bucket: str) -> RedshiftError:
    line = "-" * 47
    detail = f"\n  {line}\n  error:  {text}\n  code:      8001\n  context:   bucket: {bucket}\n  {line}"
    return RedshiftError(text, "XX000", detail)
