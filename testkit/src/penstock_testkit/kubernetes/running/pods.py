"""One pod from its creation to its end, in a thread of its own: what scheduler and kubelet do, with containers as processes.

Order and names are those of "Pod Lifecycle" and "Sidecar Containers" (kubernetes.io): scheduled, volumes, init containers one after
the other, those that restart always beside the others once they have started, containers, phase, and at a deletion SIGTERM, grace, SIGKILL.
"""

import shutil
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock_testkit.kubernetes.cluster_store import Object, now_text
from penstock_testkit.kubernetes.running.containers import Container
from penstock_testkit.kubernetes.running.pod_status import phase_change, set_condition, status_of, waiting
from penstock_testkit.kubernetes.running.settings_of_pods import (
    MissingReferenceError,
    environment_of,
    paths_of,
    volumes_of,
)
from penstock_testkit.kubernetes.running.start_probes import StartProbe

if TYPE_CHECKING:
    from penstock_testkit.kubernetes.running.node import Node

_TICK_S = 0.02
_FINAL = ("Succeeded", "Failed")


class _OverError(Exception):
    """The pod is to run no further."""


class PodRun(threading.Thread):
    """What runs one pod.

    Args:
        node: Where.
        pod: As it was created.
        folder: For its volumes and messages.

    Attributes:
        runs: The last start of each container, by its name.
        over: Whether nothing of it runs any more, and nothing will.
    """

    def __init__(self, node: "Node", pod: Object, folder: Path) -> None:
        self.key = (pod["metadata"]["name"], pod["metadata"]["namespace"])
        super().__init__(name=f"pod {self.key[0]}", daemon=True)
        self.runs: dict[str, Container] = {}
        self._restarts: dict[str, int] = {}
        self._node, self._pod, self._folder = node, pod, folder
        self._store = node.store
        self._grace: float | None = None
        self.over = False
        self._lost = False
        self._failure: tuple[str, str] | None = None
        self._volumes: dict[str, Path] = {}
        self._begun = time.monotonic()

    def run(self) -> None:
        """Live through it."""
        try:
            self._schedule()
            self._prepare()
            self._run_init_containers()
            self._start_containers()
            self._watch_containers()
        except _OverError:
            pass
        finally:
            self._end()

    def delete(self, grace_s: float) -> bool:
        """Ask it to end: SIGTERM now, SIGKILL after the grace; False if nothing of it runs."""
        with self._store.changed:
            if self.over:
                return False
            self._grace = grace_s
            self._store.changed.notify_all()
            return True

    def lose(self) -> None:
        """Its machine is gone: no process lives on, and nobody reports."""
        self._lost = True
        self.kill("")

    def fail(self, reason: str, message: str) -> None:
        """The node ends it: its processes first, then its phase, as a kubelet tells no end before there is one."""
        self._failure = (reason, message)
        self.kill("")

    def kill(self, reason: str, container: str = "") -> None:
        """Kill its processes, or those of one container."""
        for name, each in list(self.runs.items()):
            if container in ("", name):
                each.kill(reason)

    def _schedule(self) -> None:
        problem_shown = ""

        def unschedulable(pod: Object) -> None:
            set_condition(pod, "PodScheduled", status=False, reason="Unschedulable", message=problem_shown)

        while (problem := self._node.problem_with(self._pod)) or self._node.paused:
            if problem and problem != problem_shown:
                problem_shown = problem
                self._change(unschedulable)
                self._event("Warning", "FailedScheduling", problem_shown)
            self._wait()

        def scheduled(pod: Object) -> None:
            pod["spec"]["nodeName"] = self._node.name
            pod["status"] |= {"startTime": now_text(), "hostIP": "127.0.0.1", "podIP": "127.0.0.1"}
            set_condition(pod, "PodScheduled", status=True)
            self._show(pod)

        self._change(scheduled)
        self._event("Normal", "Scheduled", f"Successfully assigned {self.key[1]}/{self.key[0]} to {self._node.name}")

    def _prepare(self) -> None:
        problem_shown = ""
        while True:
            try:
                self._volumes = volumes_of(self._store, self._pod, self._folder)
            except MissingReferenceError as error:
                if str(error) != problem_shown:
                    problem_shown = str(error)
                    self._event("Warning", "FailedMount", f"MountVolume.SetUp failed for volume: {problem_shown}")
                self._wait()
            else:
                return

    def _run_init_containers(self) -> None:
        for container in self._pod["spec"].get("initContainers") or ():
            run = self._launched(container)
            if container.get("restartPolicy") == "Always":
                self._wait_for_start(container, run)
                continue
            while run.poll() is None:
                self._wait()
            self._change(self._show)
            if run.exit_code:
                self._change(phase_change("Failed"))
                self._stop_sidecars()
                raise _OverError
        self._change(lambda pod: set_condition(pod, "Initialized", status=True))

    def _wait_for_start(self, container: Object, run: Container) -> None:
        """Wait until the startup probe of a sidecar succeeds; one that fails too often has it killed and started anew."""
        if (spec := container.get("startupProbe")) is None:
            return
        probe = self._probe(spec, run)
        while True:
            if run.poll() is not None or probe.failures >= probe.most:
                run.kill()
                while run.poll() is None:
                    self._wait()
                self._wait(self._node.restart_s)
                self._restarts[container["name"]] = self._restarts.get(container["name"], 0) + 1
                run = self._launched(container)
                probe = self._probe(spec, run)
            answer = probe.ask()
            if answer.started:
                break
            self._event("Warning", "Unhealthy", f"Startup probe failed: {answer.words}")
            self._wait(self._node.restart_s)
        run.started = True
        self._change(self._show)

    def _probe(self, spec: Object, run: Container) -> StartProbe:
        run.started = False
        self._change(self._show)
        return StartProbe(spec, run)

    def _start_containers(self) -> None:
        for container in self._pod["spec"]["containers"]:
            self._launched(container)

        def running(pod: Object) -> None:
            self._show(pod)
            pod["status"]["phase"] = "Running"
            set_condition(pod, "ContainersReady", status=True)
            set_condition(pod, "Ready", status=True)

        self._change(running)

    def _watch_containers(self) -> None:
        policy = self._pod["spec"].get("restartPolicy", "Always")
        shown: list[int | None] = []
        while True:
            codes = [self.runs[each["name"]].poll() for each in self._pod["spec"]["containers"]]
            if codes != shown:
                shown = codes
                self._change(self._show)
            restarting = [
                each
                for each, code in zip(self._pod["spec"]["containers"], codes, strict=True)
                if code is not None and (policy == "Always" or (policy == "OnFailure" and code))
            ]
            if not restarting and None not in codes:
                break
            for each in restarting:
                self._wait(self._node.restart_s)
                self._restarts[each["name"]] = self._restarts.get(each["name"], 0) + 1
                self._launched(each)
            self._wait()
        self._stop_sidecars()

        def ended(pod: Object) -> None:
            self._show(pod)
            phase_change("Failed" if any(codes) else "Succeeded", *(self._failure or ()))(pod)

        self._change(ended)

    def _stop_sidecars(self) -> None:
        sidecars = [
            self.runs[each["name"]]
            for each in self._pod["spec"].get("initContainers") or ()
            if each.get("restartPolicy") == "Always" and each["name"] in self.runs
        ]
        for each in sidecars:
            each.terminate()
        end = time.monotonic() + self._grace_of_spec
        while any(each.poll() is None for each in sidecars):
            if time.monotonic() > end:
                for each in sidecars:
                    each.kill()
            self._wait()

    @property
    def _grace_of_spec(self) -> float:
        return float(self._pod["spec"].get("terminationGracePeriodSeconds", 30))

    def _launched(self, container: Object) -> Container:
        """Start a container, once its image and all that it names is there."""
        problem_shown = ("", "")

        def waits(pod: Object) -> None:
            self._show(pod, {container["name"]: waiting(container, *problem_shown)})

        while True:
            problem = self._problem_with_image(container, problem_shown[0])
            environment: dict[str, str] = {}
            if problem is None:
                try:
                    environment = environment_of(self._store, self._pod, container, self._node.environment)
                except MissingReferenceError as error:
                    problem = ("CreateContainerConfigError", str(error))
            if problem is None:
                break
            if problem != problem_shown:
                problem_shown = problem
                self._change(waits)
                self._event("Warning", "Failed", f"Error: {problem_shown[0]}: {problem_shown[1]}")
            self._wait(self._node.back_off_s)
        message = self._folder / f"message-{container['name']}"
        message.touch()
        paths = paths_of(self._pod, container, self._volumes, message)
        command = container.get("command") or self._node.images.get(container["image"], [])
        found = Container(
            container["name"],
            [*command, *(container.get("args") or ())],
            environment,
            paths,
            message,
            self._store.changed,
            self._node.warm,
        )
        self.runs[container["name"]] = found
        self._change(self._show)
        return found

    def _problem_with_image(self, container: Object, problem_shown: str) -> tuple[str, str] | None:
        image = container["image"]
        if not self._node.lacks(image):
            return None
        if problem_shown == "":
            return "ErrImagePull", f'failed to pull and unpack image "{image}": failed to resolve reference: not found'
        return "ImagePullBackOff", f'Back-off pulling image "{image}"'

    def _show(self, pod: Object, instead: dict[str, Object] | None = None) -> None:
        """Write what the containers do into its status."""
        for kind, statuses in (("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")):
            if pod["spec"].get(kind):
                pod["status"][statuses] = [
                    (instead or {}).get(each["name"])
                    or status_of(each, self.runs.get(each["name"]), self._restarts.get(each["name"], 0))
                    for each in pod["spec"][kind]
                ]

    def _wait(self, seconds: float = _TICK_S) -> None:
        """Let time pass; raises _OverError once the pod is to end."""
        end = time.monotonic() + seconds
        while True:
            with self._store.changed:
                if self._grace is not None or self._lost or self._failure is not None or self._store.closed:
                    raise _OverError
                left = end - time.monotonic()
                if left <= 0:
                    break
                self._store.changed.wait(min(left, _TICK_S))
        deadline = self._pod["spec"].get("activeDeadlineSeconds")
        if deadline and time.monotonic() - self._begun > deadline:
            self.fail("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
            raise _OverError

    def _end(self) -> None:
        """End every process; take the pod away if it was deleted."""
        signalled = 0.0
        while self._alive():
            if self._store.closed or self._lost or self._failure is not None:
                self.kill("")
            elif self._grace is not None and not signalled:
                signalled = time.monotonic()
                for each in self.runs.values():
                    each.terminate()
            elif self._grace is not None and time.monotonic() - signalled >= self._grace:
                self.kill("")
            time.sleep(_TICK_S / 4)
        self._finish_status()
        with self._store.changed:
            self.over = True
            deleted = self._grace is not None
        if deleted and not self._store.closed:
            self._node.forget(self)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _finish_status(self) -> None:
        """What the kubelet reports last: each container's end."""
        if self._failure is not None:
            self._change(phase_change("Failed", *self._failure))
        if self.runs:
            self._change(self._show)
            codes = [each.exit_code for each in self.runs.values()]
            if all(code is not None for code in codes) and self._grace is not None:
                self._change(phase_change("Failed" if any(codes) else "Succeeded"))

    def _alive(self) -> bool:
        return any([each.poll() is None for each in self.runs.values()])  # noqa: C419 - each is to be polled

    def _change(self, change: Any) -> None:  # noqa: ANN401 - a function of a pod
        if not self._lost and not self._store.closed:
            self._store.update("pods", self.key[0], self.key[1], change)

    def _event(self, kind: str, reason: str, message: str) -> None:
        self._node.event(self._pod, kind, reason, message)
