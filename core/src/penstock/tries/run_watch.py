"""Which sensors wait for the end of a run or a task of another DAG, so that they are poked when it has come."""

from collections.abc import Iterable

from penstock.model.changes import Changes
from penstock.model.run import TaskKey

Sensor = tuple[TaskKey, int]
"""A sensor's try, by its task instance and epoch."""
Target = tuple[object, ...]
"""A logical date of a DAG, ``(dag_id, instant)``; a run, ``(number,)``; or a task of a run, ``(number, task_id)``."""


class RunWatch:
    """Sensors by what they wait for: what has ended costs a look at its own name, however many wait for others.

    A sensor that is poked is forgotten, until it asks again.
    """

    def __init__(self) -> None:
        self._sensors: dict[Target, set[Sensor]] = {}
        self._awaited: dict[Sensor, tuple[Target, ...]] = {}

    def watch(self, sensor: Sensor, targets: Iterable[Target]) -> None:
        """Have a sensor poked when something becomes of one of these targets, and of no others any more."""
        self.forget(sensor)
        self._awaited[sensor] = chosen = tuple(targets)
        for target in chosen:
            self._sensors.setdefault(target, set()).add(sensor)

    def forget(self, sensor: Sensor) -> None:
        """Poke a sensor no more."""
        for target in self._awaited.pop(sensor, ()):
            others = self._sensors[target]
            others.discard(sensor)
            if not others:
                del self._sensors[target]

    def take_all(self) -> list[Sensor]:
        """Every sensor that waits, in the order of their keys: to poke where what they wait for may have ended unseen."""
        found = sorted(self._awaited)
        for sensor in found:
            self.forget(sensor)
        return found

    def poked_by(self, changes: Changes) -> list[Sensor]:
        """The sensors to poke after these changes, in the order of their keys."""
        if not self._awaited:
            return []
        for attempt in changes.tries:
            if attempt.outcome is not None:
                self.forget((TaskKey(attempt.run, attempt.task_id, attempt.map_index), attempt.epoch))
        targets: list[Target] = [(run.dag_id, run.logical_date) for run in changes.runs]
        targets += [(run.run,) for run in changes.runs if run.state.finished]
        targets += [(task.run, task.task_id) for task in changes.tasks if task.state.finished]
        found = {sensor for target in targets for sensor in self._sensors.get(target, ())}
        for sensor in found:
            self.forget(sensor)
        return sorted(found)
