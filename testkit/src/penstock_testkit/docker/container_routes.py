"""Containers over HTTP: from their creation to their removal, their logs, files and events."""

import base64
import io
import json
import signal
import tarfile
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from penstock_testkit.docker.container_process import DockerContainer
from penstock_testkit.docker.create_body import checked_body
from penstock_testkit.docker.engine_errors import refused
from penstock_testkit.docker.json_log import framed, parsed_instant
from penstock_testkit.saas import HttpAnswer, HttpRequest, NotFakedError, RouteTable

if TYPE_CHECKING:
    from penstock_testkit.docker.engine import DockerEngine

routes = RouteTable()
_TRUE = frozenset({"1", "true", "True"})
_UNREADABLE = frozenset({"none", "syslog", "fluentd"})
_FLAT = {"Content-Type": "application/vnd.docker.raw-stream"}
_FRAMES = {"Content-Type": "application/vnd.docker.multiplexed-stream"}


@routes.route("POST /containers/create", query=("name", "platform"))
def create(engine: "DockerEngine", request: HttpRequest) -> HttpAnswer:
    """Make a container of an image that is there."""
    body = json.loads(request.body)
    name = request.query.get("name", "")
    config, host = checked_body(body, name)
    image = engine.image(config["Image"], f"No such image: {config['Image']}")
    of_image = image["Config"]
    if config.get("Entrypoint"):
        of_image = of_image | {"Cmd": None}  # an image's command is for its own entrypoint
    for key in ("Entrypoint", "Cmd", "WorkingDir", "User"):
        config[key] = config.get(key) or of_image[key]
    if not config["Entrypoint"] and not config["Cmd"]:
        return refused(400, "No command specified")
    config["Labels"] = {**(of_image["Labels"] or {}), **(config.get("Labels") or {})}
    host.setdefault("LogConfig", {"Type": "json-file", "Config": {}})
    made = engine.add(name, config, host, image["Id"])
    return HttpAnswer.json({"Id": made.id, "Warnings": []}, 201)


@routes.route("GET /containers/json", query=("all", "limit", "size", "trunc_cmd", "filters", "since", "before"))
def show_all(engine: "DockerEngine", request: HttpRequest) -> HttpAnswer:
    """List containers: those that run, or all; raises NotFakedError for other filters."""
    filters = json.loads(request.query.get("filters", "{}"))
    if unknown := filters.keys() - {"label", "name", "id"}:
        raise NotFakedError(f"a list by {', '.join(sorted(unknown))}")
    every = request.query.get("all") in _TRUE
    found = [each for each in engine.containers.values() if (every or each.running) and _is_meant(each, filters)]
    shown = [
        {"Id": each.id, "Names": [f"/{each.name}"], "Image": each.config["Image"], "ImageID": each.image_id,
         "Labels": each.config["Labels"], "State": each.state["Status"]}
        for each in found
    ]  # fmt: skip
    return HttpAnswer.json(shown)


@routes.route("GET /containers/{name}/json", query=("size",))
def inspect(engine: "DockerEngine", request: HttpRequest, name: str) -> HttpAnswer:  # noqa: ARG001 - the route's own
    """Tell all of a container."""
    found = engine.container(name)
    words: list[str] = [*(found.config["Entrypoint"] or ()), *(found.config["Cmd"] or ())]
    return HttpAnswer.json({
        "Id": found.id, "Created": found.created, "Path": words[0], "Args": words[1:], "State": found.state, "Image": found.image_id,
        "Name": f"/{found.name}", "RestartCount": 0, "Driver": "vfs", "Platform": "linux", "HostConfig": found.host,
        "Config": found.config, "Mounts": [], "NetworkSettings": {},
    })  # fmt: skip


@routes.route("POST /containers/{name}/start", query=("detachKeys",))
def start(engine: "DockerEngine", request: HttpRequest, name: str) -> HttpAnswer:  # noqa: ARG001 - the route's own
    """Start a container; 304 if it runs."""
    found = engine.container(name)
    network = found.host.get("NetworkMode") or "bridge"
    if network not in ("bridge", "host", "none", "default") and network not in engine.networks:
        return refused(404, f"network {network} not found")
    for each in found.host.get("DeviceRequests") or []:
        sets = " ".join(f"[{' '.join(names)}]" for names in each.get("Capabilities") or ())
        message = f'could not select device driver "{each.get("Driver", "")}" with capabilities: [{sets}]'
        found.state |= {"ExitCode": 128, "Error": message}
        return refused(500, message)
    return HttpAnswer(204 if found.start() else 304)


