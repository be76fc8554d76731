"""What a task keeps of its pod between its looks, and from one process to the next: how far a log is read, how it ended."""

from typing import Any

from penstock import get_current_context
from penstock.errors import RequestError
from penstock_kubernetes.hooks.cluster_log import LogPlace

_ENDED, _LOGS = "kubernetes_ended", "kubernetes_logs"


class KeptOfJob:
    """What is kept of one pod or job; of another one nothing counts.

    Args:
        job_id: Whose it is.
    """

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self._here: dict[str, Any] = {}

    @property
    def ended(self) -> dict[str, Any] | None:
        """How it ended, if that was seen: after its deletion nobody else knows."""
        found = self._get(_ENDED)
        return found if isinstance(found, dict) and found.get("job") == self.job_id else None

    def end(self, how: dict[str, Any]) -> None:
        """Keep how it ended, before it is deleted."""
        self._set(_ENDED, {"job": self.job_id, **how})

    def positions(self) -> dict[str, LogPlace]:
        """How far each log is read."""
        found = self._get(_LOGS)
        if not isinstance(found, dict) or found.get("job") != self.job_id:
            return {}
        return {name: LogPlace(str(place[0]), int(place[1])) for name, place in found.get("positions", {}).items()}

    def read_to(self, positions: dict[str, LogPlace]) -> None:
        """Keep how far the logs are read."""
        self._set(_LOGS, {"job": self.job_id, "positions": {name: list(place) for name, place in positions.items()}})

    def _get(self, key: str) -> Any:  # noqa: ANN401 - a checkpoint
        try:
            return get_current_context()["checkpoints"].get(key)
        except RequestError:  # asked outside of a task
            return self._here.get(key)

    def _set(self, key: str, value: dict[str, Any]) -> None:
        try:
            get_current_context()["checkpoints"].set(key, value)
        except RequestError:
            self._here[key] = value
