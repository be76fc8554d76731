"""The fields of a Docker connection, frozen and validated."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from penstock.spec.fields import CallLimits

_SCHEMES = ("unix", "tcp", "https", "ssh")


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class DockerFields(CallLimits):
    """Where an engine is, and as whom images are pulled.

    Attributes:
        docker_url: The engine: ``unix:///var/run/docker.sock``, ``tcp://host:2376`` or ``ssh://user@host``.
        tls_ca: The authority of the engine's certificate: a path, or the PEM itself. The machine's own unless given.
        tls_cert, tls_key: Our certificate and its key, alike.
        tls_verify: Whether the engine's certificate is checked.
        registry: The registry that login and password are for, such as ``registry.example:5000``; Docker Hub unless given. A
            connection's host.
        registry_port: Its port, if it is not within the name; a connection's port.
        username, password: A user of the registry, and a password or token; a connection's login and password.
        stalled_pull_s: Seconds without progress after which a pull is given up.
    """

    PARTS: ClassVar[Mapping[str, str]] = {
        "registry": "host",
        "registry_port": "port",
        "username": "login",
        "password": "password",
    }
    SHOWN: ClassVar[tuple[str, ...]] = ("docker_url", "registry", "read_timeout_s")
    POSITIVE: ClassVar[tuple[str, ...]] = (*CallLimits.POSITIVE, "stalled_pull_s")

    docker_url: str = "unix:///var/run/docker.sock"
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    tls_verify: bool = True
    registry: str = ""
    registry_port: int | None = None
    username: str = ""
    password: str = ""
    stalled_pull_s: float = 300.0
    deadline_s: float = 30.0
    max_attempts: int = 3

    def problems(self) -> Iterator[str]:
        """Fields that do not go together or cannot be right."""
        parts = urlsplit(self.docker_url)
        if parts.scheme not in _SCHEMES:
            yield f"docker_url must begin with one of {', '.join(f'{each}://' for each in _SCHEMES)}"
        elif parts.scheme == "unix" and not parts.path:
            yield "docker_url must name the path of a socket after unix://"
        elif parts.scheme != "unix" and (not parts.hostname or parts.hostname.startswith("-")):
            yield f"docker_url must name a host after {parts.scheme}://"
        if parts.password:
            yield "docker_url must hold no password; ssh logs in by a key"
        if bool(self.tls_cert) != bool(self.tls_key):
            yield "tls_cert and tls_key belong together, and one of them is missing"
        if (self.tls_ca or self.tls_cert or self.tls_key) and parts.scheme not in ("tcp", "https"):
            yield "tls_ca, tls_cert and tls_key are for a docker_url that begins with tcp://"
        if not self.tls_verify and self.tls_ca:
            yield "tls_ca is of no use where tls_verify is false"
        if bool(self.username) != bool(self.password):
            given, missing = ("login", "password") if self.username else ("password", "login")
            yield f"a registry is asked with both: the {given} is set, the {missing} is not"
        if "://" in self.registry:
            yield "registry must be a name such as registry.example:5000, without a scheme"

    @property
    def is_tls(self) -> bool:
        """Whether the engine is reached by TLS."""
        return self.docker_url.startswith("https://") or bool(self.tls_ca or self.tls_cert)
