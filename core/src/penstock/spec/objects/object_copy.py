"""Copies of objects from store to store: as streams, several at once, and no object twice.

A copy is told of its origin (`penstock.spec.object_store.ObjectStore.upload`): the URL, size and tag of what it was made of, which
the store keeps with the content itself. So whoever asks later finds out whether the copy is still that of the source, without
another record that could be lost or differ, and without a comparison of clocks.
"""

import hashlib
import io
from threading import Event
from typing import Any, BinaryIO, NamedTuple, Self, cast
from urllib.parse import quote, unquote, urlsplit

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.object_store import ObjectInfo, ObjectStore, open_store

_FILE = "file://"


class CopyCancelledError(Exception):
    """Another copy has failed or the task is over, and this one is given up for that."""


class ObjectPlace(NamedTuple):
    """Where objects are: a store, and an object's URL in it or what the URLs of many begin with.

    Attributes:
        store: The store.
        url: In the store's own words; it ends with a slash if it is of many.
    """

    store: ObjectStore
    url: str

    @classmethod
    def at(cls, url: str, conn_id: str | None) -> Self:
        """The place behind a URL."""
        found = open_store(url, conn_id)
        if url.startswith("file:"):  # URLs of files are encoded (RFC 8089), those of buckets are names as they are
            url = _FILE + quote(unquote(urlsplit(url).path))
        return cls(found, url)

    def name(self, url: str) -> str:
        """What an object of the store is called below this place.

        Raises:
            penstock.errors.ProviderError: It is not below it.
        """
        if not url.startswith(self.url):
            raise _refused(url, f"the store lists it, and it does not begin with {self.url}")
        rest = url[len(self.url) :]
        return unquote(rest) if self.url.startswith(_FILE) else rest

    def below(self, name: str) -> str:
        """The URL of what has this name below this place.

        Raises:
            penstock.errors.ProviderError: A file cannot have the name: it would be another one, perhaps outside of the folder.
        """
        if not self.url.startswith(_FILE):
            return self.url + name
        if any(part in ("", ".", "..") for part in name.split("/")):
            raise _refused(self.url, f"no file can be called {name!r}, as the object is")
        return self.url + quote(name)


class ObjectCopy:
    """Copies objects between two places.

    Args:
        source: Where from.
        destination: Where to.
        stop: Once it is set, what is under way is given up.
    """

    def __init__(self, source: ObjectPlace, destination: ObjectPlace, stop: Event) -> None:
        self.source, self.destination, self.stop = source, destination, stop

    def copy(self, found: ObjectInfo, url: str) -> bool:
        """Copy one object, unless what is at the URL is a copy of just this content; whether it was copied.

        Args:
            found: The object, as the source has told of it.
            url: Of the copy.

        Raises:
            penstock.errors.ProviderError: A store has failed, or the object has changed meanwhile; nothing has changed then.
            CopyCancelledError: It was given up.
        """
        if self.stop.is_set():
            raise CopyCancelledError
        origin, target = _origin(found), self.destination.store
        if target.origin(url) == origin:
            return False
        with self.source.store.open(found.url) as stream:
            whole: Any = _SourceStream(stream, found, self.stop)
            target.upload(url, cast("BinaryIO", whole), origin=origin)
        return True

    def delete_extra(self, found: ObjectInfo) -> bool:
        """Delete an object of the destination if the source has none of its name; whether it was deleted."""
        if self.stop.is_set():
            raise CopyCancelledError
        if self.source.store.stat(self.source.below(self.destination.name(found.url))) is not None:
            return False
        self.destination.store.delete(found.url)
        return True


class _SourceStream(io.BufferedIOBase):
    """The source's stream, which ends only if it has given as many bytes as the object has."""

    def __init__(self, stream: BinaryIO, found: ObjectInfo, stop: Event) -> None:
        self._stream, self._found, self._stop, self._count = stream, found, stop, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """As many bytes as are wanted, or all that are left; a store may take fewer for the end."""
        parts: list[bytes] = []
        left = -1 if size is None else size
        while left:
            if self._stop.is_set():
                raise CopyCancelledError
            data = self._stream.read(left)
            if not data:
                self._judge()
                break
            self._count += len(data)
            parts.append(data)
            left = left - len(data) if left > 0 else left
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _judge(self) -> None:
        if self._count != self._found.size:
            raise ProviderError(
                f"{self._found.url}: it had {self._found.size} bytes, and {self._count} were read: it has changed meanwhile",
                service=urlsplit(self._found.url).scheme,
                operation="CopyObject",
                kind=ErrorKind.CONFLICT,
            )


def _origin(found: ObjectInfo) -> str:
    """What a copy is told of its source: a digest, as metadata of stores are short, in ASCII and shown to others."""
    return hashlib.sha256(f"{found.url} {found.size} {found.etag}".encode()).hexdigest()


def _refused(url: str, detail: str) -> ProviderError:
    return ProviderError(
        f"{url}: {detail}", service=urlsplit(url).scheme, operation="CopyObject", kind=ErrorKind.INVALID
    )
