"""What the status of a pod means: how far its start has come and what holds it up, and how it ended and why.

Phases, conditions and reasons are those of "Pod Lifecycle", "Node-pressure Eviction" and "Disruptions" (kubernetes.io); reasons of waiting
containers are those of the kubelet (`pkg/kubelet/images/types.go`, `pkg/kubelet/kuberuntime`).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

Object = Mapping[str, Any]

SCHEDULING, PULLING, STARTING, RUNNING, SUCCEEDED, FAILED = (
    "scheduling",
    "pulling",
    "starting",
    "running",
    "succeeded",
    "failed",
)
"""How far a pod is, in their order."""

_NEVER = frozenset({"InvalidImageName", "ErrImageNeverPull"})
"""Reasons for which no pod ever starts, however long one waits."""
_USUAL = frozenset({"ContainerCreating", "PodInitializing"})
_PULL = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError", "SignatureValidationFailed"}
)
_TAKEN = frozenset(
    {"Evicted", "NodeLost", "Preempting", "Terminated", "NodeShutdown", "NodeAffinity", "UnexpectedAdmissionError"}
)
_KILLED = 137
_OUT_OF_MEMORY = "OOMKilled"


class PodStart(NamedTuple):
    """How far a pod is.

    Attributes:
        phase: One of the words of this module.
        reason: What holds it up, as a sentence without its full stop; "" if nothing does.
        hopeless: Whether it can never start.
    """

    phase: str
    reason: str = ""
    hopeless: bool = False


class PodEnd(NamedTuple):
    """How a pod ended.

    Attributes:
        reason: Why it counts as failed, as a sentence without its full stop; "" if it does not.
        exit_code: That of the container that was asked about; None if it has none.
        message: The termination message of this container.
        taken: Whether the cluster took its place, its machine or its memory: none of its own doing.
        exhausted: Whether the memory of a container of it had run out.
    """

    reason: str
    exit_code: int | None = None
    message: str = ""
    taken: bool = False
    exhausted: bool = False


def start_of(pod: Object, events: Iterable[Object] = ()) -> PodStart:
    """How far a pod is, and what holds it up.

    Args:
        pod: As the API has it.
        events: The Events about it, whose newest warning says more than a status does.
    """
    status = pod.get("status", {})
    phase = status.get("phase", "Pending")
    if phase in ("Succeeded", "Failed"):
        return PodStart(SUCCEEDED if phase == "Succeeded" else FAILED)
    if phase == "Running":
        return PodStart(RUNNING)
    if phase != "Pending":
        return PodStart(RUNNING, f"its machine does not say how it is (phase {phase})")
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") != "True":
        return PodStart(SCHEDULING, _sentence("it has no machine", scheduled.get("message", "")) if scheduled else "")
    for each in _statuses(pod):
        waiting = each.get("state", {}).get("waiting", {})
        reason = waiting.get("reason", "")
        if reason and reason not in _USUAL:
            words = _sentence(f"container {each['name']!r} waits ({reason})", waiting.get("message", ""))
            return PodStart(PULLING if reason in _PULL | _NEVER else STARTING, words, reason in _NEVER)
    warnings = [each for each in events if each.get("type") == "Warning"]
    warning = _sentence(str(warnings[-1].get("reason", "")), warnings[-1].get("message", "")) if warnings else ""
    return PodStart(STARTING, warning)


def end_of(pod: Object, container: str) -> PodEnd | None:
    """How a pod ended; None while it has not.

    Args:
        pod: As the API has it.
        container: The container whose end counts.
    """
    status = pod.get("status", {})
    ended = _terminated(pod, container)
    code, message = ended.get("exitCode"), str(ended.get("message", ""))
    phase = status.get("phase")
    if phase == "Succeeded":
        return PodEnd("", code, message)
    if phase != "Failed" and not (ended and _waits_for_others(pod)):
        return None
    if code == 0 and not status.get("reason"):
        return PodEnd("", code, message)  # what failed is a container beside it
    disrupted = _condition(pod, "DisruptionTarget")
    if disrupted.get("status") == "True":
        return PodEnd(
            _sentence(f"the cluster took it away ({disrupted.get('reason')})", disrupted.get("message", "")),
            code,
            message,
            taken=True,
        )
    if reason := status.get("reason"):
        return PodEnd(
            _sentence(f"it was ended ({reason})", status.get("message", "")), code, message, taken=reason in _TAKEN
        )
    causes = [cause for each in _statuses(pod) if (cause := _cause(each, pod))]
    exhausted = any(_last(each).get("reason") == _OUT_OF_MEMORY for each in _statuses(pod))
    return PodEnd("; ".join(causes) or "it failed, and no container says why", code, message, exhausted=exhausted)


def late(pod: Object, start: PodStart, now: datetime, schedule_s: float, startup_s: float) -> str:
    """Why a pod that has not started is waited for no longer, as a sentence without its full stop; "" if it is.

    Args:
        pod: As the API has it.
        start: How far it is.
        now: The present, by the clock of the cluster.
        schedule_s: Seconds until it must have a machine.
        startup_s: Seconds from then until it must run.
    """
    if start.phase == RUNNING:
        return ""
    why = f": {start.reason}" if start.reason else ""
    if start.hopeless:
        return f"it can never start{why}"
    created = pod["metadata"].get("creationTimestamp", "")
    if start.phase == SCHEDULING:
        return f"it had no machine within {schedule_s:g} s{why}" if seconds_since(created, now) > schedule_s else ""
    # By the control plane's clock: `startTime` is that of the machine, which may be years off.
    since = _condition(pod, "PodScheduled").get("lastTransitionTime") or created
    return f"it did not start within {startup_s:g} s{why}" if seconds_since(since, now) > startup_s else ""


def is_taken_back(pod: Object) -> str:
    """Why a pod that runs still is about to end for no fault of its own; "" if it is not."""
    disrupted = _condition(pod, "DisruptionTarget")
    if disrupted.get("status") != "True":
        return ""
    return _sentence(f"the cluster takes it away ({disrupted.get('reason')})", disrupted.get("message", ""))


def seconds_since(instant: str, now: datetime) -> float:
    """Seconds from an instant of the API to now; 0 of none."""
    if not instant:
        return 0.0
    return (now - datetime.fromisoformat(instant).astimezone(UTC)).total_seconds()


def still_running(pod: Object) -> list[str]:
    """The containers of a pod that run, beside those that are sidecars by its spec."""
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    return [str(each["name"]) for each in statuses if "running" in each.get("state", {})]


def _waits_for_others(pod: Object) -> bool:
    """Whether a pod that starts nothing again runs on for a container that is no sidecar by its spec, as meshes add them."""
    return pod.get("spec", {}).get("restartPolicy") == "Never" and bool(still_running(pod))


def _cause(container: Object, pod: Object) -> str:
    name, ended = container["name"], _last(container)
    code = ended.get("exitCode")
    if not ended or code == 0:
        return ""
    if ended.get("reason") == _OUT_OF_MEMORY:
        limit = _limit(pod, name)
        most = f", of which it may have {limit}" if limit else ""
        return f"container {name!r} was killed for its memory{most} (OOMKilled, exit code {code})"
    killed = " (SIGKILL)" if code == _KILLED else ""
    return _sentence(f"container {name!r} ended with exit code {code}{killed}", str(ended.get("message", "")))


def _limit(pod: Object, name: str) -> str:
    spec = pod.get("spec", {})
    for each in (*spec.get("initContainers", ()), *spec.get("containers", ())):
        if each["name"] == name:
            return str((each.get("resources") or {}).get("limits", {}).get("memory", ""))
    return ""


def _terminated(pod: Object, container: str) -> Object:
    return next((_last(each) for each in _statuses(pod) if each["name"] == container), {})


def _last(container: Object) -> Object:
    state: Object = container.get("state", {}).get("terminated") or {}
    return state


def _statuses(pod: Object) -> Iterator[Object]:
    status = pod.get("status", {})
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _condition(pod: Object, kind: str) -> Object:
    found: Object = next((each for each in pod.get("status", {}).get("conditions") or () if each["type"] == kind), {})
    return found


def _sentence(begin: str, message: object) -> str:
    words = " ".join(str(message).split()).rstrip(".")
    return f"{begin}: {words}" if words and begin else words or begin
