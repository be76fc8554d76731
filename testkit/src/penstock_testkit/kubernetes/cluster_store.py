"""What the API server keeps: objects with one counter of versions, and the history from which watches are told.

One counter for all resources, as etcd's revision is: an object's ``resourceVersion`` is that of its last change, a list's that
of the newest. History can be compacted; whoever asks for what is older is told that it has expired.
"""

import copy
import itertools
import threading
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from penstock_testkit.kubernetes.api_refusals import already_exists, not_found

Object = dict[str, Any]


class Resource(NamedTuple):
    """One resource of the API.

    Attributes:
        name: In the plural, as in its path.
        kind: Of its objects.
        group_version: Such as ``v1`` or ``batch/v1``.
        model: That of the official client.
        namespaced: Whether its objects are in namespaces.
    """

    name: str
    kind: str
    group_version: str
    model: str
    namespaced: bool = True


RESOURCES = {
    each.name: each
    for each in (
        Resource("namespaces", "Namespace", "v1", "V1Namespace", namespaced=False),
        Resource("pods", "Pod", "v1", "V1Pod"),
        Resource("secrets", "Secret", "v1", "V1Secret"),
        Resource("configmaps", "ConfigMap", "v1", "V1ConfigMap"),
        Resource("events", "Event", "v1", "CoreV1Event"),
        Resource("jobs", "Job", "batch/v1", "V1Job"),
    )
}


class Change(NamedTuple):
    """One entry of the history.

    Attributes:
        version: The counter after it.
        what: ADDED, MODIFIED or DELETED.
        resource: Whose.
        found: The object after it; of a deleted one, as it was last.
        before: The object before it, if there was one.
    """

    version: int
    what: str
    resource: str
    found: Object
    before: Object | None


def now_text() -> str:
    """The present, as the API writes instants: to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class ObjectStore:
    """All objects of a cluster.

    Attributes:
        changed: Notified at each change; its lock guards everything here.
        history: What happened since `oldest`.
        oldest: A watch from before this version has expired.
        closed: Whether everything that waits should give up.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.history: list[Change] = []
        self.oldest, self.closed = 0, False
        self._version = 1
        self._names = itertools.count(1)
        self._objects: dict[str, dict[tuple[str, str], Object]] = {name: {} for name in RESOURCES}

    @property
    def version(self) -> int:
        """The counter."""
        return self._version

    def create(self, resource: str, made: Object, namespace: str = "") -> Object:
        """Add an object; raises `penstock_testkit.kubernetes.api_refusals.ApiRefusedError` for a name that is taken."""
        known = RESOURCES[resource]
        with self.changed:
            made = copy.deepcopy(made)
            metadata = made.setdefault("metadata", {})
            if not metadata.get("name"):
                metadata["name"] = f"{metadata['generateName']}{next(self._names):05x}"
            key = (namespace, metadata["name"])
            if key in self._objects[resource]:
                raise already_exists(resource, metadata["name"])
            made |= {"kind": known.kind, "apiVersion": known.group_version}
            metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": now_text()}
            if known.namespaced:
                metadata["namespace"] = namespace
            return self._kept(resource, key, made, "ADDED")

    def get(self, resource: str, name: str, namespace: str = "") -> Object:
        """An object as it is; raises a refusal if there is none."""
        with self.changed:
            found = self._objects[resource].get((namespace, name))
            if found is None:
                raise not_found(resource, name)
            return copy.deepcopy(found)

    def has(self, resource: str, name: str, namespace: str = "") -> bool:
        """Whether there is one of this name."""
        with self.changed:
            return (namespace, name) in self._objects[resource]

    def all(self, resource: str, namespace: str = "") -> list[Object]:
        """The objects of a resource, by name; "" for those of every namespace."""
        with self.changed:
            found = [each for (space, _), each in self._objects[resource].items() if namespace in ("", space)]
            return copy.deepcopy(
                sorted(found, key=lambda each: (each["metadata"].get("namespace", ""), each["metadata"]["name"]))
            )

    def update(self, resource: str, name: str, namespace: str, change: Callable[[Object], object]) -> Object | None:
        """Change an object in place; None if it is gone, and nothing happens if nothing changes."""
        with self.changed:
            key = (namespace, name)
            before = self._objects[resource].get(key)
            if before is None:
                return None
            made = copy.deepcopy(before)
            change(made)
            return copy.deepcopy(before) if made == before else self._kept(resource, key, made, "MODIFIED", before)

    def remove(self, resource: str, name: str, namespace: str = "") -> Object | None:
        """Take an object away, and what belongs to it alone; None if it is gone."""
        with self.changed:
            found = self._objects[resource].pop((namespace, name), None)
            if found is None:
                return None
            made = copy.deepcopy(found)
            self._version += 1
            made["metadata"]["resourceVersion"] = str(self._version)
            self._record(Change(self._version, "DELETED", resource, made, found))
            return made

    def owned(self, uid: str) -> list[tuple[str, Object]]:
        """The objects that name an owner of this uid, and their resources."""
        with self.changed:
            found = [
                (kind, each)
                for kind, objects in self._objects.items()
                for each in objects.values()
                if any(owner["uid"] == uid for owner in each["metadata"].get("ownerReferences") or ())
            ]
            return copy.deepcopy(found)

    def uids(self) -> set[str]:
        """Those of all objects that may own others."""
        with self.changed:
            return {
                each["metadata"]["uid"]
                for resource, objects in self._objects.items()
                if resource != "events"  # which own nothing, and are many
                for each in objects.values()
            }

    def since(self, version: int, resources: Iterable[str]) -> list[Change]:
        """What happened to resources after a version."""
        wanted = set(resources)
        with self.changed:
            begin = max(0, len(self.history) - (self._version - version))  # at most one entry a version
            return [each for each in self.history[begin:] if each.version > version and each.resource in wanted]

    def compact(self) -> None:
        """Forget the history: every version that somebody has seen has expired."""
        with self.changed:
            self._version += 1
            self.oldest = self._version
            self.history.clear()
            self.changed.notify_all()

    def close(self) -> None:
        """Let go everybody who waits."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def _kept(
        self, resource: str, key: tuple[str, str], made: Object, what: str, before: Object | None = None
    ) -> Object:
        self._version += 1
        made["metadata"]["resourceVersion"] = str(self._version)
        self._objects[resource][key] = made
        self._record(Change(self._version, what, resource, copy.deepcopy(made), before))
        return copy.deepcopy(made)

    def _record(self, change: Change) -> None:
        self.history.append(change)
        self.changed.notify_all()
