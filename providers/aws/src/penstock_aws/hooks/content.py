"""An object's content as a stream: right, or an error of ours."""

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any


class Content(io.RawIOBase):
    """A stream over an object that gives its bytes or raises `penstock.errors.ProviderError`, at every read.

    The SDK's own stream checks length and checksum when its end is reached, but hands out the unchecked one below it
    to a ``with`` statement and for lines (boto/botocore#3564), and raises urllib3's errors.

    Args:
        body: The SDK's stream.
        errors: Makes a context that turns the SDK's errors into ours.
    """

    def __init__(self, body: Any, errors: Callable[[], AbstractContextManager[None]]) -> None:  # noqa: ANN401 - the SDK's
        self._body, self._errors = body, errors

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Up to ``size`` bytes, all that is left without one; length and checksum are checked at the end."""
        with self._errors():
            content: bytes = self._body.read(None if size is None or size < 0 else size)
        return content

    def readall(self) -> bytes:
        """All that is left."""
        return self.read()

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 - any buffer
        """Fill the buffer as far as there is something; returns how many bytes it was."""
        view = memoryview(buffer).cast("B")
        content = self.read(len(view))
        view[: len(content)] = content
        return len(content)

    def close(self) -> None:
        """Give the connection back; what was not read is not checked."""
        if not self.closed:
            self._body.close()
        super().close()
