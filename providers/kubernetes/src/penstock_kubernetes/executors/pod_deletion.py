"""Pods are deleted, and what could not be deleted is deleted later: nothing is left because a server did not answer at the wrong moment."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from penstock.errors import ErrorKind, ProviderError
from penstock_kubernetes.hooks import KubernetesHook

Object = Mapping[str, Any]

_EVERYWHERE = frozenset({ErrorKind.TRANSIENT, ErrorKind.TIMEOUT, ErrorKind.THROTTLED, ErrorKind.AUTH})
"""Failures that the next request would see, too."""
_GONE: Object = {"metadata": {"deletionTimestamp": "gone"}}


class PodDeletion:
    """Deletes pods by the names of their tickets, or as they were seen.

    Args:
        hook: The client.
        namespaces: Where pods may be that were not seen yet.
    """

    def __init__(self, hook: KubernetesHook, namespaces: Sequence[str]) -> None:
        self._hook, self._namespaces = hook, namespaces
        self._left: dict[str, bool] = {}

    def remove(self, names: Iterable[str], pods: Mapping[tuple[str, str], Object]) -> None:
        """Delete the pods of tickets.

        Args:
            names: Those of the tickets.
            pods: The pods that are known, by namespace and name.

        Raises:
            penstock.errors.ProviderError: One of them could not be deleted; `look` tries it again.
        """
        wanted = list(names)
        self._left |= dict.fromkeys(wanted, False)
        self._delete_all(wanted, {name: pod for (_, name), pod in pods.items()})

    def look(self, pods: Mapping[tuple[str, str], Object]) -> None:
        """Delete what could not be deleted before, or is there still as if nobody had asked; raises as `remove` does.

        Args:
            pods: The pods that are there.
        """
        seen = {name: pod for (_, name), pod in pods.items()}
        for name, asked in list(self._left.items()):
            if asked and seen.get(name, _GONE)["metadata"].get("deletionTimestamp"):
                del self._left[name]
        self._delete_all(list(self._left), seen)

    def _delete_all(self, names: Iterable[str], seen: Mapping[str, Object]) -> None:
        failed: list[ProviderError] = []
        for name in names:
            try:
                if name in seen:
                    self.delete(seen[name])
                else:  # created a moment ago, and not seen yet
                    for each in self._namespaces:
                        self._hook.delete("pods", name, each)
                self._left[name] = True
            except ProviderError as error:
                failed.append(error)
                if error.kind in _EVERYWHERE:
                    break
        if failed:
            raise failed[0]

    def delete(self, pod: Object) -> None:
        """Delete a pod as it was seen, and no other one of its name; raises `penstock.errors.ProviderError`."""
        metadata = pod["metadata"]
        if not metadata.get("deletionTimestamp"):
            self._hook.delete("pods", metadata["name"], metadata["namespace"], uid=metadata["uid"])
