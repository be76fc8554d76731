"""Runs of other DAGs, asked for by a task."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from penstock.author.runtime import current
from penstock.author.sensor import PokeResult, Sensor
from penstock.errors import FailTask, SkipTask
from penstock.model.names import OWN_CHECKPOINTS, check_conf

if TYPE_CHECKING:
    from penstock.author.run.context import Context


_ASKED_FOR = f"{OWN_CHECKPOINTS}triggered"


class TriggerDagRunOperator(Sensor):
    """Starts a run of another DAG; repeated, it finds the run that it started.

    The run's id is made from this run and task unless given, so that however often a try is repeated, one run is
    made, and a run that exists is taken as its own. The id is left for other tasks.

    Args:
        trigger_dag_id: The DAG to run.
        conf: What the run is passed; a template.
        trigger_run_id: The run's id; a template.
        logical_date: The run's logical date, aware, or ISO 8601 text; a template. Unless given it is the instant at which
            the run is asked for; None is for a run without one.
        wait_for_completion: Whether this task ends only when that run has; waiting holds no slot.
        allowed_states: States of that run that are a success of this task; ``["success"]`` unless given.
        failed_states: States of that run that are a failure of this task; ``["failed", "cancelled"]`` unless given.
        reset_dag_run: Whether a run of that id that exists runs again as a whole, once for this task however often it is tried.
        skip_when_already_exists: Whether this task is skipped if a run of that id exists that it has not started itself.
        **kwargs: What every sensor takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("trigger_dag_id", "trigger_run_id", "conf", "logical_date")

    def __init__(  # noqa: PLR0913 - as in Airflow, each by name
        self,
        *,
        trigger_dag_id: str,
        conf: dict[str, Any] | None = None,
        trigger_run_id: str = "",
        logical_date: datetime | str | None = "now",
        wait_for_completion: bool = False,
        allowed_states: Sequence[str] | None = None,
        failed_states: Sequence[str] | None = None,
        reset_dag_run: bool = False,
        skip_when_already_exists: bool = False,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.trigger_dag_id, self.conf, self.trigger_run_id = trigger_dag_id, conf, trigger_run_id
        self.logical_date, self.wait_for_completion = logical_date, wait_for_completion
        self.allowed_states = ("success",) if allowed_states is None else tuple(allowed_states)
        self.failed_states = ("failed", "cancelled") if failed_states is None else tuple(failed_states)
        self.reset_dag_run, self.skip_when_already_exists = reset_dag_run, skip_when_already_exists

    @property
    def waits(self) -> bool:
        """Whether the task stays until the other run has ended."""
        return self.wait_for_completion

    def execute(self, context: "Context") -> str:
        """Ask for the run; returns its id."""
        run_id, when = self.run_id(context), self.logical_date
        check_conf(self.conf or {})  # here, where a tuple is not a list yet
        if (self.reset_dag_run or self.skip_when_already_exists) and self._treated(run_id):
            return run_id
        current.get().trigger_dag(
            self.trigger_dag_id, run_id, self.conf or {}, when.isoformat() if isinstance(when, datetime) else when or ""
        )
        return run_id

    def _treated(self, run_id: str) -> bool:
        """Whether nothing is to be triggered, because a run that exists was cleared; asked anew it is this task's own.

        A clear is remembered after it was asked for, so that it is not lost with this try; that a run is to be made, before.
        """
        runtime = current.get()
        if runtime.checkpoint(_ASKED_FOR) == run_id:
            return False
        cleared = self.reset_dag_run and runtime.clear_run(self.trigger_dag_id, run_id)
        if not cleared and self.skip_when_already_exists and runtime.run_state(self.trigger_dag_id, run_id) is not None:
            raise SkipTask(f"run {run_id!r} of DAG {self.trigger_dag_id!r} exists already")
        runtime.set_checkpoint(_ASKED_FOR, run_id)
        return cleared

    def poke(self, context: "Context") -> Any:  # noqa: ANN401 - any value
        """Ask for the run, which changes nothing the second time, and look at its state.

        Raises:
            FailTask: The run ended in one of ``failed_states``.
        """
        run_id = self.execute(context)
        state = current.get().run_state(self.trigger_dag_id, run_id)
        if state in self.failed_states:
            raise FailTask(f"run {run_id!r} of DAG {self.trigger_dag_id!r} ended {state}")
        return PokeResult(state in self.allowed_states, run_id)

    def poke_key(self) -> str | None:
        """Share no poke: every task waits for its own run."""
        return None

    def run_id(self, context: "Context") -> str:
        """Make the id of the run that this task triggers."""
        ti = context["ti"]
        index = "" if ti.map_index < 0 else f"[{ti.map_index}]"
        return self.trigger_run_id or f"triggered__{ti.dag_id}__{ti.run_id}__{ti.task_id}{index}"
