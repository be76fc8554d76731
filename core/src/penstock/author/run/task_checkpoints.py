"""``checkpoints``: what a task keeps for its own later tries."""

from typing import TYPE_CHECKING, Any

from penstock.errors import RequestError

if TYPE_CHECKING:
    from penstock.author.run.context import Context


NEVER_EXPIRE = "never"
"""For ``retention`` of Airflow's store: as long as there is the run."""


class TaskCheckpoints:
    """``context["checkpoints"]``: values by key that this task instance keeps from try to try.

    They outlast failed and lost tries and restarts of Penstock; each map index has its own. A clear deletes them, and so does
    the retention of runs. Values are those of XComs; a large one is kept in the object store. There are 100 keys at most. A
    value is durable when `set` returns, and an earlier try that lives on cannot overwrite it.
    """

    def __init__(self, context: "Context") -> None:
        self._runtime = context.runtime

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - any value
        """The value that was kept under a key, or a default.

        Raises:
            penstock.errors.SupersededError: This try is over.
            penstock.errors.FailTask: The value is large, and is gone from the object store.
        """
        from penstock.author.run.values import resolve_value  # noqa: PLC0415 - only a task that asks needs msgspec

        plain = self._runtime.checkpoint(key)
        return default if plain is None else resolve_value(plain, self._runtime, f"the checkpoint {key!r}")

    def set(self, key: str, value: Any, *, retention: str | None = None) -> None:  # noqa: ANN401 - any value
        """Keep a value under a key; None deletes it.

        Args:
            key: The key.
            value: The value.
            retention: None or `NEVER_EXPIRE`: a checkpoint lives as long as its run.

        Raises:
            penstock.errors.RequestError: The key is Penstock's own, there are too many, or another retention is asked for.
            penstock.errors.SupersededError: This try is over: another one goes on with the task, or nobody does.
            penstock.model.values.not_serialisable.NotSerialisableError: The value has no JSON form.
        """
        from penstock.model.names import OWN_CHECKPOINTS  # noqa: PLC0415 - only a task that asks needs msgspec
        from penstock.model.values.value import to_plain  # noqa: PLC0415 - as above

        if retention not in (None, NEVER_EXPIRE):
            raise RequestError(
                f"checkpoint {key!r}: retention is {retention!r}, and a checkpoint lives as long as its run. "
                "Keep the instant beside the value, and look at it."
            )
        if key.startswith(OWN_CHECKPOINTS):
            raise RequestError(
                f"checkpoint {key!r}: keys that begin with {OWN_CHECKPOINTS!r} are Penstock's own. Choose another."
            )
        self._runtime.set_checkpoint(key, None if value is None else to_plain(value, typed=True))

    def delete(self, key: str) -> None:
        """Delete what was kept under a key, if anything was; raises as `set`."""
        self.set(key, None)

    async def aget(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - any value
        """The same as `get`, for ``async`` functions; raises as that does."""
        return self.get(key, default)

    async def aset(self, key: str, value: Any, *, retention: str | None = None) -> None:  # noqa: ANN401 - any value
        """The same as `set`, for ``async`` functions; raises as that does."""
        self.set(key, value, retention=retention)

    async def adelete(self, key: str) -> None:
        """The same as `delete`, for ``async`` functions; raises as `set`."""
        self.delete(key)
