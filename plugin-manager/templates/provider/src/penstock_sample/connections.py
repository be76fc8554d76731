"""The fields of a connection, frozen and checked."""

from collections.abc import Iterator
from dataclasses import dataclass

from penstock.spec.fields import Connection, read_fields


@dataclass(frozen=True, slots=True, repr=False)
class SampleFields:
    """How to reach the service.

    Attributes:
        host: Host name.
        token: Access token; the connection's password.
        port: Port; 0 for that of HTTPS or HTTP.
        tls: Whether the service is reached by HTTPS.
        timeout_s: Seconds to wait for each part of an answer.
    """

    host: str
    token: str
    port: int = 0
    tls: bool = True
    timeout_s: float = 30.0

    def __repr__(self) -> str:
        """The fields without the secret."""
        return f"SampleFields({self.address!r})"

    @property
    def address(self) -> str:
        """Where the service is, as people write it."""
        return f"{'https' if self.tls else 'http'}://{self.host}" + (f":{self.port}" if self.port else "")

    def problems(self) -> Iterator[str]:
        """Fields that cannot be right."""
        if self.timeout_s <= 0:
            yield "timeout_s must be greater than 0"


def sample_fields(connection: Connection) -> SampleFields:
    """Read a connection.

    Raises:
        penstock.errors.ConfigError: Unknown, missing and wrong fields, all at once.
    """
    parts = {"host": connection.host, "port": connection.port, "token": connection.password}
    return read_fields(connection, SampleFields, parts)
