"""A resumable upload: one object, whole or not at all, however often the line or the process breaks.

The protocol is that of https://cloud.google.com/storage/docs/performing-resumable-uploads: a POST gives the URI of a session,
PUTs with Content-Range fill it, 308 tells in Range what is persisted, and the last PUT makes the object. A session that
has made its object answers with it again, so an answer that was lost costs nothing. Chunks but the last are multiples of 256
KiB. That X-Goog-Hash of the last PUT is held against the content is what google-cloud-storage 3.17 relies on
(``_media/_upload.py``), and that an empty PUT with the total makes an object of which all is persisted.
"""

import re
from collections.abc import Callable
from typing import Any, BinaryIO

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.objects.stream_parts import read_exactly
from penstock_gcp.hooks.base import GCSBase
from penstock_gcp.hooks.checksum import Checksum

CHUNK_BYTES = 8 << 20
_RANGE = re.compile(r"bytes=0-(\d+)")
_GONE = (404, 410)


class SessionGoneError(Exception):
    """The service does not know the session any more: it is a week old, was cancelled, or was never there."""


class ResumableUpload:
    """One session.

    Args:
        hook: Sends the requests.
        url: The ``gs://`` URL of the object, for messages.
        session: The URI of the session. Whoever has it may write the object: it is kept out of messages and logs.
        chunk_bytes: Bytes of one request.
    """

    def __init__(self, hook: GCSBase, url: str, session: str, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._hook, self._url, self._session, self._chunk_bytes = hook, url, session, chunk_bytes
        self._sum = Checksum()

    def persisted(self, total: int) -> int | dict[str, Any]:
        """How many bytes the service has, or the object that is made of them.

        Raises:
            SessionGoneError: There is nothing to go on with.
        """
        try:
            return _state(self._hook.call("InsertObject", lambda: self._put(b"", f"bytes */{total}"), self._url))
        except ProviderError as error:
            if error.http_status in _GONE:
                raise SessionGoneError from error
            raise

    def skip(self, stream: BinaryIO, count: int) -> None:
        """Read what is persisted already, for the checksum of the whole; raises ProviderError if the source is shorter."""
        while count:
            piece = stream.read(min(count, 1 << 20))
            if not piece:
                raise ProviderError(
                    f"{self._url}: the source is shorter than what was uploaded of it", service="gcs",
                    operation="InsertObject", kind=ErrorKind.CONFLICT,
                )  # fmt: skip
            self._sum.add(piece)
            count -= len(piece)

    def send(self, stream: BinaryIO, begin: int = 0, *, sent: Callable[[int], None] | None = None) -> dict[str, Any]:
        """Send a stream from its present position on; the object's resource.

        Args:
            stream: Of any length; it is read once.
            begin: Bytes that are persisted.
            sent: Called with the number of persisted bytes after each chunk but the last.
        """
        while True:
            data = read_exactly(stream, self._chunk_bytes)
            self._sum.add(data)
            last = len(data) < self._chunk_bytes
            found = self._chunk(data, begin, begin + len(data) if last else None)
            if found is not None:
                return self._checked(found)
            begin += len(data)
            if sent is not None:
                sent(begin)

    def cancel(self) -> None:
        """Give the session up, so that nothing of it is left; best effort, as it ends by itself after a week."""
        try:
            self._hook.send("InsertObject", "DELETE", self._session, what=self._url, accepted=(204, 499))
        except ProviderError:
            return

    def _chunk(self, data: bytes, begin: int, total: int | None) -> dict[str, Any] | None:
        """Send one chunk until the service has all of it; the object, if it was the last."""
        held, asked = begin, False
        end = begin + len(data)

        def attempt() -> dict[str, Any] | None:
            nonlocal held, asked
            if asked:  # what became of the attempt before is known to the service alone
                found = _state(self._put(b"", f"bytes */{'*' if total is None else total}"))
                if not isinstance(found, int):
                    return found
                held = found
            asked = True
            if held < begin or held > end:
                raise ProviderError(
                    f"{self._url}: the service has {held} bytes, and bytes {begin} to {end} were sent to it",
                    service="gcs", operation="InsertObject", kind=ErrorKind.INVALID,
                )  # fmt: skip
            rest = data[held - begin :]
            if held == end and total is None:
                return None
            span = f"{held}-{end - 1}" if rest else "*"
            found = _state(self._put(rest, f"bytes {span}/{'*' if total is None else total}", last=total is not None))
            if not isinstance(found, int):
                return found
            held, asked = found, False
            if found == end and total is None:
                return None
            raise ProviderError(
                f"{self._url}: the service has persisted {found} of {end} bytes", service="gcs",
                operation="InsertObject", kind=ErrorKind.TRANSIENT,
            )  # fmt: skip

        return self._hook.call("InsertObject", attempt, self._url)

    def _put(self, data: bytes, content_range: str, *, last: bool = False) -> Any:  # noqa: ANN401 - the answer of requests
        headers = {"Content-Range": content_range} | ({"X-Goog-Hash": f"crc32c={self._sum.text}"} if last else {})
        return self._hook.send(
            "InsertObject", "PUT", self._session, what=self._url, headers=headers, content=data,
            accepted=(200, 201, 308),
        )  # fmt: skip

    def _checked(self, resource: dict[str, Any]) -> dict[str, Any]:
        stored = resource.get("crc32c", self._sum.text)
        if stored != self._sum.text:
            raise ProviderError(
                f"{self._url}: {stored} is the CRC32C of what is stored, and {self._sum.text} that of what was sent",
                service="gcs", operation="InsertObject", kind=ErrorKind.TRANSIENT,
            )  # fmt: skip
        return resource


def _state(answer: Any) -> int | dict[str, Any]:  # noqa: ANN401 - the answer of requests
    if answer.status_code != 308:
        return dict(answer.json())
    match = _RANGE.fullmatch(answer.headers.get("Range", ""))
    return int(match[1]) + 1 if match else 0
