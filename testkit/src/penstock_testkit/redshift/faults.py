"""Switches that make the proxy fail on purpose."""

import threading

from penstock_testkit.redshift.errors import ConnectionCutError, RedshiftError

_WRITES = {"INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "TRUNCATE"}


class Faults:
    """What shall go wrong next; safe to set from any thread. Each count is used up by one occurrence."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left = {"fail_copy": 0, "drop_copy": 0, "serialization": 0, "refuse": 0}
        self._latency = 0.0

    def fail_copies(self, count: int = 1) -> None:
        """Let the next COPYs fail after part of their rows were sent, with an error of S3."""
        self._set("fail_copy", count)

    def drop_copies(self, count: int = 1) -> None:
        """Cut the client's connection in the middle of the next COPYs."""
        self._set("drop_copy", count)

    def serialization_violations(self, count: int = 1) -> None:
        """Let the next writing statements fail with Redshift's error 1023."""
        self._set("serialization", count)

    def refuse_connections(self, count: int = 1) -> None:
        """Close the next connections before they are authenticated."""
        self._set("refuse", count)

    def latency(self, seconds: float) -> None:
        """Wait before each statement; 0 ends it."""
        with self._lock:
            self._latency = seconds

    def clear(self) -> None:
        """Let nothing fail any more."""
        with self._lock:
            self._left = dict.fromkeys(self._left, 0)
            self._latency = 0.0

    def configure(self, text: str) -> None:
        """Set switches from text: `fail_copy=1,drop_copy=2,serialization=1,refuse=1,latency=0.2`, or `clear`.

        Raises:
            RedshiftError: A name or a number is not known; the text says which are.
        """
        for part in text.split(","):
            name, _, value = part.strip().partition("=")
            try:
                if name == "clear":
                    self.clear()
                elif name == "latency":
                    self.latency(float(value))
                else:
                    self._set(name, int(value or 1))
            except (ValueError, KeyError):
                known = ", ".join([*self._left, "latency", "clear"])
                raise RedshiftError(f"unknown fault {part.strip()!r}: use {known}", "22023") from None

    @property
    def delay(self) -> float:
        """Seconds to wait before a statement."""
        with self._lock:
            return self._latency

    def before_statement(self, verb: str) -> None:
        """Raise what is due before a statement with this first word.

        Raises:
            RedshiftError: A serializable isolation violation.
        """
        if verb in _WRITES and self.take("serialization"):
            detail = "Serializable isolation violation on table - 100100, transactions forming the cycle are: 1, 2"
            raise RedshiftError("1023", "XX000", detail)

    def during_copy(self) -> None:
        """Raise what is due in the middle of a COPY.

        Raises:
            RedshiftError: A failure of S3.
            ConnectionCutError: The connection shall be cut.
        """
        if self.take("drop_copy"):
            raise ConnectionCutError
        if self.take("fail_copy"):
            detail = (
                "S3ServiceException:We encountered an internal error. Please try again.,Status 500,Error InternalError"
            )
            raise RedshiftError("S3ServiceException: We encountered an internal error", "XX000", detail)

    def take(self, name: str) -> bool:
        """Use up one occurrence of a fault, and tell whether there was one."""
        with self._lock:
            due = self._left[name] > 0
            self._left[name] -= due
            return due

    def _set(self, name: str, count: int) -> None:
        with self._lock:
            if name not in self._left:
                raise KeyError(name)
            self._left[name] = count
