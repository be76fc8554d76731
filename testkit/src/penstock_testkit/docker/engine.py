"""The engine: its images, containers and events, and what it says of itself."""

import re
import threading
import time
from typing import Any

from penstock_testkit.docker import container_routes, image_store
from penstock_testkit.docker.container_process import DockerContainer
from penstock_testkit.docker.engine_errors import EngineError
from penstock_testkit.docker.image_store import RemoteImage, described, full_name
from penstock_testkit.docker.json_log import stamp
from penstock_testkit.saas import App, HttpAnswer, HttpRequest, NotFakedError, RouteTable

_ROUTES = RouteTable()
_VERSION = re.compile(r"/v(\d+)\.(\d+)(/.*)")
_NEWEST, _OLDEST = (1, 47), (1, 24)


class DockerEngine(App):
    """An engine with no container and one image, ``busybox:latest``, whose programs are those of this machine.

    Attributes:
        images: Those that are there, by name with tag, as their inspection tells them.
        registry: Those of registries, by name with tag.
        logins: The users of the pulls that were let in, None for none.
        containers: By id.
        networks: Names of networks besides the usual ones.
        events: In order, as the API tells them.
        made: The name of each container that there ever was, in order.
    """

    name = "docker"
    tables = (_ROUTES, container_routes.routes, image_store.routes)

    def __init__(self) -> None:
        super().__init__()
        self.images: dict[str, dict[str, Any]] = {}
        self.registry: dict[str, RemoteImage] = {}
        self.logins: list[tuple[str, str] | None] = []
        self.containers: dict[str, DockerContainer] = {}
        self.networks: set[str] = set()
        self.events: list[dict[str, Any]] = []
        self.made: list[str] = []
        self._table_lock = threading.Lock()
        self.have("busybox:latest", Cmd=["sh"])

    def have(self, name: str, **config: Any) -> None:  # noqa: ANN401 - JSON
        """Have an image, with what its configuration says."""
        self.images[full_name(name)] = described(full_name(name), config, pulled=False)

    def close(self) -> None:
        """End and remove all containers."""
        for each in list(self.containers.values()):
            self.drop(each)

    def handle(self, request: HttpRequest) -> HttpAnswer:
        """Answer by the first route that matches; several at once, as some take seconds."""
        try:
            self._without_version(request)
            route, values = self._find(request)
            route.check(request)
            answer = route.handler(self, request, **values)
        except EngineError as error:
            answer = error.answer()
        except NotFakedError as error:
            self.problems.append(str(error))
            return HttpAnswer.json({"message": f"the fake: {error}"}, 501)
        newest = ".".join(map(str, _NEWEST))
        answer.headers |= {"Api-Version": newest, "Ostype": "linux", "Server": "Docker/27.5.1 (linux)"}
        return answer

    def refusal(self, request: HttpRequest, status: int) -> HttpAnswer:  # noqa: ARG002 - the method of all fakes
        """A failure in the engine's form."""
        return HttpAnswer.json({"message": "the fake was told to fail"}, status)

    def image(self, name: str, otherwise: str) -> dict[str, Any]:
        """An image by name, digest or id; raises EngineError with the words for one that is not there."""
        for known, image in self.images.items():
            if name == image["Id"] or full_name(name) == known or name in image["RepoDigests"]:
                return image
        raise EngineError(404, otherwise)

    def container(self, name: str) -> DockerContainer:
        """A container by name, id, or the beginning of its id; raises EngineError."""
        for each in list(self.containers.values()):
            if name == each.name or each.id.startswith(name):
                return each
        raise EngineError(404, f"No such container: {name}")

    def add(self, name: str, config: dict[str, Any], host: dict[str, Any], image_id: str) -> DockerContainer:
        """Make a container; raises EngineError if another one has its name."""
        with self._table_lock:
            clash = next((each for each in self.containers.values() if name and each.name == name), None)
            if clash is not None:
                message = (
                    f'Conflict. The container name "/{name}" is already in use by container "{clash.id}". You have to '
                    "remove (or rename) that container to be able to reuse that name."
                )
                raise EngineError(409, message)
            made = DockerContainer(name or f"nameless_{len(self.made)}", config, host, image_id, self.note)
            self.containers[made.id] = made
            self.made.append(made.name)
        self.note(made, "create", {})
        return made

    def drop(self, container: DockerContainer) -> None:
        """Remove a container."""
        container.remove()
        with self._table_lock:
            self.containers.pop(container.id, None)
        self.note(container, "destroy", {})

    def note(self, container: DockerContainer, action: str, attributes: dict[str, str]) -> None:
        """Keep an event."""
        now = time.time_ns()
        actor = {
            "ID": container.id,
            "Attributes": {"image": container.config["Image"], "name": container.name, **attributes},
        }
        self.events.append({
            "status": action, "id": container.id, "from": container.config["Image"], "Type": "container", "Action": action,
            "Actor": actor, "scope": "local", "time": now // 10**9, "timeNano": now,
        })  # fmt: skip

    def _without_version(self, request: HttpRequest) -> None:
        """Take the API's version off the path, if the engine speaks it."""
        found = _VERSION.match(request.target)
        if found is None:
            return
        asked = int(found[1]), int(found[2])
        text, newest, oldest = ".".join(map(str, asked)), ".".join(map(str, _NEWEST)), ".".join(map(str, _OLDEST))
        if asked > _NEWEST:
            raise EngineError(400, f"client version {text} is too new. Maximum supported API version is {newest}")
        if asked < _OLDEST:
            message = (
                f"client version {text} is too old. Minimum supported API version is {oldest}, please upgrade your client "
                "to a newer version"
            )
            raise EngineError(400, message)
        request.target = found[3]


@_ROUTES.route("GET /version")
def version(engine: DockerEngine, request: HttpRequest) -> HttpAnswer:  # noqa: ARG001 - the route's own
    """Tell the versions."""
    newest, oldest = ".".join(map(str, _NEWEST)), ".".join(map(str, _OLDEST))
    return HttpAnswer.json({
        "Platform": {"Name": "Docker Engine - Community"}, "Components": [], "Version": "27.5.1", "ApiVersion": newest,
        "MinAPIVersion": oldest, "Os": "linux", "Arch": "amd64", "KernelVersion": "6.1.0",
    })  # fmt: skip


@_ROUTES.route("GET /info")
def info(engine: DockerEngine, request: HttpRequest) -> HttpAnswer:  # noqa: ARG001 - the route's own
    """Tell of the machine."""
    return HttpAnswer.json({
        "ID": "7TRN:IPZB:QYBB:VPBQ:UMPP:KARE:6ZNR:XE6T:7EWV:PKF4:ZOJD:TPYS", "Name": "docker-host",
        "OperatingSystem": "Debian GNU/Linux 12 (bookworm)", "Architecture": "x86_64", "Containers": len(engine.containers),
        "SystemTime": stamp(time.time_ns()), "NCPU": 2, "LoggingDriver": "json-file",
    })  # fmt: skip


@_ROUTES.route("GET /_ping")
@_ROUTES.route("HEAD /_ping")
def ping(engine: DockerEngine, request: HttpRequest) -> HttpAnswer:  # noqa: ARG001 - the route's own
    """Say that it is there."""
    return HttpAnswer.text("OK")
