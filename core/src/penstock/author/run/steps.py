"""``step``: a part of a task that is done once, however often the task is tried."""

import re
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Literal, get_args

from penstock.author.run.context import get_current_context
from penstock.errors import FailTask

if TYPE_CHECKING:
    from penstock.author.run.context import Context

OnChange = Literal["fail", "reuse", "rerun"]
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_LONGEST_KEY = 100


def step(
    name: str,
    function: Callable[..., Any],
    *args: Any,  # noqa: ANN401 - the function's own
    key: str | int = "",
    version: str | int = 1,
    on_change: OnChange = "fail",
) -> Any:  # noqa: ANN401 - the function's value
    """Call a function once for all tries of a task instance, and return its value in each of them.

    The value is durable when this returns: a later try gets it without a call. A try that is killed before that calls the
    function again, so it is called at least once, and its value is kept once. A function that raises has kept nothing.

    Args:
        name: What identifies the step within the task, with the key: letters, digits, ``-``, ``_`` and ``.``.
        function: Does the work. If it is ``async``, what this returns is awaited.
        *args: What it is called with; they are no part of the step's identity.
        key: Tells steps of one name apart, such as those of a loop: text of up to 100 characters, or a number.
        version: Of the work: change it with the code, when values that earlier tries have kept are of no use to it.
        on_change: What becomes of a value that another version has kept: the task fails, the value is returned, or the
            function is called again.

    Returns:
        What the function returned, as a later try will have it: a value that an XCom can be.

    Raises:
        penstock.errors.RequestError: No task runs, or the task has too many steps.
        penstock.errors.FailTask: The name, the key or ``on_change`` cannot be one, the try has begun this step already, another version has
            kept the value, or a large value is gone from the object store.
        penstock.errors.SupersededError: This try is over; what it does counts no more.
        penstock.model.values.not_serialisable.NotSerialisableError: The value cannot be kept.
    """
    begun = _Step(get_current_context(), name, key, version)
    if on_change not in get_args(OnChange):
        raise FailTask(
            f"step {name!r}: on_change is {on_change!r}; write {' or '.join(map(repr, get_args(OnChange)))}."
        )
    if not callable(function):
        raise FailTask(f"step {name!r}: what it does is {function!r}; give a function, and its arguments after that.")
    if iscoroutinefunction(function):
        return begun.awaited(function, args, on_change)
    done, value = begun.found(on_change)
    return value if done else begun.kept(function(*args))


class _Step:
    """A step of a try."""

    def __init__(self, context: "Context", name: str, key: str | int, version: str | int) -> None:
        from penstock.model.names import STEP  # noqa: PLC0415 - only a task with steps needs msgspec

        self._runtime, self._version = context.runtime, version
        self._label = f"step {name!r}" if key == "" else f"step {name!r} with the key {key!r}"
        _check(name, key, self._label)
        self._place = f"{STEP}{name}" if key == "" else f"{STEP}{name}:{key}"
        # Atomic: threads of a task may begin their steps at once.
        if context.begun_steps.setdefault(self._place, self) is not self:
            raise FailTask(f"{self._label} has begun twice in this try. Give each a name or a key of its own.")

    def found(self, on_change: str) -> tuple[bool, Any]:
        """Whether an earlier try has done the step, and the value that it kept."""
        from penstock.author.run.values import resolve_value  # noqa: PLC0415 - only a task with steps needs msgspec

        plain = self._runtime.checkpoint(self._place)
        if plain is None:
            return False, None
        record = resolve_value(plain, self._runtime, f"what {self._label} has kept")
        if record["version"] == self._version or on_change == "reuse":
            return True, record["value"]
        if on_change == "rerun":
            return False, None
        raise FailTask(
            f"{self._label} was done by version {record['version']!r} of its code in an earlier try, and is version "
            f"{self._version!r} now. Clear the task to do all its steps again, or give step() on_change='reuse' or 'rerun'."
        )

    def kept(self, value: Any) -> Any:  # noqa: ANN401 - the function's value
        """Keep what the function returned."""
        from penstock.model.values.value import from_plain, to_plain  # noqa: PLC0415 - only a task with steps needs msgspec

        plain = to_plain(value, typed=True)
        self._runtime.set_checkpoint(self._place, {"version": self._version, "value": plain})
        return from_plain(plain, typed=True)

    async def awaited(self, function: Callable[..., Any], args: tuple[Any, ...], on_change: str) -> Any:  # noqa: ANN401 - as above
        """Do the step of an ``async`` function."""
        done, value = self.found(on_change)
        return value if done else self.kept(await function(*args))


def _check(name: object, key: object, label: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise FailTask(f"{label}: a name has 1 to 100 letters, digits, '-', '_' and '.'.")
    text = str(key)
    if not isinstance(key, str | int) or len(text) > _LONGEST_KEY or text != text.strip() or not text.isprintable():
        raise FailTask(
            f"{label}: a key is a number, or has up to {_LONGEST_KEY} printable characters and no space at either end."
        )
