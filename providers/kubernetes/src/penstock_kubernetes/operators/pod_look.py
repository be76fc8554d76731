"""Looking at a pod: its log is read on, its start is told, its end is judged, its result is fetched."""

import itertools
import logging
import time
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from penstock.errors import ErrorKind, ProviderError, SkipTask
from penstock.spec.external_job import Failed, JobStatus, Running, Succeeded
from penstock_kubernetes.hooks import KubernetesHook, LogFollower
from penstock_kubernetes.hooks.pod_state import (
    RUNNING,
    SCHEDULING,
    PodEnd,
    PodStart,
    end_of,
    late,
    start_of,
    still_running,
)
from penstock_kubernetes.hooks.results import SIDECAR, Result, ResultError, of_log, of_message
from penstock_kubernetes.operators.kept import KeptOfJob

Object = dict[str, Any]

_ENDING = frozenset({"Preempted", "Killing", "TaintManagerEviction", "NodeNotReady", "DeletingNode"})
"""Reasons of Events that are no warnings, and say that a pod ends."""
RUNNING_BYTES, ENDED_BYTES = 4 << 20, 64 << 20
"""Bytes of a log that one look reads while its container runs, and once it has ended: a look holds a thread that others want, too."""
MOST_BYTES = 1 << 30
"""Bytes after which the rest of an ended container's log is left out but for its last lines: as many as the log of a try holds."""
LAST_LINES = 1_000
RESULT_S = 300.0
"""Seconds for which a result that cannot be read is asked for again: with its machine, it is gone for good."""
_RESULT_LINES = 40_000  # of 76 characters, which is twice what the largest result has


class PodLook:
    """What one task sees of its pods.

    Args:
        container: The container whose log is read and whose end counts.
        log: That of the task.
        get_logs: Whether the container's log is read.

    Attributes:
        unread: Whether its container has ended, and its log was not read to its end.
    """

    def __init__(self, container: str, log: logging.Logger, *, get_logs: bool) -> None:
        self._container, self._log, self._get_logs = container, log, get_logs
        self._last_start = PodStart("")
        self._followers: dict[str, LogFollower] = {}
        self._warned = False
        self._begun: set[str] = set()
        self._unread_since: float | None = None
        self.unread, self._read_bytes = False, 0

    def start(self, hook: KubernetesHook, pod: Object) -> PodStart:
        """How far a pod is; told in the task's log whenever that changes."""
        found = start_of(pod)
        if found.phase == RUNNING:
            self._begun.add(pod["metadata"]["uid"])
        if found.phase not in (RUNNING, SCHEDULING) and not found.reason:
            metadata = pod["metadata"]
            found = start_of(pod, hook.events_of(metadata["name"], metadata["namespace"], uid=metadata["uid"]))
        if found != self._last_start:
            self._last_start = found
            self._log.info(
                "The pod %s is %s%s.", pod["metadata"]["name"], found.phase, f": {found.reason}" if found.reason else ""
            )
        return found

    def late(self, pod: Object, start: PodStart, now: datetime, schedule_s: float, startup_s: float) -> str:
        """Why a pod that has not started is waited for no longer; "" if it is, or if it was seen to run."""
        if pod["metadata"]["uid"] in self._begun:
            return ""
        return late(pod, start, now, schedule_s, startup_s)

    def misfit(self, pod: Object) -> str:
        """Why a pod is not as it was asked for, so that nobody can say how its work is; "" if it is."""
        names = [each.get("name", "") for each in pod.get("spec", {}).get("containers", ())]
        if self._container in names:
            return ""
        known = ", ".join(map(repr, names)) or "none"
        return f"its pod has no container {self._container!r}, but {known}: an admission webhook of the cluster has changed it"

    def read_log(self, hook: KubernetesHook, pod: Object, kept: KeptOfJob) -> None:
        """Write what its container has written since the last call, or a part of it; a log that cannot be read fails no task."""
        self.unread = False
        if not self._get_logs or not _has_begun(pod, self._container):
            return
        metadata = pod["metadata"]
        name = metadata["name"]
        if name not in self._followers:
            place = kept.positions().get(name)
            self._followers[name] = LogFollower(hook, name, metadata["namespace"], self._container, place)
        follower, before = self._followers[name], self._followers[name].place
        try:
            self._read(follower, ended=end_of(pod, self._container) is not None)
        except ProviderError as error:
            if not self._warned and error.kind is not ErrorKind.INVALID:  # "is waiting to start" is a 400
                self._log.warning("The pod's own log cannot be read: %s", error)
                self._warned = True
        if follower.place != before:
            kept.read_to({each: reader.place for each, reader in self._followers.items()})

    def _read(self, follower: LogFollower, *, ended: bool) -> None:
        written, most = 0, ENDED_BYTES if ended else RUNNING_BYTES
        last = LAST_LINES if ended and self._read_bytes > MOST_BYTES else 0
        if last:
            self._log.warning(
                "The pod's log is longer than %s MB: the rest is left out here, but for its last %s lines.",
                f"{MOST_BYTES >> 20:,}", f"{last:,}",
            )  # fmt: skip
        for line in follower.new_lines(last):
            self._log.info("%s", line)
            written += len(line) + 1
            if written > most:
                self.unread = ended and not last  # the rest is read by the next look
                break
        self._read_bytes += written

    def result(self, hook: KubernetesHook, pod: Object, end: PodEnd, by: str) -> Result:
        """What it left.

        Raises:
            ResultError: Nobody can read that.
            penstock.errors.ProviderError: It cannot be read now.
        """
        if by == "message":
            return of_message(end.message)
        if beside := still_running(pod):
            raise ResultError(
                f"its result cannot be read while {' and '.join(map(repr, beside))} runs beside it: have the cluster add that as a "
                "sidecar, an init container that restarts always, or leave the result in the termination message"
            )
        metadata = pod["metadata"]
        follower = LogFollower(hook, metadata["name"], metadata["namespace"], SIDECAR)
        try:
            lines = list(itertools.islice(follower.new_lines(), _RESULT_LINES))
        except ProviderError as error:
            now, since = time.monotonic(), self._unread_since
            self._unread_since = now if since is None else since
            if error.retryable and now - self._unread_since < RESULT_S:
                raise
            raise ResultError(f"its result cannot be read: {error}") from error
        if len(lines) == _RESULT_LINES:
            raise ResultError(
                f"the log of its container {SIDECAR} has more than {_RESULT_LINES} lines, and is no result"
            )
        return of_log(lines)


