"""The fields of a Dask connection, frozen and validated."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from penstock.spec.fields import ConnectionFields


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class DaskFields(ConnectionFields):
    """Where the scheduler of a Dask cluster is, and the certificates that it is reached with.

    Attributes:
        host, port: The scheduler's; the connection's host and port.
        tls_ca: Path of the authority of the cluster's certificates; TLS is used if it is given.
        tls_cert, tls_key: Paths of our certificate and its key.
        connect_timeout_s: Seconds to wait for a connection.
    """

    PARTS: ClassVar[Mapping[str, str]] = {"host": "host", "port": "port"}
    SHOWN: ClassVar[tuple[str, ...]] = ("host", "port")
    POSITIVE: ClassVar[tuple[str, ...]] = ("connect_timeout_s",)

    host: str = ""
    port: int = 8786
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    connect_timeout_s: float = 10.0

    def problems(self) -> Iterator[str]:
        """Fields that do not go together or cannot be right."""
        if not self.host:
            yield "host must name the machine of the Dask scheduler"
        if "://" in self.host:
            yield (
                f"host must name the machine alone, and is {self.host!r}: addresses of inproc:// are of one process and reached from no "
                "other, and whether it is tcp:// or tls:// is said by tls_ca"
            )
        yield from certificate_problems(self.tls_ca, self.tls_cert, self.tls_key)

    @property
    def address(self) -> str:
        """The scheduler's address, as Dask writes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'tls' if self.tls_ca else 'tcp'}://{host}:{self.port}"


def certificate_problems(ca: str, cert: str, key: str) -> Iterator[str]:
    """Check that certificates are all given, or none: Dask's TLS is mutual."""
    given = [bool(each) for each in (ca, cert, key)]
    if any(given) and not all(given):
        yield "tls_ca, tls_cert and tls_key belong together, and one of them is missing"
