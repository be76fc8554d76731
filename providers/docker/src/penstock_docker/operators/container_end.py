"""How a container ended, kept as a checkpoint before it is removed: nobody can ask the engine afterwards."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from penstock.errors import ErrorKind

_KEY = "docker.end"


@dataclass(frozen=True)
class ContainerEnd:
    """How a container ended.

    Attributes:
        container_id: The container.
        outcome: What its task is for it.
        reason: Why it failed or is skipped, as a sentence without its full stop.
        kind: Of a failure: whether a new container may do better.
        value: What it left.
        digest: The digest of its image.
    """

    container_id: str
    outcome: Literal["success", "failed", "skipped"]
    reason: str = ""
    kind: str = ErrorKind.JOB_FAILED.value
    value: Any = None
    digest: str = ""

    @classmethod
    def kept(cls, checkpoints: Any, container_id: str) -> Self | None:  # noqa: ANN401 - of the task's context
        """How this container ended, if somebody saw it."""
        found = checkpoints.get(_KEY)
        return cls(**found) if found and found["container_id"] == container_id else None

    def keep(self, checkpoints: Any) -> None:  # noqa: ANN401 - as above
        """Keep it; durable on return."""
        checkpoints.set(_KEY, {**asdict(self), "kind": str(self.kind)})
