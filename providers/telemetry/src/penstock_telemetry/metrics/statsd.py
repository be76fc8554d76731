"""StatsD by UDP.

The forms of lines are those of "StatsD Metric Types" of the StatsD server; tags, and the letters that must not stand in them, those
of "Datagram Format" of DogStatsD.
"""

import re
import socket
from collections.abc import Iterator, Sequence
from datetime import datetime

from penstock.errors import ConfigError
from penstock.spec.metrics_sink import Point

DATAGRAM_BYTES = 1432
"""What goes into one packet of an Ethernet network without being cut, as both servers advise."""

_UNSAFE = re.compile(r"[:|@#,\s]")
_UNSAFE_IN_NAME = re.compile(r"[^A-Za-z0-9_-]")


class StatsdSink:
    """Sends a line for each point: a counter by what was added, a gauge by its value, a timing by its values in milliseconds.

    Args:
        host: Where the server is.
        port: Its port.
        prefix: What names of metrics begin with.
        tags: Whether the server knows tags; else their values are parts of the name.

    Raises:
        ConfigError: There is no such port.
    """

    def __init__(
        self, host: str = "localhost", port: int = 8125, prefix: str = "penstock", *, tags: bool = True
    ) -> None:
        if not 0 < port < 1 << 16:
            raise ConfigError(f"port {port} is no port of UDP. Write one from 1 to 65535; StatsD has 8125.")
        self._host, self._port, self._prefix, self._tags = host, port, prefix, tags

    def write(self, points: Sequence[Point], at: datetime) -> None:
        """Send them, as many in a datagram as go into one; nobody answers. Raises OSError if the host has no address."""
        del at
        family, kind, protocol, _, address = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as sock:
            datagram = b""
            for line in (line for point in points for line in self._lines(point)):
                if datagram and len(datagram) + 1 + len(line) > DATAGRAM_BYTES:
                    sock.sendto(datagram, address)
                    datagram = b""
                datagram += b"\n" * bool(datagram) + line
            sock.sendto(datagram, address)

    def _lines(self, point: Point) -> Iterator[bytes]:
        name = f"{self._prefix}.{point.name}" if self._prefix else point.name
        tail = ""
        if self._tags and point.tags:
            tail = "|#" + ",".join(f"{key}:{_UNSAFE.sub('_', value)}" for key, value in point.tags.items())
        elif point.tags:
            name = ".".join([name, *(_UNSAFE_IN_NAME.sub("_", value) for value in point.tags.values())])
        if point.kind == "counter":
            yield f"{name}:{point.value:.15g}|c{tail}".encode()
        elif point.kind == "gauge":
            yield f"{name}:{point.value:.15g}|g{tail}".encode()
        else:
            rate = f"|@{len(point.sample) / point.count:.6g}" if point.count > len(point.sample) else ""
            for value in point.sample:
                yield f"{name}:{value * 1000:.6g}|ms{rate}{tail}".encode()
