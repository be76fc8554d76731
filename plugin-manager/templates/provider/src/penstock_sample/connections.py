"""The fields of a connection, frozen and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from penstock.spec.fields import ConnectionFields


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class SampleFields(ConnectionFields):
    """How to reach the service.

    Attributes:
        host: Host name.
        token: Access token; the connection's password.
        port: Port; 0 for that of HTTPS or HTTP.
        tls: Whether the service is reached by HTTPS.
        timeout_s: Seconds to wait for each part of an answer.
    """

    PARTS: ClassVar[Mapping[str, str]] = {"host": "host", "port": "port", "token": "password"}
    SHOWN: ClassVar[tuple[str, ...]] = ("host", "port", "tls")
    POSITIVE: ClassVar[tuple[str, ...]] = ("timeout_s",)

    host: str
    token: str
    port: int = 0
    tls: bool = True
    timeout_s: float = 30.0

    @property
    def address(self) -> str:
        """Where the service is, as people write it."""
        return f"{'https' if self.tls else 'http'}://{self.host}" + (f":{self.port}" if self.port else "")
