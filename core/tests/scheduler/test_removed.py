from datetime import UTC, datetime

from penstock.model.attempt import TryEnd, Value
from penstock.model.dag import DagSpec, Mapping, TaskSpec, XComRef
from penstock.model.request import ClearTasks
from penstock.model.state import Outcome
from penstock.spec.executor import TryFinished

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_what_a_mapped_task_has_no_more_stays_with_its_tries_though_the_scheduler_ends_in_between(house):
    mapped = TaskSpec("m", upstream=("s",), mapped=(Mapping("x", source=XComRef("s")),))
    house.define(DagSpec("stock", "stock.py", (TaskSpec("s"), mapped)))
    lengths = {1: 3, 2: None, 3: 1}  # of the dispatches of the source; the second never answers

    def answer(request):
        length = lengths[request.epoch] if request.facts.task_id == "s" else 0
        left = {"return_value": Value(b"[" + b",".join([b"1"] * (length or 0)) + b"]", length)}
        end = TryEnd(Outcome.SUCCESS, xcoms=left)
        return [] if length is None else [TryFinished(request.key, request.epoch, NOW, end)]

    house.answer = answer
    house.trigger()
    house.schedule()
    (run,) = house.store.runs.page(limit=1)
    house.submit(ClearTasks(run.run, ("s",)))
    house.settled = lambda: not house.store.requests.pending()
    house.schedule()
    assert states(house, run) == {"m": "none", "m[0]": "removed", "m[1]": "removed", "m[2]": "removed", "s": "queued"}
    house.settled = house.runs_have_ended
    house.schedule()
    assert states(house, run) == {"m[0]": "success", "m[1]": "removed", "m[2]": "removed", "s": "success"}
    tries = [(past.attempt.map_index, past.attempt.epoch) for past in house.store.runs.tries(run.run, "m")]
    assert tries == [(0, 1), (0, 2), (1, 1), (2, 1)]


def states(house, run):
    return {str(task.key): task.state.value for task in house.store.runs.tasks(run.run)}
