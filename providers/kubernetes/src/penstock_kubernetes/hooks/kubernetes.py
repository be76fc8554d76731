"""The hook: objects of a cluster as plain JSON."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from penstock.errors import ErrorKind, ProviderError
from penstock_kubernetes.errors import odd_answer
from penstock_kubernetes.hooks.api_objects import api_object, page_of
from penstock_kubernetes.hooks.base import KubernetesBase, Object
from penstock_kubernetes.hooks.clients import Answer, path_of

_PAGE = 500
_VERSIONS = {"jobs": "batch/v1"}
_MERGE = "application/merge-patch+json"


class KubernetesHook(KubernetesBase):
    """A client of the API server.

    Objects are the JSON of the API. A name that is taken, or an object that is not there, is told by the answer where that says
    more than an error.

    Args:
        kubernetes_conn_id: Name of the connection, of type ``kubernetes``.
        connection: The connection itself, in place of its name.
    """

    def create(self, resource: str, made: Object, namespace: str = "", *, dry: bool = False) -> Object | None:
        """Create an object; fields that the cluster does not know are refused.

        Args:
            resource: Such as ``pods``, ``jobs`` or ``secrets``.
            made: The object, with its name.
            namespace: Where; the connection's unless given.
            dry: Whether it is only checked.

        Returns:
            It, as it was created; None if there is one of this name.

        Raises:
            ProviderError: It was refused, or nobody knows.
        """
        namespace = namespace or self.namespace
        query: dict[str, str | int] = {"fieldValidation": "Strict", "fieldManager": "penstock"}
        if dry:
            query["dryRun"] = "All"
        operation, what = f"create {resource}", _shown(namespace, made)
        try:
            found = self.asked("POST", self._path(resource, namespace), operation, what, query=query, body=made)
        except ProviderError as error:
            if error.code == "AlreadyExists":
                return None
            raise
        # What is only checked is kept nowhere, and may have no uid.
        return found if dry and "metadata" in found else api_object(found, operation=operation, what=what)

    def get(self, resource: str, name: str, namespace: str = "") -> Object | None:
        """An object; None if there is none of this name."""
        namespace = namespace or self.namespace
        operation, what = f"get {resource}", f"{namespace}/{name}"
        try:
            found = self.asked("GET", self._path(resource, namespace, name), operation, what)
            return api_object(found, operation=operation, what=what)
        except ProviderError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                return None
            raise

    def listed(
        self, resource: str, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> tuple[list[Object], str]:
        """All objects that selectors mean, and the version from which a watch goes on.

        Args:
            resource: Such as ``pods``.
            namespace: Where; the connection's unless given.
            labels: A label selector.
            fields: A field selector.
        """
        namespace, found = namespace or self.namespace, list[Object]()
        query: dict[str, str | int] = {"limit": _PAGE}
        query |= {name: text for name, text in (("labelSelector", labels), ("fieldSelector", fields)) if text}
        operation = f"list {resource}"
        while True:
            answer = self.asked("GET", self._path(resource, namespace), operation, namespace, query=query)
            items, metadata = page_of(answer, operation=operation, what=namespace)
            found += items
            following = str(metadata.get("continue", ""))
            if not following:
                return found, str(metadata["resourceVersion"])
            if following == query.get("continue"):
                raise odd_answer(
                    "a list that has no end: its pages lead to themselves", operation=operation, what=namespace
                )
            query["continue"] = following

    def watch(self, resource: str, namespace: str, query: Mapping[str, str | int], read_timeout_s: float) -> Answer:
        """A stream of events, one a line, which whoever asks closes."""
        return self.opened(
            self._path(resource, namespace),
            f"watch {resource}",
            namespace,
            {"watch": "true", **query},
            read_timeout_s=read_timeout_s,
        )

    def annotate(self, resource: str, name: str, namespace: str, annotations: Mapping[str, str | None]) -> bool:
        """Add annotations to an object, or take those away that are None; False if it is gone."""
        body = {"metadata": {"annotations": dict(annotations)}}
        path = self._path(resource, namespace, name)
        try:
            self.asked("PATCH", path, f"patch {resource}", f"{namespace}/{name}", body=body, content_type=_MERGE)
        except ProviderError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                return False
            raise
        return True

    def delete(
        self,
        resource: str,
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        grace_s: int | None = None,
        dry: bool = False,
    ) -> bool:
        """Delete an object, and what it owns; False if it is gone, or if another one has its name.

        Args:
            resource: Such as ``pods``.
            name: Its name.
            namespace: Where; the connection's unless given.
            uid: Only the object with this uid is meant; "" for any of the name.
            grace_s: Seconds that a pod has to end; what its spec says unless given.
            dry: Whether it is only asked whether it may be done.
        """
        namespace = namespace or self.namespace
        body: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        body |= {"preconditions": {"uid": uid}} if uid else {}
        body |= {} if grace_s is None else {"gracePeriodSeconds": grace_s}
        body |= {"dryRun": ["All"]} if dry else {}
        try:
            self.asked(
                "DELETE", self._path(resource, namespace, name), f"delete {resource}", f"{namespace}/{name}", body=body
            )
        except ProviderError as error:
            if error.kind in (ErrorKind.NOT_FOUND, ErrorKind.CONFLICT):
                return False
            raise
        return True

    def delete_and_see(
        self, resource: str, name: str, namespace: str, *, grace_s: int | None, patience_s: float
    ) -> None:
        """Delete an object, and look until it is gone with the pods that it owns.

        Raises:
            ProviderError: Of kind ``timeout``: it is still there after ``patience_s``, as a pod on a lost machine is.
        """
        self.delete(resource, name, namespace, grace_s=grace_s)
        end, pause = time.monotonic() + patience_s, 0.05
        while (left := self.get(resource, name, namespace)) or self._owned_pods(resource, name, namespace):
            if time.monotonic() > end:
                kept = ", ".join(map(str, (left or {}).get("metadata", {}).get("finalizers", ())))
                raise ProviderError(
                    f"{namespace}/{name}: it was deleted {patience_s:.0f} s ago and is still there", service="kubernetes",
                    operation=f"delete {resource}", kind=ErrorKind.TIMEOUT,
                    hint=f"It is kept by its finalizers: {kept}" if kept else
                    "Its machine may be lost: look at kubectl describe, and delete it by force if nothing runs there",
                )  # fmt: skip
            time.sleep(pause)
            pause = min(1.0, 2 * pause)

    def events_of(self, name: str, namespace: str, *, uid: str = "") -> list[Object]:
        """The Events about an object, the newest last; none where they cannot be read, as they decide nothing."""
        about = f"involvedObject.name={name}" + (f",involvedObject.uid={uid}" if uid else "")
        try:
            found, _ = self.listed("events", namespace, fields=about)
        except ProviderError:
            return []
        return sorted(found, key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime") or ""))

    def read_log(self, name: str, namespace: str, *, container: str, since: str = "", last: int = 0) -> Iterator[bytes]:
        """What a container has written so far, each line after its instant, piece by piece.

        Args:
            name: The pod.
            namespace: Its namespace.
            container: The container.
            since: Instant from whose second on lines are wanted; "" for all.
            last: How many lines are wanted, of the end; 0 for all.
        """
        query: dict[str, str | int] = {"container": container, "timestamps": "true"}
        if since:
            query["sinceTime"] = since
        if last:
            query["tailLines"] = last
        what = f"{namespace}/{name}/{container}"
        answer = self.opened(
            path_of("v1", "pods", namespace=namespace, name=name, part="log"), "read a log", what, query
        )
        try:
            with self.errors("read a log", what):
                yield from answer.stream.stream(65536)
        finally:
            answer.stream.close()

    def _owned_pods(self, resource: str, name: str, namespace: str) -> bool:
        if resource != "jobs":
            return False
        return bool(self.listed("pods", namespace, labels=f"batch.kubernetes.io/job-name={name}")[0])

    @staticmethod
    def _path(resource: str, namespace: str, name: str = "") -> str:
        return path_of(_VERSIONS.get(resource, "v1"), resource, namespace=namespace, name=name)


def _shown(namespace: str, made: Mapping[str, Any]) -> str:
    return f"{namespace}/{made.get('metadata', {}).get('name', '')}"
