"""Reading a container's log: follow, timestamps, sinceTime, limitBytes, tailLines.

Source: PodLogOptions, and the API server's `pod/strategy.go`: the instant that a client sends goes on to the kubelet in whole seconds, so
that lines of the same second come again.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from penstock_testkit.kubernetes.api_refusals import ApiRefusedError
from penstock_testkit.kubernetes.cluster_store import Object
from penstock_testkit.kubernetes.running.containers import Container, LogLine
from penstock_testkit.kubernetes.running.node import Node

QUERY = ("container", "follow", "timestamps", "sinceTime", "sinceSeconds", "limitBytes", "tailLines")


def container_of(node: Node, pod: Object, asked: str) -> Container:
    """The container whose log is meant.

    Raises:
        ApiRefusedError: It is not said which, there is none of this name, or it has not started.
    """
    spec, name = pod["spec"], pod["metadata"]["name"]
    known = [each["name"] for kind in ("initContainers", "containers") for each in spec.get(kind) or ()]
    usual = [each["name"] for each in spec["containers"]]
    if not asked and len(usual) > 1:
        raise ApiRefusedError(
            400, f"a container name must be specified for pod {name}, choose one of: [{' '.join(known)}]"
        )
    wanted = asked or usual[0]
    if wanted not in known:
        raise ApiRefusedError(400, f"container {wanted} is not valid for pod {name}")
    run = node.pods.get((name, pod["metadata"]["namespace"]))
    found = run.runs.get(wanted) if run is not None else None
    if found is None:
        raise ApiRefusedError(400, f'container "{wanted}" in pod "{name}" is waiting to start: ContainerCreating')
    return found


def read(node: Node, found: Container, query: dict[str, str]) -> Iterator[bytes]:
    """The log, piece by piece."""
    begin = _begin(found, query)
    left = int(query["limitBytes"]) if "limitBytes" in query else None
    stamped, follows = query.get("timestamps") in ("true", "True"), query.get("follow") in ("true", "True")
    number = len(found.lines) - int(query["tailLines"]) if "tailLines" in query else 0
    number = max(0, number)
    while True:
        with node.store.changed:
            lines, ended = found.lines[number:], not found.running
            if not lines and follows and not ended and not node.store.closed:
                node.store.changed.wait(0.05)
                continue
        number += len(lines)
        for line in lines:
            if line.at < begin:
                continue
            text = _shown(line, stamped=stamped)
            if left is not None:
                text, left = text[:left], left - len(text[:left])
            yield text
            if left == 0:
                return
        if not follows or (ended and number >= len(found.lines)) or node.store.closed:
            return


def _begin(found: Container, query: dict[str, str]) -> int:
    del found
    if "sinceSeconds" in query:
        return int((datetime.now(UTC).timestamp() - int(query["sinceSeconds"])) * 1e9)
    if "sinceTime" not in query:
        return 0
    try:
        return int(datetime.fromisoformat(query["sinceTime"][:19] + "+00:00").timestamp()) * 1_000_000_000
    except ValueError:
        raise ApiRefusedError(
            400, f'parsing time "{query["sinceTime"]}" as "2006-01-02T15:04:05Z07:00": cannot parse'
        ) from None


def _shown(line: LogLine, *, stamped: bool) -> bytes:
    return line.stamp.encode() + b" " + line.text if stamped else line.text
