"""What a try knows of its run, and what is told of it to others."""

from penstock.model.attempt import TryFacts
from penstock.model.dag import DagSpec, TaskSpec, param_values
from penstock.model.run import Run


def try_facts(
    run: Run, dag: DagSpec, task: TaskSpec | None, task_id: str, map_index: int, try_number: int, max_tries: int = 0
) -> TryFacts:
    """Put together what is known of a try.

    Args:
        run: Its run.
        dag: The version of the DAG that the run is pinned to.
        task: Its task; None if that version has none of this id, or of a run as a whole.
        task_id: The task's id.
        map_index: The index of its instance.
        try_number: Which of its instance's tries it is.
        max_tries: As `penstock.model.attempt.TryFacts` has it.
    """
    return TryFacts(
        dag_id=run.dag_id,
        run_id=run.run_id,
        task_id=task_id,
        map_index=map_index,
        try_number=try_number,
        max_tries=max_tries,
        run_kind=run.kind,
        logical_date=run.logical_date,
        interval_start=run.interval_start,
        interval_end=run.interval_end,
        run_started_at=run.started_at,
        conf=run.conf,
        params=param_values(dag, task, run.conf),
        consumed=run.consumed,
        native_templates=dag.native_templates,
    )
