"""A fake Kubernetes cluster: its API, and one machine that runs pods as real processes.

Routes, codes and words are those of "Kubernetes API Concepts" (kubernetes.io) and of the API server's sources, release 1.33 and
later. Not covered: server-side apply, protobuf, tables, custom resources, exec and attach.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from penstock_testkit.kubernetes import routes
from penstock_testkit.kubernetes.api_refusals import ApiRefusedError, forbidden, not_found
from penstock_testkit.kubernetes.cluster_store import RESOURCES, Object, ObjectStore, now_text
from penstock_testkit.kubernetes.controllers import Controllers, deleted_first
from penstock_testkit.kubernetes.running.node import Node
from penstock_testkit.kubernetes.validation import check
from penstock_testkit.kubernetes.watching import WatchFaults
from penstock_testkit.saas import App, HttpAnswer, HttpRequest, plain_http

_FINAL = ("Succeeded", "Failed")


class KubeCluster(App):
    """A cluster that answers like an API server.

    Args:
        folder: For volumes; one of its own unless given.

    Attributes:
        token: What lets a client in; its user is ``system:serviceaccount:default:penstock``.
        denied: Pairs of verb and resource that the user may not do, such as ``("create", "pods")``.
        quotas: The most pods of a namespace that have not ended, by its name.
        admission: What changes pods before they are kept, or refuses them, as webhooks and LimitRanges do.
        node: Where pods run.
        watches: What is done to watches.
    """

    name = "Kubernetes"
    hosts = ("api.kube.example",)
    tables = (routes.table,)

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__()
        self._own = Path(tempfile.mkdtemp(prefix="kube-")) if folder is None else None
        self.token, self.user = "a-token-of-the-cluster", "system:serviceaccount:default:penstock"
        self.denied: set[tuple[str, str]] = set()
        self.quotas: dict[str, int] = {}
        self.admission: list[Callable[[Object], Object]] = []
        self.store, self.watches = ObjectStore(), WatchFaults()
        self.node = Node(self.store, folder or self._own or Path())
        self.controllers = Controllers(self.store, self.create_pod, self.delete, self.node.event)
        for name in ("default", "kube-system"):
            self.store.create("namespaces", {"metadata": {"name": name}, "status": {"phase": "Active"}})

    @contextlib.contextmanager
    def serving(self, port: int = 0) -> Iterator[str]:
        """Answer at a loopback port, and run pods; at the end no process is left.

        Args:
            port: 0 takes a free one.

        Yields:
            The URL.
        """
        self.controllers.start()
        try:
            with plain_http(self, port) as url:
                yield url
        finally:
            self.store.close()
            self.controllers.join(60)
            for each in list(self.node.pods.values()):
                each.join(60)
            if self._own is not None:
                shutil.rmtree(self._own, ignore_errors=True)

    def handle(self, request: HttpRequest) -> HttpAnswer:
        """Answer who has the token; refusals are Status objects."""
        if request.header("Authorization").partition(" ")[2] != self.token:
            return ApiRefusedError(401, "Unauthorized").answer
        try:
            return super().handle(request)
        except ApiRefusedError as error:
            return error.answer

    def refusal(self, request: HttpRequest, status: int) -> HttpAnswer:
        """A failure of the server, as a Status."""
        del request
        words = {
            401: "Unauthorized",
            429: "the server has received too many requests and has asked us to try again later",
        }
        return ApiRefusedError(
            status, words.get(status, "an error on the server has prevented the request"), _word(status)
        ).answer

    def may(self, verb: str, resource: str, name: str, namespace: str) -> None:
        """Refuse what the user may not do, and what is in a namespace that is not there.

        Raises:
            ApiRefusedError: 403 or 404.
        """
        if (verb, resource) in self.denied:
            group = "batch" if resource == "jobs" else ""
            place = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
            raise forbidden(
                resource, name, f'User "{self.user}" cannot {verb} resource "{resource}" in API group "{group}"{place}'
            )
        if verb == "create" and namespace and not self.store.has("namespaces", namespace):
            raise not_found("namespaces", namespace)
        if verb == "create" and namespace and self._terminates(namespace):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise forbidden(resource, name, why)

    def create(self, resource: str, made: Object, namespace: str, *, dry: bool = False) -> Object:
        """Check an object and keep it; a pod is run.

        Raises:
            ApiRefusedError: 422, 409, or 403 for a quota.
        """
        known = RESOURCES[resource]
        made.setdefault("metadata", {})
        check(known.kind, made)
        if resource == "pods":
            return self.create_pod(made, namespace, dry=dry)
        if resource == "jobs":
            made["status"] = {}
        if resource == "secrets":
            routes.take_string_data(made)
        return made if dry else self.store.create(resource, made, namespace)

    def create_pod(self, made: Object, namespace: str, *, dry: bool = False) -> Object:
        """Keep a pod and run it.

        Raises:
            ApiRefusedError: 422, 409, or 403 for a quota.
        """
        check("Pod", made)
        for each in self.admission:
            made = each(made)
        with self.store.changed:
            used = sum(each["status"].get("phase") not in _FINAL for each in self.store.all("pods", namespace))
            most = self.quotas.get(namespace)
            if most is not None and used >= most:
                name = made["metadata"].get("name") or made["metadata"]["generateName"]
                raise forbidden(
                    "pods", name, f"exceeded quota: compute, requested: pods=1, used: pods={used}, limited: pods={most}"
                )
            spec = {
                "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
                "serviceAccountName": "default", "schedulerName": "default-scheduler", **made["spec"],
            }  # fmt: skip
            made = {**made, "spec": spec, "status": {"phase": "Pending", "qosClass": "BestEffort"}}
            if dry:
                return made
            kept = self.store.create("pods", made, namespace)
            self.node.run(kept)
            return kept

    def delete(self, resource: str, name: str, namespace: str, grace_s: float | None = None) -> Object | None:
        """Delete an object, and what belongs to it alone; a pod ends first.

        Returns:
            It, as it is now; None if it was not there.
        """
        if resource != "pods":
            found = self.store.remove(resource, name, namespace)
            if resource == "namespaces":
                for kind in ("jobs", "pods", "secrets", "configmaps", "events"):
                    for each in self.store.all(kind, name):
                        self.delete(kind, each["metadata"]["name"], name)
            return found

        def mark(pod: Object) -> None:
            metadata = pod["metadata"]
            spec_s = pod["spec"].get("terminationGracePeriodSeconds", 30)
            metadata["deletionGracePeriodSeconds"] = int(spec_s if grace_s is None else grace_s)
            metadata.setdefault("deletionTimestamp", now_text())

        marked = self.store.update("pods", name, namespace, mark)
        if marked is not None:
            self.node.delete(name, namespace, float(marked["metadata"]["deletionGracePeriodSeconds"]))
        return marked

    def terminate(self, namespace: str) -> None:
        """Let a namespace begin to go: its objects are there still, and nothing new is taken."""
        self.store.update("namespaces", namespace, "", lambda found: found.update(status={"phase": "Terminating"}))

    def _terminates(self, namespace: str) -> bool:
        return bool(self.store.get("namespaces", namespace).get("status", {}).get("phase") == "Terminating")

    def pods(self, namespace: str = "") -> dict[str, Object]:
        """The pods that are there, by name."""
        return {each["metadata"]["name"]: each for each in self.store.all("pods", namespace)}

    def scale_in(self, labels: dict[str, str], replicas: int) -> list[str]:
        """Delete pods until so many are left, in the order of the controller of ReplicaSets.

        Args:
            labels: What the pods have.
            replicas: How many are to be left.

        Returns:
            The names of those that were deleted.
        """
        mine = [
            each
            for each in self.store.all("pods")
            if labels.items() <= (each["metadata"].get("labels") or {}).items()
            and not each["metadata"].get("deletionTimestamp")
            and each["status"].get("phase") not in _FINAL
        ]
        mine.reverse()  # of those that are alike the youngest is the first
        gone = sorted(mine, key=deleted_first)[: max(0, len(mine) - replicas)]
        for each in gone:
            self.delete("pods", each["metadata"]["name"], each["metadata"]["namespace"])
        return [each["metadata"]["name"] for each in gone]

    def secret(self, name: str, namespace: str = "default", **values: str) -> None:
        """Put a Secret there, for a test."""
        made: dict[str, Any] = {"metadata": {"name": name}, "stringData": values, "type": "Opaque"}
        self.create("secrets", made, namespace)


def _word(status: int) -> str:
    return {429: "TooManyRequests", 401: "Unauthorized", 503: "ServiceUnavailable", 504: "Timeout"}.get(
        status, "InternalError"
    )
