"""The object store spec: bytes behind a URL, so that any transfer can read and write any store that is installed."""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Protocol, cast

from penstock.author.runtime import current


class ObjectInfo(NamedTuple):
    """One object of a store: its URL, size in bytes, and a tag that changes whenever its content does."""

    url: str
    size: int
    etag: str


class ObjectStore(Protocol):
    """Objects of one scheme, such as ``s3``; made from a connection id, safe to make anew in every process.

    Every method takes whole URLs and raises `penstock.errors.ProviderError`; a missing object is of kind
    ``not_found``.
    """

    def stat(self, url: str) -> ObjectInfo | None:
        """The object at this URL, or None if there is none."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Objects whose URL starts with ``prefix``, in the store's own order, page by page."""

    def read(self, url: str) -> bytes:
        """The whole object."""

    def open(self, url: str) -> BinaryIO:
        """A stream over the object, for objects larger than memory."""

    def write(self, url: str, data: bytes, *, if_absent: bool = False) -> bool:
        """Store bytes; with ``if_absent``, False is returned and nothing changed if the object exists."""

    def upload(self, url: str, stream: BinaryIO, *, origin: str = "") -> None:
        """Store a stream of any length; a stream that raises leaves everything as it was.

        Args:
            url: Where to.
            stream: The content, read once.
            origin: What the content is a copy of, in up to 100 characters of ASCII; kept with it for `origin`.
        """

    def origin(self, url: str) -> str:
        """What `upload` was told of the content's origin.

        It is "" if there is no such object, if its present content was written without one, or if the store cannot keep it.
        """

    def delete(self, url: str) -> None:
        """Remove the object; no error if it does not exist."""


def open_store(url: str, conn_id: str | None = None) -> ObjectStore:
    """The installed store that serves the URL's scheme: how one provider reaches another's storage.

    Works wherever a `penstock.author.runtime.Runtime` is in place: in a task, in a test.

    Args:
        url: Any URL of the store, such as ``s3://bucket/key``; only its scheme counts.
        conn_id: Connection with which the store is opened; the store's default unless given.

    Raises:
        penstock.errors.MissingProviderError: No installed provider serves the scheme.
        penstock.errors.RequestError: Nobody runs this code.
    """
    return cast("ObjectStore", current.get().object_store(url, conn_id))
