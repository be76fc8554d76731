"""The deleting half of the hook of Amazon S3: objects, their versions, buckets."""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from penstock.errors import ErrorKind, ProviderError
from penstock_aws.errors import refused_keys
from penstock_aws.hooks.reading import S3Reading

_MOST_KEYS = 1000  # of one DeleteObjects
# What XML 1.0 cannot hold (its production "Char"), and the line ends that its readers change: a body of DeleteObjects
# that names such a key is refused as a whole, or means another one.
_NOT_XML = re.compile(r"[^\t\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class S3Deleting(S3Reading):
    """What the hook deletes; every method raises `penstock.errors.ProviderError` with the kind of the failure."""

    def delete_objects(self, keys: Iterable[str], bucket: str = "") -> dict[str, str]:
        """Delete objects, a thousand a request; those that do not exist count as deleted.

        Returns:
            For each key that could not be deleted, why. The store tells failures of single keys inside a success.
        """
        failed: dict[str, str] = {}
        for name, wanted in groupby((self.parse(each, bucket) for each in keys), key=itemgetter(0)):
            failed |= self._delete(name, ({"Key": key} for _, key in wanted))
        return failed

    def delete_object(self, key: str, bucket: str = "") -> None:
        """Delete one object; no error if there is none."""
        bucket, key = self.parse(key, bucket)
        with self.errors("DeleteObject", f"s3://{bucket}/{key}"):
            self.client.delete_object(Bucket=bucket, Key=key)

    def delete_bucket(self, bucket: str, *, force: bool = False) -> bool:
        """Delete a bucket, with ``force`` its objects first, and their versions; False if there is none.

        Raises:
            ProviderError: It cannot be deleted.
        """
        if not self.has_bucket(bucket):
            return False
        if force:
            self._empty(bucket, ({"Key": key} for key in self.list_keys(bucket)))
        try:
            self._delete_bucket(bucket)
        except ProviderError as error:
            if not force or error.code != "BucketNotEmpty":
                raise
            self._empty(bucket, self._versions(bucket))
            self._delete_bucket(bucket)
        return True

    def _delete_bucket(self, bucket: str) -> None:
        with self.errors("DeleteBucket", f"s3://{bucket}"):
            self.client.delete_bucket(Bucket=bucket)

    def _empty(self, bucket: str, objects: Iterator[dict[str, str]]) -> None:
        failed = self._delete(bucket, objects)
        if failed:
            raise refused_keys(failed, bucket)

    def _versions(self, bucket: str) -> Iterator[dict[str, str]]:
        """Every version and delete marker."""
        with self.errors("ListObjectVersions", f"s3://{bucket}"):
            for page in self.client.get_paginator("list_object_versions").paginate(Bucket=bucket):
                for each in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
                    yield {"Key": each["Key"], "VersionId": each["VersionId"]}

    def _delete(self, bucket: str, objects: Iterable[dict[str, str]]) -> dict[str, str]:
        failed: dict[str, str] = {}
        left = iter(objects)
        while batch := list(islice(left, _MOST_KEYS)):
            writable = [each for each in batch if _NOT_XML.search(each["Key"]) is None]
            if writable:
                failed |= self._delete_many(bucket, writable)
            for each in batch:
                if _NOT_XML.search(each["Key"]) is not None:
                    failed |= self._delete_one(bucket, each)
        return failed

    def _delete_many(self, bucket: str, objects: list[dict[str, str]]) -> dict[str, str]:
        with self.errors("DeleteObjects", f"s3://{bucket}"):
            answer: dict[str, Any] = self.client.delete_objects(
                Bucket=bucket, Delete={"Objects": objects, "Quiet": True}
            )
        return {each["Key"]: f"{each['Code']}: {each.get('Message', '')}" for each in answer.get("Errors", ())}

    def _delete_one(self, bucket: str, wanted: dict[str, str]) -> dict[str, str]:
        try:
            with self.errors("DeleteObject", f"s3://{bucket}/{wanted['Key']}"):
                self.client.delete_object(Bucket=bucket, **wanted)
        except ProviderError as error:
            if error.kind is not ErrorKind.PERMISSION:
                raise
            return {wanted["Key"]: f"{error.code}: {error.detail}"}
        return {}
