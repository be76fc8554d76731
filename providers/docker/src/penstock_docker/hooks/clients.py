"""The SDK's clients of an engine: by a unix socket, by TLS, or through ssh; made once a process, never across a fork.

The SDK's own ssh needs another package, asks nobody about host keys that it does not know, and gives no time limit to its
channel; so ssh is a transport of ours (`ssh_transport`). Proxies and authorities of the environment are not taken: they are
for the web, and a client that takes them would trust others than ``tls_ca``.
"""

import os
import re
import tempfile
import threading
import weakref
from collections.abc import Callable
from typing import Any

from penstock.spec.hooks.client_cache import ClientCache
from penstock_docker.connections import DockerFields
from penstock_docker.errors import OddAnswerError, json_object
from penstock_docker.hooks.answer_time import AnswerTime
from penstock_docker.hooks.ssh_transport import ssh_adapter

_clients: ClientCache[Any] = ClientCache(close=lambda client: client.close())
_OLDEST = "1.24"
_VERSION = re.compile(r"\d{1,3}\.\d{1,3}")
_LARGEST = 32 * 1024 * 1024
"""Bytes of an answer that is read as a whole: JSON, of which an engine's are some KiB."""
_PIECE = 64 * 1024
_PEM = "-----BEGIN"


def engine_client(fields: DockerFields) -> Any:  # noqa: ANN401 - of the SDK, which is imported on first use
    """The SDK's client, in the newest version of the API that the engine knows; raises what the SDK does."""

    def make() -> Any:  # noqa: ANN401
        asked = _made(fields, _OLDEST)
        try:
            found = json_object(asked.version(api_version=False), ApiVersion=str)["ApiVersion"]
            if not _VERSION.fullmatch(found):
                raise OddAnswerError(f"no engine has a version of its API such as {found[:20]!r}")
            return _made(fields, found)
        finally:
            asked.close()

    return _clients.get(fields, make)


def forget(fields: DockerFields) -> None:
    """Have the next client made anew: its engine may be another one by then, as after an upgrade."""
    _clients.forget(fields)


def time_limits(fields: DockerFields, read_timeout_s: float | None = None) -> tuple[float, float]:
    """Seconds to wait for a connection and for each part of an answer, as the SDK's requests take them."""
    return fields.connect_timeout_s, read_timeout_s or fields.read_timeout_s


def _made(fields: DockerFields, version: str) -> Any:  # noqa: ANN401
    from docker import APIClient  # type: ignore[import-untyped]  # noqa: PLC0415 - it takes 0.2 s, and ships no types

    limits: Any = time_limits(fields)  # the SDK passes it on to requests, which takes both
    if fields.docker_url.startswith("ssh://"):
        made = APIClient(base_url="unix:///through-ssh", version=version, timeout=limits)
        made.mount("http+docker://", ssh_adapter(fields.docker_url, fields.connect_timeout_s))
    elif fields.docker_url.startswith("unix://"):
        made = APIClient(base_url=fields.docker_url, version=version, timeout=fields.read_timeout_s)
        made.timeout = limits
    else:
        made = APIClient(base_url=_url(fields), version=version, timeout=limits, tls=_tls(fields))
    made.trust_env, made.max_redirects = False, 0  # an engine never sends elsewhere
    made.answer_time = AnswerTime(made)
    made.send = _bounded(made)
    return made


def _bounded(client: Any) -> Callable[..., Any]:  # noqa: ANN401 - the SDK's
    """Sends a request as before, and has an answer that is read as a whole be of a size, and there in time."""
    send, here = type(client).send, weakref.ref(client)  # as in `AnswerTime`
    answer_time = client.answer_time

    def send_bounded(request: Any, **options: Any) -> Any:  # noqa: ANN401 - of requests
        with answer_time.within(sum(options["timeout"])):
            return send_whole(request, options)

    def send_whole(request: Any, options: dict[str, Any]) -> Any:  # noqa: ANN401 - of requests
        answer = send(here(), request, **{**options, "stream": True})
        if options.get("stream"):
            return answer
        content = bytearray()
        for piece in answer.iter_content(_PIECE):
            content += piece
            if len(content) > _LARGEST:
                answer.close()
                raise OddAnswerError(f"no engine answers more than {_LARGEST:,} bytes to this")
        answer._content = bytes(content)  # noqa: SLF001 - where requests keeps what it has read as a whole
        return answer

    return send_bounded


def _url(fields: DockerFields) -> str:
    rest = fields.docker_url.partition("://")[2]
    return f"https://{rest}" if fields.is_tls else f"tcp://{rest}"


def _tls(fields: DockerFields) -> Any:  # noqa: ANN401
    if not fields.is_tls:
        return False
    from docker.tls import TLSConfig  # type: ignore[import-untyped]  # noqa: PLC0415 - as above

    pair = (_file_of(fields.tls_cert), _file_of(fields.tls_key)) if fields.tls_cert else None
    return TLSConfig(client_cert=pair, ca_cert=_file_of(fields.tls_ca) or None, verify=fields.tls_verify)


_files: dict[tuple[int, str], str] = {}  # by process: a fork closes what it does not know
_making = threading.Lock()


def _file_of(value: str) -> str:
    """The path of a PEM: the value itself, or a file in memory where the value is the PEM.

    The HTTP client takes paths alone. A file in memory (memfd_create(2)) has no name on any disk, and goes with its process.
    """
    if not value.lstrip().startswith(_PEM):
        return value
    key = os.getpid(), value
    with _making:
        if key not in _files:
            _files[key] = _in_memory(value.encode())
        return _files[key]


def _in_memory(content: bytes) -> str:
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("penstock-docker")
        os.write(number, content)
        return f"/proc/self/fd/{number}"
    with tempfile.NamedTemporaryFile(prefix="penstock-docker-", delete=False) as made:  # for its owner alone
        made.write(content)
    return made.name
