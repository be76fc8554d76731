"""Secrets never reach a log or a terminal: they are replaced by value, whoever wrote them."""

from collections.abc import Collection, Iterable
from typing import Any

MASK = "***"
MIN_LENGTH = 3


class Mask:
    """Replaces known secrets in a stream of bytes.

    Text is held back up to the end of its line, so that a secret cut in two by a read is still found; `HOLD` bounds
    what a line may be.

    Args:
        secrets: Values to hide from the start.
    """

    HOLD = 1 << 16

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: tuple[bytes, ...] = ()
        self._held = b""
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Take in values to hide: each as a whole, and each of its lines if it has several, as a private key has."""
        known = set(self._secrets)
        for secret in secrets:
            pieces = [secret, *secret.splitlines()] if "\n" in secret else [secret]
            known.update(piece.encode() for piece in pieces if len(piece) >= MIN_LENGTH)
        self._secrets = tuple(sorted(known, key=len, reverse=True))

    def feed(self, data: bytes) -> bytes:
        """What of the stream can be written now."""
        if not self._secrets and not self._held:
            return data
        data = self._held + data
        cut = data.rfind(b"\n") + 1
        if not cut and len(data) > self.HOLD:
            cut = len(data) - max(map(len, self._secrets), default=0)
        self._held = data[cut:]
        return self._hide(data[:cut])

    def finish(self) -> bytes:
        """What is left when the stream has ended."""
        held, self._held = self._held, b""
        return self._hide(held)

    def hide(self, text: str) -> str:
        """The text without secrets."""
        return self._hide(text.encode(errors="surrogateescape")).decode(errors="replace") if self._secrets else text

    def _hide(self, data: bytes) -> bytes:
        for secret in self._secrets:
            data = data.replace(secret, MASK.encode())
        return data


def hide_values(value: Any, secrets: Collection[str]) -> Any:  # noqa: ANN401 - any JSON value
    """Replace each value that is one of the secrets, at any depth of a JSON value."""
    if isinstance(value, dict):
        return {key: hide_values(inner, secrets) for key, inner in value.items()}
    if isinstance(value, list):
        return [hide_values(inner, secrets) for inner in value]
    return MASK if value not in (None, "") and str(value) in secrets else value
