"""The hook of Google Cloud Storage."""

from penstock.errors import ErrorKind, ProviderError
from penstock_gcp.hooks.parallel import GCSParallel

__all__ = ["GCSHook"]


class GCSHook(GCSParallel):
    """A client of Google Cloud Storage.

    Every method raises `penstock.errors.ProviderError` with the kind of the failure. Wherever a name is taken, so is a whole
    ``gs://bucket/name`` URL, with the bucket left out. Every change carries the generation that it expects.

    Args:
        gcp_conn_id: The connection, of type ``gcp``.
        connection: The connection itself, in place of its name.
    """

    def has_bucket(self, bucket: str) -> bool:
        """Whether the bucket exists."""
        found = self._bucket(bucket)
        try:
            self.call("GetBucket", lambda: found.reload(timeout=self.timeout, retry=None), f"gs://{bucket}")
        except ProviderError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
            return False
        return True

    def create_bucket(self, bucket: str, *, location: str = "", storage_class: str = "") -> bool:
        """Create a bucket in the connection's project; False if it is ours already.

        Args:
            bucket: Its name.
            location: Such as ``EU``; the service decides unless given.
            storage_class: Such as ``NEARLINE``; the service decides unless given.
        """
        made = self._bucket(bucket)
        if storage_class:
            made.storage_class = storage_class
        try:
            self.call(
                "InsertBucket",
                lambda: made.create(location=location or None, timeout=self.timeout, retry=None),
                f"gs://{bucket}",
            )
        except ProviderError as error:
            if error.http_status != 409 or not self.has_bucket(bucket):  # 409 is another's bucket, too
                raise
            return False
        return True

    def delete_bucket(self, bucket: str, *, force: bool = False) -> bool:
        """Delete a bucket, with ``force`` its objects first; False if there is none."""
        if not self.has_bucket(bucket):
            return False
        if force:
            self.delete_all("", bucket)
        found = self._bucket(bucket)
        try:
            self.call("DeleteBucket", lambda: found.delete(timeout=self.timeout, retry=None), f"gs://{bucket}")
        except ProviderError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
        return True
