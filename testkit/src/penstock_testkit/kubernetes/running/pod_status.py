"""The status of a pod, from what its containers do.

Phases, conditions, states and reasons are those of "Pod Lifecycle" (kubernetes.io) and of the kubelet's sources.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from penstock_testkit.kubernetes.cluster_store import Object, now_text
from penstock_testkit.kubernetes.running.containers import Container


def set_condition(pod: Object, kind: str, status: bool, reason: str = "", message: str = "") -> None:  # noqa: FBT001
    """Give a pod a condition, in place of the one of this kind."""
    conditions: list[Object] = pod["status"].setdefault("conditions", [])
    wanted = {"type": kind, "status": str(status), "reason": reason, "message": message}
    for each in conditions:
        if each["type"] == kind:
            if {key: each.get(key, "") for key in wanted} != wanted:
                each |= {**wanted, "lastTransitionTime": now_text()}
            return
    conditions.append({key: value for key, value in wanted.items() if value} | {"lastTransitionTime": now_text()})


def waiting(container: Object, reason: str, message: str = "") -> Object:
    """The status of a container that has not started."""
    state = {"reason": reason} | ({"message": message} if message else {})
    return _named(container, {"waiting": state}, ready=False, started=False)


def status_of(container: Object, run: Container | None, restarts: int) -> Object:
    """The status of a container by its last start."""
    if run is None:
        return waiting(container, "PodInitializing" if restarts < 0 else "ContainerCreating")
    if run.running:
        return _named(
            container, {"running": {"startedAt": _text(run.started_at)}}, ready=run.started, started=run.started,
            restarts=restarts,
        )  # fmt: skip
    code = run.exit_code or 0
    reason = run.kill_reason or run.reason or ("Completed" if code == 0 else "Error")
    ended: dict[str, Any] = {
        "exitCode": code, "reason": reason, "startedAt": _text(run.started_at), "finishedAt": _text(run.finished_at),
        "containerID": f"fake://{id(run):x}",
    }  # fmt: skip
    message = run.message
    if not message and code and container.get("terminationMessagePolicy") == "FallbackToLogsOnError":
        message = run.end_of_log
    if message:
        ended["message"] = message
    return _named(container, {"terminated": ended}, ready=False, started=False, restarts=restarts)


def _named(container: Object, state: Object, *, ready: bool, started: bool, restarts: int = 0) -> Object:
    return {
        "name": container["name"], "image": container["image"], "imageID": "", "ready": ready, "started": started,
        "restartCount": max(0, restarts), "state": state, "lastState": {},
    }  # fmt: skip


def phase_change(phase: str, reason: str = "", message: str = "") -> Callable[[Object], None]:
    """A change that gives a pod a phase, and the reason for people where it has one."""

    def change(pod: Object) -> None:
        status = pod["status"]
        if status.get("phase") in ("Succeeded", "Failed"):
            return
        status["phase"] = phase
        if reason:
            status |= {"reason": reason, "message": message}
        if phase in ("Succeeded", "Failed"):
            set_condition(pod, "Ready", status=False, reason="PodCompleted" if phase == "Succeeded" else "PodFailed")

    return change


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