def judged(
    end: PodEnd,
    skipping: Collection[int],
    result: Callable[[], Result],
    name: str,
    log: logging.Logger,
    *,
    wanted: bool,
) -> JobStatus:
    """What the end of a pod means for its task.

    Args:
        end: How it ended.
        skipping: Exit codes that mark the task skipped.
        result: Fetches what it left.
        name: What the task leaves without a result.
        log: That of the task.
        wanted: Whether a result is looked for.

    Raises:
        SkipTask: Its exit code says so.
    """
    if end.exit_code is not None and end.exit_code in skipping:
        raise SkipTask(f"its container ended with exit code {end.exit_code}")
    if end.reason:
        return Failed(end.reason)
    if not wanted:
        return Succeeded(name)
    try:
        found = result()
    except ResultError as error:
        return Failed(f"it succeeded, but {error}", ErrorKind.JOB_FAILED)
    if not found.there:
        log.info("The pod left no result.")
    return Succeeded(found.value)


def last_event(events: list[Object]) -> str:
    """What the last Event about a pod says that is gone, as the rest of a sentence."""
    ending = [each for each in events if each.get("type") == "Warning" or each.get("reason") in _ENDING]
    if not ending:
        return "somebody has deleted it, or its machine is lost"
    return f"{ending[-1].get('reason')}: {str(ending[-1].get('message', '')).rstrip('.')}"


def as_kept(status: JobStatus) -> Object:
    """An end as a checkpoint has it."""
    if isinstance(status, Succeeded):
        return {"succeeded": True, "value": status.value}
    assert isinstance(status, Failed)  # noqa: S101 - what runs is not kept
    return {"succeeded": False, "reason": status.reason, "kind": str(status.kind)}


def of_kept(found: Object) -> JobStatus:
    """The end that a checkpoint has.

    Raises:
        SkipTask: The task was skipped for it.
    """
    if found.get("succeeded"):
        return Succeeded(found.get("value"))
    if code := found.get("skipped"):
        raise SkipTask(str(code))
    return Failed(str(found.get("reason", "")), ErrorKind(found.get("kind", "job_failed")))


def still(status: JobStatus) -> bool:
    """Whether it runs."""
    return isinstance(status, Running)


def _has_begun(pod: Object, container: str) -> bool:
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    return any(each["name"] == container and "waiting" not in each.get("state", {"waiting": {}}) for each in statuses)
