"""Credentials for registries: the connection's for its own registry, and Docker's own configuration for any other."""

from typing import Any

from penstock_docker.connections import DockerFields

_HUB = "docker.io"
_HUB_NAMES = frozenset({"", "docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})


def auth_header(client: Any, fields: DockerFields, repository: str) -> str:  # noqa: ANN401 - the SDK's client
    """What is sent to pull from a repository; "" without credentials.

    Credentials go to no other registry than the one that they are for. Those of Docker's configuration on this machine
    (``~/.docker/config.json``), its credential helpers included, serve where the connection has none.

    Args:
        client: The SDK's client, which has read that configuration.
        fields: The connection's fields.
        repository: The image's name without tag.
    """
    from docker import auth  # type: ignore[import-untyped]  # noqa: PLC0415 - it takes 0.2 s, and ships no types

    registry, _ = auth.resolve_repository_name(repository)
    if fields.username and _name(registry, None) == _name(fields.registry, fields.registry_port):
        found = {"username": fields.username, "password": fields.password, "serveraddress": registry}
        return _text(auth.encode_header(found))
    return _text(auth.get_config_header(client, registry) or "")


def _name(registry: str, port: int | None) -> str:
    host = registry.rstrip("/").lower()
    return _HUB if host in _HUB_NAMES else f"{host}:{port}" if port and ":" not in host else host


def _text(header: str | bytes) -> str:
    return header.decode("ascii") if isinstance(header, bytes) else header
