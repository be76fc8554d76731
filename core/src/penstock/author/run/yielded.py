"""What the function of a task yields."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from penstock.author.assets.metadata import Metadata
from penstock.errors import FailTask

if TYPE_CHECKING:
    from penstock.author.run.context import Context


def returned(task: object, given: Generator[Any, Any, Any], context: "Context") -> Any:  # noqa: ANN401 - any value
    """Take in what a generator yields, and return what it returns; raises FailTask if it yields anything but `Metadata`."""
    while True:
        try:
            each = next(given)
        except StopIteration as stop:
            return stop.value
        if not isinstance(each, Metadata):
            raise FailTask(
                f"{task}: its function yielded {each!r:.200}; it yields Metadata(asset, {{...}}) of its outlets alone. Return a list."
            )
        if each.alias is not None:
            context["outlet_events"][each.alias].add(each.asset, each.extra)
            continue
        event = context["outlet_events"][each.asset]
        event.extra = {**event.extra, **(each.extra or {})}
