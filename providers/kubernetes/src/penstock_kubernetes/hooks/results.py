"""The result of a pod: JSON that its container leaves in a file, and that a sidecar prints once the container has ended.

The sidecar is a container that restarts always (Kubernetes 1.29 and later): it is told to end after the others, whatever became of them,
so it can neither hold up the pod nor be too early. It leaves a mark once it listens to that, and its startup probe waits for the mark:
no other container starts before. Its log is the result, with a last line by which one that broke off is known. A short result needs
none: the termination message has room for 4 KiB.
"""

import base64
import json
from typing import Any, NamedTuple

SIDECAR = "penstock-result"
FOLDER = "/penstock/result"
FILE = f"{FOLDER}/return.json"
LARGEST = 1024 * 1024
_MESSAGE = 4096
"""Bytes of a termination message that a kubelet keeps."""

_VOLUME = "penstock-result"
_SCRIPT = (
    "end() {{ if [ -f {file} ]; then echo size $(wc -c < {file}); head -c {largest} {file} | base64; fi; echo end; exit 0; }}; "
    "trap end TERM; : > {mark}; while :; do sleep 1 & wait $!; done"
)
_MARK = f"{FOLDER}/.sidecar"
_IS_MARKED = f"until [ -e {_MARK} ]; do sleep 0.1 || sleep 1; done"  # some shells sleep whole seconds alone


class ResultError(ValueError):
    """A result was left that nobody can read; the text says why."""


class Result(NamedTuple):
    """What a pod left.

    Attributes:
        value: The value; None if there is none.
        there: Whether it left one.
    """

    value: Any = None
    there: bool = False


def with_sidecar(spec: dict[str, Any], container: str, image: str) -> dict[str, Any]:
    """The spec of a pod whose container has a folder for its result, and a sidecar that prints it.

    Args:
        spec: The spec without it.
        container: Who leaves the result.
        image: That of the sidecar: one with ``sh``, ``wc``, ``head`` and ``base64``.
    """
    mount = {"name": _VOLUME, "mountPath": FOLDER}
    containers = [
        {**each, "volumeMounts": [*each.get("volumeMounts", ()), mount]} if each["name"] == container else each
        for each in spec["containers"]
    ]
    sidecar = {
        "name": SIDECAR, "image": image, "restartPolicy": "Always",
        "command": ["sh", "-c", _SCRIPT.format(file=FILE, largest=LARGEST, mark=_MARK)],
        "startupProbe": {"exec": {"command": ["sh", "-c", _IS_MARKED]}, "periodSeconds": 1, "timeoutSeconds": 30, "failureThreshold": 10},
        "volumeMounts": [mount], "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "32Mi"}},
    }  # fmt: skip
    volume = {"name": _VOLUME, "emptyDir": {"sizeLimit": "8Mi"}}
    return {
        **spec, "containers": containers, "initContainers": [sidecar, *spec.get("initContainers", ())],
        "volumes": [*spec.get("volumes", ()), volume],
    }  # fmt: skip


def of_message(text: str) -> Result:
    """The result that a termination message is; raises ResultError if it is no JSON."""
    if not text.strip():
        return Result()
    try:
        return Result(_value(text), there=True)
    except ResultError as error:
        if len(text.encode(errors="replace")) < _MESSAGE:
            raise
        words = f"the termination message holds {_MESSAGE} bytes: leave a longer result in a file, with result='file'"
        raise ResultError(words) from error


def of_log(lines: list[str]) -> Result:
    """The result that the sidecar printed.

    Args:
        lines: Its log.

    Raises:
        ResultError: It broke off, is too large, or is no JSON.
    """
    if not lines or lines[-1] != "end":
        raise ResultError("the pod ended before its result could be read")
    first = next((number for number, line in enumerate(lines) if line.startswith("size ")), None)
    if first is None:
        return Result()
    number = lines[first].removeprefix("size ").strip()
    if not (number.isascii() and number.isdigit()):
        raise ResultError(f"the result was garbled on its way: its size is {number[:20]!r}")
    size = int(number)
    if size > LARGEST:
        raise ResultError(
            f"the result has {size} bytes; {LARGEST} are passed on. Put it into an object store and leave its URL"
        )
    try:
        content = base64.b64decode("".join(lines[first + 1 : -1]), validate=True)
    except ValueError as error:
        raise ResultError(f"the result was garbled on its way: {error}") from error
    if len(content) != size:
        raise ResultError(f"the result broke off: {len(content)} of {size} bytes came")
    return Result(_value(content.decode(errors="replace")), there=True)


def _value(text: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        found = json.loads(text, parse_constant=_no_number)
        json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair has no place in any text
    except (ValueError, RecursionError) as error:
        raise ResultError(f"the result is no JSON ({str(error)[:200]}): {text[:80]!r}") from error
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
