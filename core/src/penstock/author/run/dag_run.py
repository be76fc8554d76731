"""``dag_run``: what a try may know of its run."""

from typing import TYPE_CHECKING, Any, NoReturn

from penstock.author.run.absent import absent
from penstock.model.run import RunKind

if TYPE_CHECKING:
    from penstock.author.run.context import Context


class RuntimeDagRun:
    """The run of a try.

    Attributes:
        state: Always "running": who asks is one of its tries.
        run_type: What asked for it, such as "scheduled" or "manual".
        external_trigger: Whether that was something else than its schedule.
        conf: Its configuration.
        start_date: When it began.
        run_after: When it was due.
    """

    state = "running"
    end_date = None

    def __init__(self, context: "Context") -> None:
        facts = context.facts
        self.dag_id, self.run_id, self.run_type = facts.dag_id, facts.run_id, facts.run_kind.value
        self.external_trigger = facts.run_kind is not RunKind.SCHEDULED
        self.conf: dict[str, Any] = context["conf"]
        self.logical_date, self.start_date = facts.logical_date, facts.run_started_at
        self.data_interval_start, self.data_interval_end = facts.interval_start, facts.interval_end
        self.run_after = facts.interval_end or facts.logical_date or facts.run_started_at

    def __getattr__(self, name: str) -> NoReturn:
        raise absent("dag_run", name, (*vars(self), *dir(type(self))))
