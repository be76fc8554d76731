"""``task_state`` and ``asset_state``: what a task, or an asset, keeps from run to run."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from penstock.errors import RequestError

if TYPE_CHECKING:
    from penstock.author.run.context import Context

_ATTEMPTS = 100


class KeptState:
    """Values by key that outlast runs: those of a task, or those of an asset.

    All instances of a task in all of its runs share them; an asset's are shared by all tasks of all DAGs. Values are those of XComs,
    and have at most 65,536 bytes of JSON; there are 1,000 keys at most. A value is durable when `set` returns, and a try that
    was given up changes nothing.
    """

    def __init__(self, context: "Context", asset: str = "") -> None:
        self._runtime, self._asset = context.runtime, asset

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - any value
        """The value that is kept under a key, or a default; raises `penstock.errors.RequestError`."""
        return self._read(key, default)[0]

    def set(self, key: str, value: Any) -> None:  # noqa: ANN401 - any value
        """Keep a value under a key; None deletes it.

        Raises:
            penstock.errors.RequestError: The key is none, the value is too large, or there are too many.
            penstock.errors.SupersededError: This try is over: another one goes on with the task, or nobody does.
            penstock.model.values.not_serialisable.NotSerialisableError: The value has no JSON form.
        """
        self._write(key, value, None)

    def delete(self, key: str) -> None:
        """Delete what is kept under a key, if anything is; raises as `set`."""
        self._write(key, None, None)

    def update(self, key: str, change: Callable[[Any], Any], default: Any = None) -> Any:  # noqa: ANN401 - any value
        """Keep what a function makes of the present value, and nothing that another one has set meanwhile is lost.

        Args:
            key: The key.
            change: Given the present value, or the default, returns the new one; it is called again if the value was changed meanwhile.
            default: What stands for a value if none is kept.

        Returns:
            The new value.

        Raises:
            penstock.errors.RequestError: As `set`, or others change it all the time.
            penstock.errors.SupersededError: As `set`.
        """
        for _ in range(_ATTEMPTS):
            present, number = self._read(key, default)
            changed = change(present)
            if self._write(key, changed, number):
                return changed
        raise RequestError(
            f"the state {key!r} was changed by others {_ATTEMPTS} times while it was to be updated. Try again."
        )

    def _read(self, key: str, default: Any) -> tuple[Any, int]:  # noqa: ANN401 - any value
        from penstock.model.values.value import from_plain  # noqa: PLC0415 - only a task that asks needs msgspec

        found = self._runtime.kept_state(self._asset, key)
        return (default, 0) if found is None else (from_plain(found[1]), found[0])

    def _write(self, key: str, value: Any, number: int | None) -> bool:  # noqa: ANN401 - any value
        from penstock.model.values.value import to_plain  # noqa: PLC0415 - as above

        plain = None if value is None else to_plain(value, typed=True)
        return self._runtime.set_kept_state(self._asset, key, plain, number)


class AssetStates:
    """``asset_state``: by asset, or its URI, what it keeps."""

    def __init__(self, context: "Context") -> None:
        self._context = context

    def __getitem__(self, asset: Any) -> KeptState:  # noqa: ANN401 - an Asset or a text
        uri = asset if isinstance(asset, str) else getattr(asset, "uri", "")
        if not uri or not isinstance(uri, str):
            raise RequestError(f"asset_state[{asset!r}]: it is no asset. Give an Asset, or its URI.")
        return KeptState(self._context, uri)
