"""Values of tasks as a try takes them: a mapped task's results page by page, and several values joined."""

from collections.abc import Callable, Sequence
from typing import Any

from penstock.author.run.values import resolve_value
from penstock.author.runtime import Runtime
from penstock.author.xcom.arg import NO_FILL, ConcatenatedXCom, TransformedXCom, XComArg, XComValue, ZippedXCom
from penstock.author.xcom.sequences import ConcatenatedSequence, LazySequence, TransformedSequence, ZippedSequence
from penstock.errors import FailTask
from penstock.model.attempt import Gathered, MappedElement


def element_of(value: XComValue, element: MappedElement, decoded: Callable[[bytes], Any]) -> Any:  # noqa: ANN401 - any value
    """The one element that an instance takes of what it is mapped over.

    Args:
        value: What it is mapped over.
        element: What it was given of each task's value.
        decoded: Makes the value of JSON.
    """
    if isinstance(value, TransformedXCom):
        return value.function(element_of(value.parts[0], element, decoded))
    if isinstance(value, ZippedXCom):
        pairs = zip(value.parts, element.parts, strict=True)
        return tuple(value.fillvalue if part is None else element_of(each, part, decoded) for each, part in pairs)
    if isinstance(value, ConcatenatedXCom):
        pairs = zip(value.parts, element.parts, strict=True)
        return next(element_of(each, part, decoded) for each, part in pairs if part is not None)
    return decoded(element.json)


def whole_of(value: XComValue, resolve: Callable[[XComValue], Any]) -> Any:  # noqa: ANN401 - any value
    """All of a value, as a task gets it that is not mapped over it; what is joined is a sequence.

    Args:
        value: The value.
        resolve: Finds what is not joined.

    Raises:
        FailTask: A value that is joined is no list or dict.
    """
    if isinstance(value, TransformedXCom):
        return TransformedSequence(_elements(value.parts[0], resolve), value.function)
    if isinstance(value, ZippedXCom):
        fill = () if value.fillvalue is NO_FILL else (value.fillvalue,)
        return ZippedSequence([_elements(part, resolve) for part in value.parts], fill)
    if isinstance(value, ConcatenatedXCom):
        return ConcatenatedSequence([_elements(part, resolve) for part in value.parts])
    return resolve(value)


def _elements(value: XComValue, resolve: Callable[[XComValue], Any]) -> Sequence[Any]:
    found = whole_of(value, resolve)
    if isinstance(found, dict):
        return list(found.items())
    if isinstance(found, list | tuple | LazySequence):
        return found
    raise FailTask(f"{value!r} is a {type(found).__name__}, and only lists and dicts can be joined or mapped")


class GatheredSequence(LazySequence):
    """What the instances of a mapped task left, in the order of the mapping; a page of it is in memory at a time.

    Args:
        runtime: Answers with pages.
        arg: The value of the mapped task.
        found: How many values there are.
    """

    def __init__(self, runtime: Runtime, arg: XComArg, found: Gathered) -> None:
        self._runtime, self._found = runtime, found
        self._task_id, self._key = arg.operator.task_id, arg.key
        self._start, self._page = 0, list[tuple[int, Any]]()

    def __len__(self) -> int:
        return self._found.count

    def _element(self, index: int) -> Any:  # noqa: ANN401 - any value
        name = f"the value {self._key!r} of task {self._task_id!r}"
        if not 0 <= index - self._start < len(self._page):
            self._turn_to(index)
        if index - self._start >= len(self._page):
            raise FailTask(
                f"element {index} of {name} is not there any more: the task was cleared. Clear this one, too."
            )
        return resolve_value(self._page[index - self._start][1], self._runtime, name)

    def _turn_to(self, index: int) -> None:
        """Read the page with an element: at once if its place is its map index, else through those before it."""
        if self._found.dense:
            self._start, self._page = index, self._read(index)
            return
        if index < self._start or not self._page:
            self._start, self._page = 0, self._read(0)
        while self._page and index - self._start >= len(self._page):
            self._start += len(self._page)
            self._page = self._read(self._page[-1][0] + 1)

    def _read(self, first: int) -> list[tuple[int, Any]]:
        return self._runtime.xcom_page(self._task_id, self._key, first)
