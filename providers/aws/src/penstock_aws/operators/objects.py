"""Operators of S3: thin tasks over `penstock_aws.hooks.S3Hook`; each is safe to repeat."""

import itertools
from collections.abc import Sequence
from typing import Any, ClassVar

from penstock import Operator
from penstock.errors import ErrorKind, ProviderError
from penstock_aws.errors import refused_keys
from penstock_aws.hooks import S3Hook
from penstock_aws.hooks.glob import has_wildcard


class S3CreateBucketOperator(Operator):
    """Creates a bucket; one that is there already is fine if it is ours.

    Args:
        bucket_name: The bucket.
        region_name: Its region; the connection's unless given.
        aws_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("bucket_name",)

    def __init__(
        self,
        *,
        bucket_name: str,
        region_name: str = "",
        aws_conn_id: str = "aws_default",
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.bucket_name, self.region_name, self.aws_conn_id = bucket_name, region_name, aws_conn_id

    def execute(self, context: Any) -> None:  # noqa: ANN401, ARG002 - the spec's signature
        """Create it."""
        made = S3Hook(self.aws_conn_id).create_bucket(self.bucket_name, region=self.region_name)
        self.log.info("bucket %s: %s", self.bucket_name, "created" if made else "was there already")


class S3DeleteBucketOperator(Operator):
    """Deletes a bucket; one that is gone already is fine.

    Args:
        bucket_name: The bucket.
        force_delete: Whether its objects are deleted first, with their versions; a bucket that holds objects is not
            deleted otherwise.
        aws_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("bucket_name",)

    def __init__(
        self,
        *,
        bucket_name: str,
        force_delete: bool = False,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.bucket_name, self.force_delete, self.aws_conn_id = bucket_name, force_delete, aws_conn_id

    def execute(self, context: Any) -> None:  # noqa: ANN401, ARG002 - the spec's signature
        """Delete it."""
        there = S3Hook(self.aws_conn_id).delete_bucket(self.bucket_name, force=self.force_delete)
        self.log.info("bucket %s: %s", self.bucket_name, "deleted" if there else "was gone already")


class S3CopyObjectOperator(Operator):
    """Copies an object inside S3, of any size; a source that changes meanwhile fails the copy instead of mixing it.

    Args:
        source: ``s3://`` URL of the object.
        destination: ``s3://`` URL of the copy.
        options: Further arguments of PutObject for the copy, such as ``{"StorageClass": "STANDARD_IA"}``.
        aws_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("source", "destination")

    def __init__(
        self,
        *,
        source: str,
        destination: str,
        options: dict[str, Any] | None = None,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.source, self.destination, self.aws_conn_id = source, destination, aws_conn_id
        self.options = options or {}

    def execute(self, context: Any) -> str:  # noqa: ANN401, ARG002 - the spec's signature
        """Copy; returns the URL of the copy."""
        S3Hook(self.aws_conn_id).copy(self.source, self.destination, **self.options)
        self.log.info("%s: copied to %s", self.source, self.destination)
        return self.destination


class S3DeleteObjectsOperator(Operator):
    """Deletes objects by their keys or by a prefix; those that are gone already are fine.

    Args:
        keys: Key or ``s3://`` URL, or a list of them; or give ``prefix``.
        prefix: Everything under this prefix or ``s3://`` URL of one, which is no pattern: a ``*`` is itself. A bare bucket is
            refused: delete the bucket.
        bucket: The bucket, unless URLs name it.
        aws_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("keys", "prefix", "bucket")

    def __init__(
        self,
        *,
        keys: str | list[str] | None = None,
        prefix: str = "",
        bucket: str = "",
        aws_conn_id: str = "aws_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        if (keys is None) == (not prefix):
            raise ValueError("give keys or prefix, one of the two")
        self.keys, self.prefix, self.bucket, self.aws_conn_id = keys, prefix, bucket, aws_conn_id

    def execute(self, context: Any) -> None:  # noqa: ANN401, ARG002 - the spec's signature
        """Delete them; raises with every key that the store refused to delete.

        Raises:
            ProviderError: The store refused to delete some; the message names each.
        """
        hook = S3Hook(self.aws_conn_id)
        if self.keys is not None:
            keys = [self.keys] if isinstance(self.keys, str) else self.keys
            failed = hook.delete_objects(keys, self.bucket)
            self.log.info("%d objects of %d are gone", len(keys) - len(failed), len(keys))
        else:
            bucket, start = hook.parse(self.prefix, self.bucket)
            number = itertools.count()
            failed = hook.delete_objects(
                (key for key, _ in zip(hook.list_keys(bucket, start), number, strict=False)), bucket
            )
            found = next(number)
            self.log.info("s3://%s/%s: %d objects of %d are gone", bucket, start, found - len(failed), found)
            if not found and has_wildcard(start):
                self.log.warning("prefix is no pattern: give keys what an S3ListOperator finds by %s", self.prefix)
        if failed:
            raise refused_keys(failed, self.bucket)


class S3ListOperator(Operator):
    """Lists keys, for the tasks downstream: mapping one task over the files of a folder, for example.

    Args:
        bucket: The bucket, unless ``prefix`` is a URL.
        prefix: Keys that begin with it; a pattern (see `penstock_aws.sensors.S3KeySensor`) lists what matches, and a
            text whose only special signs are brackets does both.
        delimiter: Leave out keys with this text after the prefix, such as ``/`` for one folder alone.
        max_keys: More keys than this fail the task: a list is kept as a value, and values have to be small.
        aws_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("bucket", "prefix", "delimiter")

    def __init__(
        self,
        *,
        bucket: str = "",
        prefix: str = "",
        delimiter: str = "",
        max_keys: int = 10_000,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        self.bucket, self.prefix, self.delimiter = bucket, prefix, delimiter
        self.max_keys, self.aws_conn_id = max_keys, aws_conn_id

    def execute(self, context: Any) -> list[str]:  # noqa: ANN401, ARG002 - the spec's signature
        """The keys, in order.

        Raises:
            ProviderError: The store could not be asked, or the answer is longer than may be kept.
        """
        found: list[str] = []
        for key in S3Hook(self.aws_conn_id).find_keys(self.prefix, self.bucket, delimiter=self.delimiter):
            if len(found) == self.max_keys:
                raise ProviderError(
                    f"{self.prefix!r} has more than {self.max_keys} keys", service="s3", operation="ListObjectsV2",
                    kind=ErrorKind.INVALID, hint="Narrow the prefix or raise max_keys",
                )  # fmt: skip
            found.append(key)
        self.log.info("%s: %d keys", self.prefix or self.bucket, len(found))
        return found


class S3CreateObjectOperator(Operator):
    """Writes a text as an object.

    Args:
        s3_key: Key or ``s3://`` URL.
        data: The text.
        s3_bucket: The bucket, unless ``s3_key`` is a URL.
        replace: Whether an object that is there is replaced; if not, one that is there is left as it is.
        encoding: How the text becomes bytes.
        options: Further arguments of PutObject, such as ``{"ContentType": "text/csv"}``.
        aws_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("s3_key", "s3_bucket", "data")

    def __init__(
        self,
        *,
        s3_key: str,
        data: str,
        s3_bucket: str = "",
        replace: bool = True,
        encoding: str = "utf-8",
        options: dict[str, Any] | None = None,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        self.options = options or {}
        self.s3_key, self.data, self.s3_bucket, self.replace = s3_key, data, s3_bucket, replace
        self.encoding, self.aws_conn_id = encoding, aws_conn_id

    def execute(self, context: Any) -> bool:  # noqa: ANN401, ARG002 - the spec's signature
        """Write it; False if there was one and it stays."""
        written = S3Hook(self.aws_conn_id).load_string(
            self.data, self.s3_key, self.s3_bucket, replace=self.replace, encoding=self.encoding, **self.options
        )
        self.log.info("%s: %s", self.s3_key, "written" if written else "is there already, and stays as it is")
        return written
