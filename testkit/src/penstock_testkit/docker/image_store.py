"""Images that the engine has, those of registries, and pulls: progress as the engine tells it, and logins.

What a registry says is passed on by the engine in the words that were recorded, or that moby's `distribution` and
`registry` packages have.
"""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from penstock_testkit.docker.engine_errors import refused
from penstock_testkit.saas import HttpAnswer, HttpRequest, NotFakedError, RouteTable

if TYPE_CHECKING:
    from penstock_testkit.docker.engine import DockerEngine

routes = RouteTable()


@dataclass
class RemoteImage:
    """An image of a registry.

    Attributes:
        config: What is in it of a container's configuration, such as ``Entrypoint``.
        login: User and password that its registry asks for; None if it asks for none.
        layers: How many it has.
        step_s: Seconds between two messages of a pull.
        breaks_with: Words with which a pull fails in its middle.
        pulls: How often it was pulled to the end.
    """

    config: dict[str, Any] = field(default_factory=dict)
    login: tuple[str, str] | None = None
    layers: int = 2
    step_s: float = 0.0
    breaks_with: str = ""
    pulls: int = 0


def image_id(name: str) -> str:
    """The id of the image of a name."""
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def digest_of(name: str) -> str:
    """The digest by which a registry knows the image of a name."""
    return f"sha256:{hashlib.sha256(f'manifest of {name}'.encode()).hexdigest()}"


def full_name(name: str) -> str:
    """A name with its tag."""
    return name if "@" in name or ":" in name.rpartition("/")[2] else f"{name}:latest"


def described(name: str, config: dict[str, Any], *, pulled: bool) -> dict[str, Any]:
    """An image as its inspection tells it."""
    repository = name.partition("@")[0].rpartition(":")[0] if ":" in name.rpartition("/")[2] else name
    usual = {
        "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
        "Cmd": None,
        "Entrypoint": None,
        "WorkingDir": "",
        "User": "",
        "Labels": None,
    }
    return {
        "Id": image_id(name), "RepoTags": [name], "RepoDigests": [f"{repository}@{digest_of(name)}"] if pulled else [],
        "Architecture": "amd64", "Os": "linux", "Size": 1_982_256, "Config": usual | config,
        "Created": "2026-01-01T00:00:00Z",
    }  # fmt: skip


@routes.route("GET /images/{name...}/json")
def inspect(engine: "DockerEngine", request: HttpRequest, name: str) -> HttpAnswer:  # noqa: ARG001 - the route's own
    """Tell an image, by name or id."""
    return HttpAnswer.json(engine.image(name, f"no such image: {name}: No such image: {name}"))


@routes.route("POST /images/create", query=("fromImage", "tag", "platform"))
def pull(engine: "DockerEngine", request: HttpRequest) -> HttpAnswer:
    """Pull an image, one that breaks later with a word in its progress; raises NotFakedError for all tags at once."""
    repository, tag = request.query["fromImage"], request.query.get("tag", "")
    if not tag:
        raise NotFakedError("a pull of all tags")
    name = f"{repository}@{tag}" if tag.startswith("sha256:") else f"{repository}:{tag}"
    remote = engine.registry.get(name)
    login = _login(request)
    if remote is None:
        known = any(each.rpartition(":")[0] == repository for each in engine.registry)
        if known:
            return refused(404, f"manifest for {name} not found: manifest unknown: manifest unknown")
        return refused(404, _DENIED.format(repository))
    if remote.login is not None and login is None:
        return refused(404, _DENIED.format(repository))
    if remote.login is not None and login != remote.login:
        return refused(
            500, f'Head "https://{repository.partition("/")[0]}/v2/": unauthorized: incorrect username or password'
        )
    engine.logins.append(login)
    return HttpAnswer(200, {"Content-Type": "application/json"}, _progress(engine, name, tag, remote))


@routes.route("POST /auth", fields=("username", "password", "serveraddress", "email", "identitytoken"))
def auth(engine: "DockerEngine", request: HttpRequest) -> HttpAnswer:
    """Check a login."""
    given = (request.fields.get("username"), request.fields.get("password"))
    if given not in [each.login for each in engine.registry.values()]:
        return refused(401, 'Get "https://registry/v2/": unauthorized: incorrect username or password')
    return HttpAnswer.json({"Status": "Login Succeeded", "IdentityToken": ""})


_DENIED = (
    "pull access denied for {}, repository does not exist or may require 'docker login': denied: requested access to the "
    "resource is denied"
)


def _login(request: HttpRequest) -> tuple[str, str] | None:
    header = request.header("X-Registry-Auth")
    if not header:
        return None
    found = {
        name.lower(): value for name, value in json.loads(base64.urlsafe_b64decode(header)).items()
    }  # as Go reads it
    if unknown := found.keys() - {"username", "password", "serveraddress", "email", "identitytoken"}:
        raise NotFakedError(f"X-Registry-Auth has {', '.join(sorted(unknown))}")
    return str(found.get("username", "")), str(found.get("password", ""))


def _progress(engine: "DockerEngine", name: str, tag: str, remote: RemoteImage) -> Iterator[bytes]:
    """The messages of a pull, one a line; the image is there once all were taken, so that a client that leaves ends it."""
    layers = [hashlib.sha256(f"{name} {number}".encode()).hexdigest()[:12] for number in range(remote.layers)]
    steps: list[dict[str, Any]] = [{"status": f"Pulling from {name.rpartition(':')[0]}", "id": tag}]
    steps += [{"status": "Pulling fs layer", "progressDetail": {}, "id": layer} for layer in layers]
    for layer in layers:
        for part in range(20):
            message = {"status": "Downloading", "progressDetail": {"current": part * 512, "total": 10_240}, "id": layer}
            steps.append({**message, "progress": f"[{'=' * part}>]"})
        steps.append({"status": "Pull complete", "progressDetail": {}, "id": layer})
    if remote.breaks_with:
        steps[len(steps) // 2 :] = [{"errorDetail": {"message": remote.breaks_with}, "error": remote.breaks_with}]
    else:
        steps += [{"status": f"Digest: {digest_of(name)}"}, {"status": f"Status: Downloaded newer image for {name}"}]
    for step in steps:
        yield json.dumps(step).encode() + b"\r\n"
        time.sleep(remote.step_s)
    if not remote.breaks_with:
        remote.pulls += 1
        engine.images[name] = described(name, remote.config, pulled=True)
