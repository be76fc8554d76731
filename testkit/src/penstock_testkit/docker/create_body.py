"""The body of a container's creation: each field that the API knows, of its type; anything else is refused.

Names and types: ContainerConfig and HostConfig of moby's ``api/swagger.yaml``, 1.47. Words of refusals were recorded.
"""

import re
from pathlib import Path
from typing import Any

from penstock_testkit.docker.engine_errors import EngineError
from penstock_testkit.saas import NotFakedError

_TEXT, _TRUTH, _NUMBER, _LIST, _DICT = str, bool, int, list, dict
CONFIG: dict[str, type] = {
    "Hostname": _TEXT, "Domainname": _TEXT, "User": _TEXT, "AttachStdin": _TRUTH, "AttachStdout": _TRUTH,
    "AttachStderr": _TRUTH, "ExposedPorts": _DICT, "Tty": _TRUTH, "OpenStdin": _TRUTH, "StdinOnce": _TRUTH, "Env": _LIST,
    "Cmd": _LIST, "Healthcheck": _DICT, "Image": _TEXT, "Volumes": _DICT, "WorkingDir": _TEXT, "Entrypoint": _LIST,
    "NetworkDisabled": _TRUTH, "MacAddress": _TEXT, "Labels": _DICT, "StopSignal": _TEXT, "StopTimeout": _NUMBER,
    "HostConfig": _DICT, "NetworkingConfig": _DICT,
}  # fmt: skip
HOST: dict[str, type] = {
    "NetworkMode": _TEXT, "Memory": _NUMBER, "MemoryReservation": _NUMBER, "MemorySwap": _NUMBER, "NanoCpus": _NUMBER,
    "CpuShares": _NUMBER, "CpusetCpus": _TEXT, "ShmSize": _NUMBER, "DeviceRequests": _LIST, "Devices": _LIST,
    "Ulimits": _LIST, "Mounts": _LIST, "LogConfig": _DICT, "CapAdd": _LIST, "CapDrop": _LIST, "Privileged": _TRUTH,
    "ReadonlyRootfs": _TRUTH, "Tmpfs": _DICT, "ExtraHosts": _LIST, "Dns": _LIST, "SecurityOpt": _LIST, "Init": _TRUTH,
    "PidsLimit": _NUMBER, "GroupAdd": _LIST, "IpcMode": _TEXT, "PidMode": _TEXT, "AutoRemove": _TRUTH,
}  # fmt: skip
INNER: dict[str, dict[str, type]] = {
    "Mounts": {
        "Type": _TEXT, "Source": _TEXT, "Target": _TEXT, "ReadOnly": _TRUTH, "BindOptions": _DICT, "VolumeOptions": _DICT,
        "TmpfsOptions": _DICT, "Consistency": _TEXT,
    },
    "DeviceRequests": {"Driver": _TEXT, "Count": _NUMBER, "DeviceIDs": _LIST, "Capabilities": _LIST, "Options": _DICT},
    "Ulimits": {"Name": _TEXT, "Soft": _NUMBER, "Hard": _NUMBER},
    "LogConfig": {"Type": _TEXT, "Config": _DICT},
    "Healthcheck": {
        "Test": _LIST, "Interval": _NUMBER, "Timeout": _NUMBER, "Retries": _NUMBER, "StartPeriod": _NUMBER,
        "StartInterval": _NUMBER,
    },
}  # fmt: skip
_NAME = re.compile("[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_LEAST_MEMORY = 6 * 1024 * 1024


def checked_body(body: dict[str, Any], name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check what a client sent; its configuration and its ``HostConfig``.

    Raises:
        NotFakedError: A field is unknown, or of another type.
        EngineError: A value is one that an engine refuses.
    """
    if name and not _NAME.fullmatch(name):
        raise EngineError(400, f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    _fields("the body", body, CONFIG)
    host = body.get("HostConfig") or {}
    _fields("HostConfig", host, HOST)
    if host.get("AutoRemove"):
        raise NotFakedError("AutoRemove: the engine would remove a container before its log and exit code were read")
    for each in body.get("Env") or []:
        if not isinstance(each, str) or "=" not in each:
            raise NotFakedError(f"Env has {each!r}; it is a list of NAME=VALUE")
    for key, value in (body.get("Labels") or {}).items():
        if not isinstance(value, str):
            raise EngineError(400, f"json: cannot unmarshal {key} into Go struct field of type string")
    if 0 < host.get("Memory", 0) < _LEAST_MEMORY:
        raise EngineError(400, "Minimum memory limit allowed is 6MB")
    for mount in host.get("Mounts") or []:
        _mount(mount)
    return {key: value for key, value in body.items() if key not in ("HostConfig", "NetworkingConfig")}, host


def _fields(place: str, given: dict[str, Any], known: dict[str, type]) -> None:
    for key, value in given.items():
        if key not in known:
            raise NotFakedError(f"{place} has the field {key}, which the API does not know")
        if value is None:
            continue
        wanted = known[key]
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise NotFakedError(f"{place} has {key} = {value!r}; it is {wanted.__name__}")
        if key in INNER:
            tables: Any = value if isinstance(value, list) else [value]
            for each in tables:
                _fields(key, each, INNER[key])


def _mount(mount: dict[str, Any]) -> None:
    kind, source, target = mount.get("Type"), mount.get("Source"), mount.get("Target", "")
    if kind not in ("bind", "volume", "tmpfs"):
        raise EngineError(400, f'invalid mount config for type "{kind}": mount type unknown')
    if not target.startswith("/"):
        raise EngineError(
            400, f"invalid mount config for type \"{kind}\": invalid mount path: '{target}' mount path must be absolute"
        )
    if kind == "bind" and not Path(source or "").exists():
        raise EngineError(400, f'invalid mount config for type "bind": bind source path does not exist: {source}')
