"""The line about a run that has ended, for the terminal of `penstock up`."""

import shlex

from penstock.errors import as_sentence
from penstock.model.run import Run
from penstock.model.state import RunState
from penstock.model.text import utc_text


def run_ended(run: Run) -> str:
    """The line about a run that has ended, for the terminal of `penstock up`."""
    at = f"{utc_text(run.ended_at)} " if run.ended_at else ""
    took_s = (run.ended_at - run.started_at).total_seconds() if run.ended_at and run.started_at else -1.0
    took = f" after {took_s:.1f} s" if took_s >= 0 else ""  # it began by a clock that was ahead
    line = f"{at}run {run.run_id} of DAG {run.dag_id}: {run.state.value}{took}"
    if run.state is RunState.SUCCESS:
        return line
    if run.state is RunState.SKIPPED:
        return f"{line}, {run.reason}"
    why = f", {run.reason}" if run.reason else ""
    return f"{as_sentence(line + why)} See: penstock tasks list {run.dag_id} {shlex.quote(run.run_id)}"
