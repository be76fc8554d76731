"""The hook of Docker: images, and containers from their creation to their removal."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.fields import Connection
from penstock.spec.hooks.service_hook import Identity, ServiceHook
from penstock_docker.connections import DockerFields
from penstock_docker.errors import json_object, provider_error, refusal
from penstock_docker.hooks.archives import packed, unpacked
from penstock_docker.hooks.clients import engine_client, forget, time_limits
from penstock_docker.hooks.container_logs import LogLine, LogPlace, LogReader, frames_of, instant_ns, lines_of
from penstock_docker.hooks.pulls import Pull, PullKey, events_of, pulls_here
from penstock_docker.hooks.registries import auth_header

T = TypeVar("T")

_LOG_BYTES = 4 * 1024 * 1024
_LAST_FRAMES = 5
_EVENTS_NS = 50_000_000
_UNREADABLE = 501


class DockerHook(ServiceHook[DockerFields]):
    """A client of a Docker engine, here or on another machine.

    Args:
        docker_conn_id: The connection, of type ``docker``.
        connection: The connection itself, in place of its name.
    """

    connection_type: ClassVar[str] = "docker"
    default_conn_id: ClassVar[str] = "docker_default"
    fields_class: ClassVar[type[DockerFields]] = DockerFields

    def __init__(self, docker_conn_id: str | None = None, *, connection: Connection | None = None) -> None:
        super().__init__(docker_conn_id, connection=connection)

    @property
    def client(self) -> Any:  # noqa: ANN401 - the SDK's, which is imported on first use
        """The SDK's client (`docker.APIClient`) of this process, for what the hook does not offer."""
        with self.errors("connect"):
            return engine_client(self.fields)

    @property
    def endpoint(self) -> str:
        """The engine's URL."""
        return self.fields.docker_url

    def identify(self) -> Identity:
        """The engine's name and version; it knows no users but who may reach it.

        Raises:
            penstock.errors.ProviderError: It cannot be reached, or does not let us in.
        """
        client = self.client
        version, info = json_object(client.version(), Version=str), json_object(client.info(), Name=str)
        place = f"{info.get('OperatingSystem', '')}, {info.get('Architecture', '')}".strip(", ")
        detail = f"{info['Name']} runs Docker Engine {version['Version']} (API {client.api_version}) on {place}."
        stamp = str(info.get("SystemTime", ""))
        return Identity(
            str(info["Name"]), detail, datetime.fromtimestamp(instant_ns(stamp) // 10**9, UTC) if stamp else ""
        )

    def provider_error(self, error: Exception, operation: str, what: str) -> ProviderError:
        """What a failure of the SDK means; after one without an answer the engine is asked for its version anew."""
        found = provider_error(error, operation=operation, what=what, conn_id=self.conn_id)
        if found.http_status is None and self._fields is not None:
            forget(self._fields)
        return self.located(found, error)

    # Images.

    def image(self, name: str) -> dict[str, Any] | None:
        """An image as the engine tells it, by name or id; None if it is not there."""
        return self._unless_missing("inspect image", name, lambda: json_object(self.client.inspect_image(name), Id=str))

    def pull(self, name: str, *, platform: str = "", wait_s: float = 0.0) -> str:
        """Pull an image, or look at the pull that this process has begun.

        Args:
            name: With its tag or digest; ``latest`` without.
            platform: Such as ``linux/arm64``; the engine's own unless given.
            wait_s: Seconds to wait for its end.

        Returns:
            "" once the image is there, else how far it is.

        Raises:
            penstock.errors.ProviderError: The registry refused, or the pull broke off.
        """
        key, pulls = PullKey(self.fields, name, platform), pulls_here()

        def failure(text: str) -> ProviderError:
            return refusal(text, None, operation="pull", what=name, conn_id=self.conn_id)

        pull = pulls.of(key, lambda: Pull(lambda: self._pulling(name, platform), failure))
        if not pull.wait(wait_s):
            return pull.progress
        pulls.forget(key, pull)
        with self.errors("pull", name):
            if pull.error is not None:
                raise pull.error
        return ""

    @contextlib.contextmanager
    def _pulling(self, name: str, platform: str) -> Iterator[tuple[Any, Callable[[], None]]]:
        from docker.utils import parse_repository_tag  # type: ignore[import-untyped]  # noqa: PLC0415 - it takes 0.2 s, and has no types

        client = self.client
        repository, tag = parse_repository_tag(name)
        params = {"fromImage": repository, "tag": tag or "latest"} | ({"platform": platform} if platform else {})
        header = auth_header(client, self.fields, repository)
        asked = {
            "params": params,
            "headers": {"X-Registry-Auth": header} if header else {},
            "stream": True,
            "timeout": time_limits(self.fields, self.fields.stalled_pull_s),
        }
        with (
            client.answer_time.within(self.fields.stalled_pull_s) as again,
            _checked(client.post(f"{_base(client)}/images/create", **asked)) as answer,
        ):
            yield answer, again

    # Containers.

    def create(self, name: str, image: str, *, host: Mapping[str, Any], **config: Any) -> str:  # noqa: ANN401 - the SDK's own
        """Create a container, without starting it; the name is an engine's alone, so a repetition creates no other.

        Args:
            name: Its name.
            image: The image, which must be there.
            host: Arguments of the SDK's `create_host_config`, such as ``mem_limit``.
            **config: Further arguments of the SDK's `create_container`, such as ``command``.

        Returns:
            Its id.
        """

        def ask() -> str:
            client = self.client
            made = client.create_container(image, name=name, host_config=client.create_host_config(**host), **config)
            return str(json_object(made, Id=str)["Id"])

        return self.call("create", ask, name)

    def container(self, container_id: str) -> dict[str, Any] | None:
        """A container as the engine tells it, by name or id; None if it is not there."""

        def ask() -> dict[str, Any]:
            found = json_object(self.client.inspect_container(container_id), Id=str, State=dict, Config=dict)
            json_object(found["State"], Status=str)
            return found

        return self._unless_missing("inspect", container_id, ask)

    def start(self, container_id: str) -> None:
        """Start a container; one that runs is left alone."""
        self.call("start", lambda: self.client.start(container_id))

    def stop(self, container_id: str, grace_s: int) -> None:
        """Have a container end: by its stop signal, and by SIGKILL if it has not ended after so many seconds.

        One that has ended, or is gone, is left alone.
        """

        def ask() -> None:
            client = self.client
            limits = time_limits(self.fields, self.fields.read_timeout_s + grace_s)
            _checked(
                client.post(f"{_base(client)}/containers/{container_id}/stop", params={"t": grace_s}, timeout=limits)
            )

        self._unless_missing("stop", container_id, ask)

    def remove(self, container_id: str) -> None:
        """Remove a container with its anonymous volumes, killed if it still runs; one that is gone is left alone."""

        def ask() -> None:
            self.client.remove_container(container_id, v=True, force=True)

        try:
            self._unless_missing("remove", container_id, ask)
        except ProviderError as error:
            if error.kind is not ErrorKind.CONFLICT or "already in progress" not in error.detail:
                raise

    def put_files(self, container_id: str, folder: str, files: Mapping[str, bytes]) -> None:
        """Make a folder in a container's root, with files in it that everybody may read."""
        content = packed(folder, files)
        self.call("put files", lambda: self.client.put_archive(container_id, "/", content), f"/{folder}")

    def file(self, container_id: str, path: str, largest: int) -> bytes | None:
        """The content of a file of a container, which may have ended; None if it is not there.

        Args:
            container_id: The container.
            path: The file's path.
            largest: Bytes of the largest file that is taken.

        Raises:
            penstock.errors.ProviderError: It is no regular file, or too large (kind ``invalid``); or the engine failed.
        """

        def ask() -> bytes:
            client = self.client
            address = f"{_base(client)}/containers/{container_id}/archive"
            with self._streamed(client, address, {"path": path}) as answer:
                return unpacked(answer, path, largest)

        return self._unless_missing("archive", path, ask)

    def read_log(
        self, container_id: str, place: LogPlace, *, terminal: bool = False, ended: bool = False
    ) -> Iterator[LogLine]:
        """The next lines of a container's log, some MiB at most; nothing once all was read.

        Args:
            container_id: The container.
            place: Where to go on; it is moved past each line that is taken.
            terminal: Whether the container has a terminal, whose log has another form.
            ended: Whether the container has ended, so that a last line without an end is whole.

        Raises:
            penstock.errors.ProviderError: Of kind ``invalid`` where the logging driver keeps nothing that can be read. A log
                that was cut is ``transient``; what came before was given, and the next call goes on.
        """
        with self.errors("logs", container_id):
            client = self.client
            params = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": 0, "since": place.since, "tail": "all"}
            address = f"{_base(client)}/containers/{container_id}/logs"
            reader, taken = LogReader(place), 0
            with self._streamed(client, address, params) as answer:
                for line in reader.lines(lines_of(answer) if terminal else frames_of(answer)):
                    yield line
                    taken += len(line.text)
                    if taken > _LOG_BYTES:
                        return
            if ended:
                yield from reader.rest()

    def last_line(self, container_id: str, *, terminal: bool = False) -> str:
        """The last line with something in it that a container which has ended wrote to its standard output; "" without one.

        The engine counts pieces of 16 KiB: of a longer line than four of them it is the end.
        """

        def ask() -> str:
            client = self.client
            params = {"stdout": 1, "stderr": 0, "timestamps": 0, "follow": 0, "tail": str(_LAST_FRAMES)}
            address = f"{_base(client)}/containers/{container_id}/logs"
            with self._streamed(client, address, params) as answer:
                frames = lines_of(answer) if terminal else frames_of(answer)
                text = b"".join(content for _, content in frames).decode(errors="replace")
            return next((line.rstrip("\r") for line in reversed(text.split("\n")) if line.strip()), "")

        try:
            return self.call("logs", ask, container_id)
        except ProviderError as error:
            if is_unreadable(error):
                return ""
            raise

    def events_of_end(self, container: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What the engine remembers of a container that has ended, as events of its API; nothing if it does not say.

        Args:
            container: As `container` tells it.
        """

        def ask() -> list[dict[str, Any]]:
            client = self.client
            # The engine waits for an end that is to come, so that is no later than the container's, and a moment.
            until = f"{ended // 10**9}.{ended % 10**9:09d}"
            params = {"since": began // 10**9, "until": until, "filters": json.dumps({"container": [container["Id"]]})}
            with self._streamed(client, f"{_base(client)}/events", params) as answer:
                return list(events_of(answer))

        try:
            began, ended = (instant_ns(container["State"][name]) for name in ("StartedAt", "FinishedAt"))
            ended += _EVENTS_NS
            return self.call("events", ask, container["Id"]) if began > 0 else []
        except (ProviderError, ValueError, KeyError):
            return []

    @contextlib.contextmanager
    def _streamed(self, client: Any, address: str, params: Mapping[str, Any]) -> Iterator[Any]:  # noqa: ANN401 - of requests
        """An answer that is read part by part, and wholly within the time of one that is not."""
        limits = time_limits(self.fields)
        with (
            client.answer_time.within(sum(limits)),
            _checked(client.get(address, params=params, stream=True, timeout=limits)) as answer,
        ):
            yield answer

    def _unless_missing(self, operation: str, what: str, ask: Callable[[], T]) -> T | None:
        try:
            return self.call(operation, ask, what)
        except ProviderError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                return None
            raise


def is_unreadable(error: ProviderError) -> bool:
    """Whether a log cannot be read because its driver keeps nothing."""
    return error.http_status == _UNREADABLE


def _base(client: Any) -> str:  # noqa: ANN401 - the SDK's
    return f"{client.base_url}/v{client.api_version}"


def _checked(answer: Any) -> Any:  # noqa: ANN401 - a response of requests
    """The answer, if it is none of an error."""
    from docker.errors import (  # type: ignore[import-untyped]  # noqa: PLC0415 - it takes 0.2 s, and ships no types
        create_api_error_from_http_exception,
    )
    from requests import HTTPError  # noqa: PLC0415 - as above

    try:
        answer.raise_for_status()
    except HTTPError as error:
        with answer:
            create_api_error_from_http_exception(error)
    return answer
