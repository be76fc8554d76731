"""The hook of Amazon S3."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from penstock.errors import ErrorKind, ProviderError
from penstock_aws.hooks.deleting import S3Deleting
from penstock_aws.hooks.reading import S3Object
from penstock_aws.hooks.transfer import Copy, Upload

__all__ = ["S3Hook", "S3Object"]

_EXISTS = ("PreconditionFailed", "412")


class S3Hook(S3Deleting):
    """A client of Amazon S3 and of stores that speak its protocol.

    Every method raises `penstock.errors.ProviderError` with the kind of the failure. Wherever a key is taken, so is
    a whole ``s3://bucket/key`` URL, with the bucket left out. Every way of writing takes the same further options: the
    arguments of PutObject, such as ``ContentType`` or ``ServerSideEncryption``; what shall hold for all that is written
    stands in the connection.

    Args:
        aws_conn_id: The connection, of type ``aws``.
        connection: The connection itself, in place of its name.
    """

    def load_bytes(
        self,
        data: bytes,
        key: str,
        bucket: str = "",
        *,
        replace: bool = False,
        **options: Any,  # noqa: ANN401 - PutObject's
    ) -> bool:
        """Store bytes as an object.

        Args:
            data: The content.
            key: Where to.
            bucket: Its bucket, unless ``key`` is a URL.
            replace: Whether an object that is there is replaced. If not, it is looked for first, and then the store
                itself refuses (``If-None-Match``), so that of two writers one wins. A store that ignores the condition
                lets the later of two win that write within the same moment.
            options: Further arguments of PutObject, such as ``ContentType`` or ``ServerSideEncryption``.

        Returns:
            False if the object was there and ``replace`` is off; nothing changed then.
        """
        bucket, key = self.parse(key, bucket)

        def put(condition: dict[str, str]) -> None:
            self.client.put_object(Bucket=bucket, Key=key, Body=data, **condition, **options)

        return self._write(bucket, key, put, "PutObject", replace=replace)

    def load_string(
        self,
        text: str,
        key: str,
        bucket: str = "",
        *,
        replace: bool = False,
        encoding: str = "utf-8",
        **options: Any,  # noqa: ANN401 - PutObject's
    ) -> bool:
        """Store a text as an object; as `load_bytes`."""
        return self.load_bytes(text.encode(encoding), key, bucket, replace=replace, **options)

    def load_file(
        self,
        path: str | os.PathLike[str],
        key: str,
        bucket: str = "",
        *,
        replace: bool = False,
        **options: Any,  # noqa: ANN401 - PutObject's
    ) -> bool:
        """Store a file as an object; as `load_fileobj`."""
        with Path(path).open("rb") as stream:
            return self.load_fileobj(stream, key, bucket, replace=replace, **options)

    def load_fileobj(
        self,
        stream: BinaryIO,
        key: str,
        bucket: str = "",
        *,
        replace: bool = False,
        **options: Any,  # noqa: ANN401 - PutObject's
    ) -> bool:
        """Store a stream of any length, in parts, holding one part in memory; nothing is left behind if it fails.

        Options and answer are those of `load_bytes`; an option that is about one request, such as ``ContentMD5``, is
        refused for a stream that takes several.
        """
        bucket, key = self.parse(key, bucket)

        def upload(condition: dict[str, str]) -> None:
            Upload(self.client, bucket, key, options, condition).stream(stream)

        return self._write(bucket, key, upload, "UploadPart", replace=replace)

    def copy(
        self,
        source: str,
        destination: str,
        *,
        source_etag: str = "",
        replace: bool = True,
        **options: Any,  # noqa: ANN401 - PutObject's
    ) -> bool:
        """Copy an object inside the store with its metadata and tags, in parts above 5 GiB.

        Args:
            source: URL of the object.
            destination: URL of the copy.
            source_etag: Copy only if the source still has this ETag (a `penstock.errors.ProviderError` of kind
                ``conflict`` if not).
            replace: Whether an object at the destination is replaced.
            options: Further arguments, as of `load_bytes`.

        Returns:
            False if there was an object and ``replace`` is off; nothing changed then.
        """
        (from_bucket, from_key), (bucket, key) = self.parse(source), self.parse(destination)
        found = self.head(from_key, from_bucket)
        if found is None:
            raise ProviderError(
                f"{source}: there is no such object", service="s3", operation="CopyObject", kind=ErrorKind.NOT_FOUND
            )
        if source_etag and source_etag != found.etag:
            raise ProviderError(
                f"{source}: its ETag is {found.etag}, not {source_etag}: it was written anew",
                service="s3", operation="CopyObject", kind=ErrorKind.CONFLICT,
            )  # fmt: skip

        def copy(condition: dict[str, str]) -> None:
            with self.errors("CopyObject", f"{source} to {destination}"):
                Copy(self.client, found, bucket, key, options, condition).run()

        return self._write(bucket, key, copy, "CopyObject", replace=replace)

    def _write(
        self, bucket: str, key: str, write: Callable[[dict[str, str]], None], operation: str, *, replace: bool
    ) -> bool:
        """Write an object under the condition that ``replace`` asks for; False if it is there and must stay.

        The object is looked for first because stores of other makers ignore the condition.
        """
        url = f"s3://{bucket}/{key}"
        if not replace and self._is_there(bucket, key):
            return False
        try:
            with self.errors(operation, url):
                write({} if replace else {"IfNoneMatch": "*"})
        except ProviderError as error:
            if replace or error.code not in _EXISTS:
                _refuse_to_guess(error, url)
                raise
            _refuse_a_repetition(error, url)
            return False
        return True

    def _is_there(self, bucket: str, key: str) -> bool:
        """Whether an object is seen; who may write and not read sees none, and relies on the condition."""
        try:
            return self._head(bucket, key) is not None
        except ProviderError as error:
            if error.kind is not ErrorKind.PERMISSION:
                raise
            return False

    def set_tags(self, tags: Mapping[str, str], key: str, bucket: str = "") -> None:
        """Put tags in the place of those that an object has, at most ten."""
        bucket, key = self.parse(key, bucket)
        with self.errors("PutObjectTagging", f"s3://{bucket}/{key}"):
            tagging = {"TagSet": [{"Key": name, "Value": value} for name, value in tags.items()]}
            self.client.put_object_tagging(Bucket=bucket, Key=key, Tagging=tagging)

    def presign(self, key: str, bucket: str = "", *, expires_s: int = 3600, method: str = "get_object") -> str:
        """A URL with which anybody may call ``method`` on the object for ``expires_s`` seconds. It is a secret."""
        bucket, key = self.parse(key, bucket)
        with self.errors("PresignUrl", f"s3://{bucket}/{key}"):
            return str(
                self.client.generate_presigned_url(method, Params={"Bucket": bucket, "Key": key}, ExpiresIn=expires_s)
            )


def _was_repeated(error: ProviderError) -> bool:
    """Whether the SDK had sent the request before, and got no answer."""
    response = getattr(error.__cause__, "response", None) or {}
    return bool(response.get("ResponseMetadata", {}).get("RetryAttempts"))


def _refuse_a_repetition(error: ProviderError, url: str) -> None:
    """Raise if the refusal answered a repeated request: the attempt before it may have stored the object itself."""
    if _was_repeated(error):
        raise ProviderError(
            f"{url}: an attempt got no answer and the next one found the object: it is this call's or another's",
            service="s3", operation=error.operation, kind=ErrorKind.CONFLICT,
        ) from error  # fmt: skip


def _refuse_to_guess(error: ProviderError, url: str) -> None:
    """Raise if an upload is gone when its completion is repeated: it is complete, and an error of it would be final."""
    if error.code == "NoSuchUpload" and _was_repeated(error):
        raise ProviderError(
            f"{url}: the upload's completion got no answer, and the next attempt found the upload gone: it may be complete",
            service="s3", operation="CompleteMultipartUpload", kind=ErrorKind.TRANSIENT,
        ) from error  # fmt: skip