@routes.route("POST /containers/{name}/stop", query=("t", "signal"))
def stop(engine: "DockerEngine", request: HttpRequest, name: str) -> HttpAnswer:
    """Stop a container; 304 if it has ended. It answers once that is so."""
    found = engine.container(name)
    if not found.running:
        return HttpAnswer(304)
    found.stop(float(request.query.get("t", 10)))
    engine.note(found, "stop", {})
    return HttpAnswer(204)


@routes.route("POST /containers/{name}/kill", query=("signal",))
def kill(engine: "DockerEngine", request: HttpRequest, name: str) -> HttpAnswer:
    """Send a signal to a container that runs."""
    found, wanted = engine.container(name), request.query.get("signal", "SIGKILL")
    if not found.running:
        return refused(409, f"Cannot kill container: {name}: Container {found.id} is not running")
    found.signal(int(wanted) if wanted.isdigit() else signal.Signals[wanted])
    return HttpAnswer(204)


@routes.route("POST /containers/{name}/wait", query=("condition",))
def wait(engine: "DockerEngine", request: HttpRequest, name: str) -> HttpAnswer:
    """Answer with the exit code, once there is one; raises NotFakedError for other conditions."""
    found = engine.container(name)
    if request.query.get("condition", "not-running") != "not-running":
        raise NotFakedError(f"a wait for {request.query['condition']}")

    def code() -> Iterator[bytes]:
        if found.running:
            found.ended.wait()
        yield json.dumps({"Error": None, "StatusCode": found.state["ExitCode"]}).encode()

    return HttpAnswer(200, {"Content-Type": "application/json"}, code())


@routes.route("DELETE /containers/{name}", query=("v", "force", "link"))
def remove(engine: "DockerEngine", request: HttpRequest, name: str) -> HttpAnswer:
    """Remove a container; one that runs only by force."""
    found = engine.container(name)
    if found.running and request.query.get("force") not in _TRUE:
        message = f"You cannot remove a running container {found.id}. Stop the container before attempting removal or force remove"
        return refused(409, message)
    engine.drop(found)
    return HttpAnswer(204)


@routes.route(
    "GET /containers/{name}/logs",
    query=("stdout", "stderr", "follow", "timestamps", "since", "until", "tail", "details"),
)
def logs(engine: "DockerEngine", request: HttpRequest, name: str) -> HttpAnswer:
    """Send the log, in frames where there is no terminal."""
    found, asked = engine.container(name), request.query
    streams = frozenset(number for number, stream in ((1, "stdout"), (2, "stderr")) if asked.get(stream) in _TRUE)
    if not streams:
        return refused(400, "Bad parameters: you must choose at least one stream")
    if found.host["LogConfig"].get("Type") in _UNREADABLE:
        return refused(501, "configured logging driver does not support reading")
    try:
        since, until = (parsed_instant(asked.get(each) or "0") for each in ("since", "until"))
    except ValueError:
        return refused(500, f'strconv.ParseInt: parsing "{asked.get("since")}": invalid syntax')
    tail = asked.get("tail", "all")
    follow = asked.get("follow") in _TRUE and found.state["Status"] != "created"
    pieces = found.log.read(streams, since, until, int(tail) if tail.isdigit() else -1, follow=follow)
    terminal = bool(found.config.get("Tty"))
    body = framed(pieces, timestamps=asked.get("timestamps") in _TRUE, terminal=terminal)
    return HttpAnswer(200, dict(_FLAT if terminal else _FRAMES), body)


