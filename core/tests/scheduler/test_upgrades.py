"""The schema is upgraded while a scheduler runs tries: it goes on if that only adds to its own, and else ends once they have."""

from sqlalchemy import text

from penstock.model.dag import DagSpec, TaskSpec
from penstock.spec.executor import TryFinished, TryStarted
from penstock.store.sql import compatibility, schema

from .conftest import NOW, SUCCESS, Workers

TWO = DagSpec("stock", "stock.py", (TaskSpec("a"), TaskSpec("b", upstream=("a",))))


def test_a_scheduler_goes_on_with_live_tries_while_its_schema_is_expanded(house):
    house.define(TWO)
    house.trigger()
    answer = house.answer

    def expand(request):
        if request.key.task_id == "a":
            with house.store.database.write() as connection:
                for table in ("dag", "run", "task_instance", '"try"', "request", "scheduler"):
                    connection.execute(text(f"ALTER TABLE {table} ADD COLUMN of_tomorrow TEXT"))
                connection.execute(text("CREATE TABLE tomorrow (word TEXT)"))
                connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
                compatibility.set_floor(connection, schema.HEAD)
        return answer(request)

    house.answer = expand
    house.schedule()
    assert house.states() == {"one": "success"}
    house.trigger(run_id="two")
    house.answer = answer
    house.schedule("a second one of the same version")
    assert house.states() == {"one": "success", "two": "success"}
    assert not any("upgrade" in line for line in house.lines)


class Lasting(Workers):
    """Tries that end once their scheduler drains, for whose end the upgrade waits."""

    def __init__(self, house, *more):
        super().__init__(*more, most=100_000)
        self._house = house

    def events(self):
        if self.requests and any(each.draining_since for each in self._house.store.role.holders()):
            schema.withdraw(self._house.store.database)
            self._told += [TryFinished(each.key, each.epoch, NOW, SUCCESS) for each in self.requests]
            self.requests = []
        return super().events()


def test_a_scheduler_that_would_be_left_behind_lets_what_runs_end_begins_nothing_and_leaves_with_one_sentence(house):
    house.define(TWO)
    house.trigger()

    def announce(request):
        with house.store.database.write() as connection:
            compatibility.set_floor(connection, "9999")
        return [TryStarted(request.key, request.epoch, 7, NOW)]

    settled, house.settled, answer, house.answer = house.settled, lambda: False, house.answer, announce
    house.schedule(workers=lambda *more: Lasting(house, *more))
    [line] = [line for line in house.lines if "upgrade" in line]
    assert "it is about to be upgraded to a schema that this Penstock does not know" in line
    assert line.endswith("This scheduler begins no try any more, and ends once those that run have ended.")
    run = house.store.runs.find("stock", "one").run
    assert {task.task_id: str(task.state) for task in house.store.runs.tasks(run)}["a"] == "success"
    house.settled, house.answer = settled, answer
    house.schedule()
    assert house.states() == {"one": "success"}
