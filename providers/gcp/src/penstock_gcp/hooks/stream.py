"""A stream over an object: in constant memory, through broken transfers, with the checksum held against what arrived.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects/get and /docs/data-validation: the
answer names the generation and, in X-Goog-Hash, the CRC32C of the stored bytes. ``Accept-Encoding: gzip`` has them sent as
they are stored (page "Transcoding of gzip-compressed files"); they have no checksum otherwise.
"""

import io
from typing import Any
from urllib.parse import quote

from penstock.errors import ErrorKind, ProviderError
from penstock_gcp.hooks.base import GCSBase
from penstock_gcp.hooks.checksum import Checksum


class GCSStream(io.BufferedIOBase):
    """The bytes of one generation, from begin to end, or a span of them.

    Args:
        hook: Sends the requests.
        bucket: The bucket.
        name: The object.
        generation: Which content; the one that is there unless given.
        span: Which bytes; all unless given. The service has no checksum of a part: who reads one has to hold it against the whole.

    Raises:
        penstock.errors.ProviderError: There is no such object, or it cannot be read.
    """

    _answer: Any = None  # closed by who collects a stream that was never opened

    def __init__(
        self, hook: GCSBase, bucket: str, name: str, generation: int | None, span: range | None = None
    ) -> None:
        self._hook, self._url = hook, f"gs://{bucket}/{name}"
        self._path = f"/storage/v1/b/{quote(bucket, safe='')}/o/{quote(name, safe='')}"
        self._params = {"alt": "media"} | ({"generation": str(generation)} if generation is not None else {})
        self._span, self._sum, self._breaks = span, Checksum(), 0
        self._position = span.start if span else 0
        self._answer = self._ask()
        headers = self._answer.headers
        if "X-Goog-Generation" in headers:
            self._params["generation"] = headers["X-Goog-Generation"]
        stored = headers.get("X-Goog-Stored-Content-Length") or headers.get("Content-Length")
        self._size = span.stop if span else None if stored is None else int(stored)
        self._declared = "" if span else Checksum.declared(headers.get("X-Goog-Hash", ""))

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes; none at the end, once all of them are found right."""
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(1 << 20), b""))
        while size:
            piece = self._piece(size)
            if piece:
                self._position += len(piece)
                self._sum.add(piece)
                self._breaks = 0
                return piece
            if self._size is None or self._position >= self._size:
                self._check()
                break
            self._go_on(None)
        return b""

    def read1(self, size: int = -1, /) -> bytes:
        """As `read`, and at most a mebibyte."""
        return self.read(size if size >= 0 else 1 << 20)

    def close(self) -> None:
        """Let go of the connection."""
        if self._answer is not None:
            self._answer.close()
        super().close()

    def _piece(self, size: int) -> bytes:
        try:
            return bytes(self._answer.raw.read(size, decode_content=False))
        except Exception as error:  # noqa: BLE001 - whatever the transfer breaks off with
            self._go_on(error)
            return self._piece(size)

    def _ask(self) -> Any:  # noqa: ANN401 - the answer of requests
        """Ask for what is left."""
        last = str(self._span.stop - 1) if self._span else ""
        ranged = bool(self._position or last)
        headers = {"Accept-Encoding": "gzip"} | ({"Range": f"bytes={self._position}-{last}"} if ranged else {})
        accepted = (206,) if ranged else (200,)

        def ask() -> Any:  # noqa: ANN401 - the answer of requests
            return self._hook.send(
                "GetObject", "GET", self._path, what=self._url, params=self._params, headers=headers,
                accepted=accepted, stream=True,
            )  # fmt: skip

        return self._hook.call("GetObject", ask, self._url)

    def _go_on(self, error: Exception | None) -> None:
        """Ask for the rest after a transfer that broke off; raises once it does so again and again without a byte."""
        self._answer.close()
        self._breaks += 1
        if self._breaks >= self._hook.fields.max_attempts:
            raise ProviderError(
                f"{self._url}: the transfer broke off at byte {self._position} of {self._size}", service="gcs",
                operation="GetObject", kind=ErrorKind.TRANSIENT,
            ) from error  # fmt: skip
        try:
            self._answer = self._ask()
        except ProviderError as gone:
            if gone.kind is not ErrorKind.NOT_FOUND:
                raise
            raise ProviderError(
                f"{self._url}: it was written anew or deleted while it was read", service="gcs", operation="GetObject",
                kind=ErrorKind.CONFLICT,
            ) from gone  # fmt: skip

    def _check(self) -> None:
        if self._declared and self._declared != self._sum.text:
            raise ProviderError(
                f"{self._url}: what arrived has the CRC32C {self._sum.text}, and {self._declared} is stored: it was damaged",
                service="gcs", operation="GetObject", kind=ErrorKind.TRANSIENT,
            )  # fmt: skip