@routes.route("POST /containers/{name}/attach", query=("stdout", "stderr", "stream", "logs", "stdin", "detachKeys"))
def attach(engine: "DockerEngine", request: HttpRequest, name: str) -> HttpAnswer:
    """Hand over what a container writes, on the connection itself; raises NotFakedError for its input."""
    found, asked = engine.container(name), request.query
    if asked.get("stdin") in _TRUE:
        raise NotFakedError("an attach of the standard input")
    streams = frozenset(number for number, stream in ((1, "stdout"), (2, "stderr")) if asked.get(stream) in _TRUE)
    tail = -1 if asked.get("logs") in _TRUE else 0
    pieces = found.log.read(streams, 0, 0, tail, follow=asked.get("stream") in _TRUE)
    return HttpAnswer(
        101, {**_FLAT, "Connection": "Upgrade", "Upgrade": "tcp"}, framed(pieces, timestamps=False, terminal=False)
    )


@routes.route("GET /containers/{name}/archive", query=("path",))
def get_archive(engine: "DockerEngine", request: HttpRequest, name: str) -> HttpAnswer:
    """Send a file or folder as an archive; what it is, stands in a header."""
    found, path = engine.container(name), request.query["path"]
    place = found.inside(path)
    if not place.exists() and not place.is_symlink():
        return refused(404, f"Could not find the file {path} in container {name}")
    kept, info = io.BytesIO(), place.lstat()
    with tarfile.open(fileobj=kept, mode="w") as archive:
        archive.add(place, arcname=place.name)
    facts = {
        "name": place.name,
        "size": info.st_size,
        "mode": info.st_mode & 0o7777,
        "mtime": "2026-01-01T00:00:00Z",
        "linkTarget": "",
    }
    stat = base64.b64encode(json.dumps(facts).encode()).decode()
    headers = {"Content-Type": "application/x-tar", "X-Docker-Container-Path-Stat": stat}
    return HttpAnswer(200, headers, iter([kept.getvalue()]))


@routes.route("PUT /containers/{name}/archive", query=("path", "noOverwriteDirNonDir", "copyUIDGID"))
def put_archive(engine: "DockerEngine", request: HttpRequest, name: str) -> HttpAnswer:
    """Unpack an archive in a folder that is there."""
    found, path = engine.container(name), request.query["path"]
    if found.host.get("ReadonlyRootfs"):
        return refused(500, "container rootfs is marked read-only")
    if not found.inside(path).is_dir():
        return refused(404, f"Could not find the file {path} in container {name}")
    with tarfile.open(fileobj=io.BytesIO(request.body)) as archive:
        archive.extractall(found.inside(path), filter="tar")
    return HttpAnswer(200)


@routes.route("GET /events", query=("since", "until", "filters"))
def events(engine: "DockerEngine", request: HttpRequest) -> HttpAnswer:
    """Send events between two instants, once the second is over; raises NotFakedError without one."""
    filters = json.loads(request.query.get("filters", "{}"))
    if unknown := filters.keys() - {"container", "type", "event"}:
        raise NotFakedError(f"events by {', '.join(sorted(unknown))}")
    since, until = (float(request.query.get(each) or 0) for each in ("since", "until"))
    if not until:
        raise NotFakedError("events without an end")

    def sent() -> Iterator[bytes]:
        time.sleep(max(0.0, until - time.time_ns() / 10**9))
        for each in engine.events:
            if since <= each["timeNano"] / 10**9 <= until and _is_of(each, filters):
                yield json.dumps(each).encode() + b"\n"

    return HttpAnswer(200, {"Content-Type": "application/json"}, sent())


def _is_meant(found: DockerContainer, filters: dict[str, Any]) -> bool:
    labels = [each.partition("=") for each in filters.get("label", ())]
    return (
        all(
            name in found.config["Labels"] and (not mark or found.config["Labels"][name] == value)
            for name, mark, value in labels
        )
        and all(each in found.name for each in filters.get("name", ()))
        and all(found.id.startswith(each) for each in filters.get("id", ()))
    )


def _is_of(event: dict[str, Any], filters: dict[str, Any]) -> bool:
    actor = event["Actor"]
    names = (actor["ID"], actor["Attributes"]["name"])
    return (
        any(each in names for each in filters.get("container", names))
        and event["Type"] in filters.get("type", [event["Type"]])
        and event["Action"] in filters.get("event", [event["Action"]])
    )
