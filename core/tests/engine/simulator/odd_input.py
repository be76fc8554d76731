"""What nobody can handle, told, asked and requested; and what must become of it: it costs what it is about, and nothing else."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from random import Random
from typing import Any

from penstock.engine.tries import MAX_LOST
from penstock.model.attempt import TryEnd, Value
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.history.quarantine import QuarantineKind
from penstock.model.request import CancelRun, ClearTasks, MarkTask, Request, TriggerDagRun
from penstock.model.run import Run, TaskKey
from penstock.model.schedule import Schedule, ScheduleKind
from penstock.model.state import Outcome
from penstock.spec.executor import ExecutorEvent, Heartbeat, TryAsked, TryFinished, TryStarted
from penstock.spec.wire import Ask, Reply
from penstock.store import Store
from penstock.testing.simulation import odd_input
from penstock.testing.simulation.clock import BEGAN
from penstock.testing.simulation.rules.rows import Rows

Ident = tuple[TaskKey, int]

NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - nobody may send it
ENDS = [
    TryEnd(Outcome.SUCCESS, xcoms={"\udcff": Value(b"1")}),
    TryEnd(Outcome.SUCCESS, xcoms={"n\0l": Value(b"1")}),
    TryEnd(Outcome.SUCCESS, xcoms={5: Value(b"1")}),
    TryEnd(Outcome.SUCCESS, xcoms={"return_value": Value(b"[1")}),
    TryEnd(Outcome.SUCCESS, xcoms={"return_value": Value(b"[1]", 7)}),
    TryEnd(Outcome.SUCCESS, xcoms={"return_value": Value(b"[" * 100_000)}),
    TryEnd(Outcome.SUCCESS, follow=7),
    TryEnd(Outcome.SUCCESS, follow=("nobody",)),
    TryEnd("done"),
    TryEnd(Outcome.FAILED, 5),
    TryEnd(Outcome.FAILED, retry_after_s="soon"),
    None,
]
EVENTS: list[Callable[[Ident], ExecutorEvent]] = [
    lambda ident: TryStarted(*ident, 2**70, BEGAN),
    lambda ident: TryStarted(*ident, 7, NAIVE),
    lambda ident: TryStarted(*ident, "x", None),
    lambda ident: TryFinished(*ident, NAIVE, TryEnd(Outcome.SUCCESS)),
    lambda ident: Heartbeat("local", (ident, (TaskKey(2**70, "\0", -7), "x")), BEGAN),
    lambda ident: TryFinished(TaskKey(ident[0].run, "nobody", 3), 1, BEGAN, TryEnd(Outcome.SUCCESS)),
    lambda ident: TryFinished(TaskKey(999_999, "nobody"), 2**80, BEGAN, TryEnd(Outcome.SUCCESS)),
    lambda ident: TryAsked(TaskKey(999_999, "nobody"), 1, 1, Ask("variable", ("region",))),
]
QUESTIONS = [
    Ask("fly"),
    Ask("__class__", ()),
    Ask("variable"),
    Ask("variable", (None,)),
    Ask("variable", (5, 6, 7)),
    Ask("variable", ([1],)),
    Ask("set_variable", ("", "x")),
    Ask("set_variable", ("region", 2**70)),
    Ask("xcom", ("t0", "k", "first")),
    Ask("trigger_dag", ("d0", "n\0l", {}, "")),
    Ask("trigger_dag", ("d0", "x", {}, "{{ ds }}")),
    Ask("trigger_dag", ("nobody", "x", {}, "")),
    Ask("run_state", (None, 5)),
    Ask("connection", ("\udcff",)),
]
REQUESTS: list[Callable[[int], Request]] = [
    lambda run: MarkTask(run, "t0", 2**40, "success"),
    lambda run: MarkTask(run, "t0", -1, "success", version="gone"),
    lambda run: ClearTasks(run, ("nobody", "n\0l"), version="n\0l"),
    lambda run: ClearTasks(run, (), map_index=-(2**70)),
    lambda run: CancelRun(2**62),
    lambda run: CancelRun(run, "\0\x1b]0;"),
    lambda run: TriggerDagRun("d0", "n\0l"),
    lambda run: TriggerDagRun("nobody", "x"),
    lambda run: TriggerDagRun("broken", "x"),
]
BODIES = [
    b"garbage",
    b'{"type":"fly"}',
    b'{"type":"fly","n":' + b"[" * 5000,
    b"",
    b"\xff\xfe",
    b'{"type":"cancel_run"}',
]
DAGS = [
    DagSpec("broken", "broken.py", (TaskSpec("a", upstream=("nobody",)),)),
    DagSpec("unreadable", "unreadable.py", schedule=Schedule(ScheduleKind.CRON, crons=("nonsense",))),
    DagSpec(
        "ancient",
        "ancient.py",
        schedule=Schedule(ScheduleKind.CRON, crons=("0 0 * * *",)),
        start_date=datetime.min.replace(tzinfo=BEGAN.tzinfo),
        catchup=True,
    ),
]
CORRUPTIONS = [
    "UPDATE run SET conf = '{' WHERE run = ?",
    "UPDATE run SET kind = 'odd' WHERE run = ?",
    "UPDATE run SET created_at = 9000000000000000000 WHERE run = ?",
    "UPDATE task_instance SET state = 'odd' WHERE run = ?",
    "UPDATE task_instance SET epoch = 'many' WHERE run = ?",
    "UPDATE task_instance SET ended_at = 9000000000000000000 WHERE run = ?",
    "UPDATE try SET queued_at = 'soon' WHERE run = ? AND outcome IS NULL",
]
_FAULT = "cannot be handled"


class Lethal(dict[str, Value]):
    """Values at which the process ends that looks at them, for the n-th time.

    Args:
        kill: Ends the process.
        looks: How often they can be looked at before.
    """

    def __init__(self, kill: Callable[[], None], looks: int) -> None:
        super().__init__(return_value=Value(b"1"))
        self._kill, self._looks = kill, looks

    def items(self) -> Any:
        """Look at them."""
        self._looks -= 1
        if self._looks < 0:
            self._kill()
        return super().items()


class OddInput(odd_input.OddInput):
    """Hands poison out, and keeps account of whom it is for.

    Args:
        rate: Share of tries that tell something odd.
        kill: Ends the scheduler's process.

    Attributes:
        kills: How often the scheduler ended at what a try told.
    """

    def __init__(self, random: Random, rate: float, kill: Callable[[], None]) -> None:
        super().__init__()
        self._random, self.rate, self._kill = random, rate, kill
        self.untriggered = {"unreadable"}
        self._lethal: set[TaskKey] = set()
        self._unstorable: set[Ident] = set()
        self.kills: Counter[TaskKey] = Counter()
        self._odd: list[Ask] = []

    def dags(self) -> list[DagSpec]:
        """DAGs that nobody can handle; most often none."""
        return [dag for dag in DAGS if self._random.random() < 0.1] if self.rate else []

    def event(self, ident: Ident) -> ExecutorEvent | None:
        """Something odd that a try's executor tells in between; most often nothing."""
        if self._random.random() >= self.rate:
            return None
        self.tries.add(ident)
        return self._random.choice(EVENTS)(ident)

    def end(self, ident: Ident) -> TryEnd | None:
        """An odd end of a try; most often none."""
        if self._random.random() < self.rate / 2:
            self._lethal.add(ident[0])
        if ident[0] in self._lethal:
            self.tries.add(ident)
            return TryEnd(Outcome.SUCCESS, xcoms=Lethal(lambda: self._end_process(ident), self._random.randint(0, 1)))
        if self._random.random() >= self.rate:
            return None
        self.tries.add(ident)
        end = self._random.choice(ENDS) or TryEnd(None)
        if end.xcoms:
            self._unstorable.add(ident)
        return end

    def _end_process(self, ident: Ident) -> None:
        self.kills[ident[0]] += 1
        self._kill()

    def question(self) -> Ask | None:
        """An odd question; most often none."""
        if self._random.random() >= 20 * self.rate:
            return None
        self._odd.append(self._random.choice(QUESTIONS))
        return self._odd[-1]

    def check_reply(self, asked: TryAsked, reply: Reply) -> None:
        """Every odd question is answered by an error."""
        assert reply.error or not any(asked.ask is odd for odd in self._odd), f"{asked} was answered by {reply}"

    def request(self, run: int) -> Request | bytes | None:
        """An odd request about a run."""
        if not self.rate:
            return None
        if self._random.random() < 0.5:
            return self._random.choice(BODIES)
        return self._random.choice(REQUESTS)(run)

    def damage(self, live: Sequence[Run]) -> tuple[int, str] | None:
        """A run and the statement that damages a row of it; most often nothing."""
        sound = [run for run in live if run.dag_id not in ODD_DAGS]
        if not sound or self._random.random() >= 4 * self.rate:
            return None
        return self._random.choice(sound).run, self._random.choice(CORRUPTIONS)

    def check(self, store: Store, rows: Rows) -> None:
        """What could not be handled was odd, and it alone; the store holds it, and can be read."""
        for thing in store.quarantine.all():
            mine = thing.kind in (QuarantineKind.REQUEST, QuarantineKind.HEARTBEAT) or thing.dag_id in ODD_DAGS
            mine = mine or any(thing.subject.endswith(f" of DAG {dag_id!r}") for dag_id in ODD_DAGS)
            mine = mine or "'nobody'" in thing.subject or "999999" in thing.subject
            mine = mine or any(_names(thing.subject, run) for run in self._odd_runs())
            mine = mine or any(
                str(key) in thing.subject and f"epoch {epoch}" in thing.subject for key, epoch in self.tries
            )
            assert mine, f"{thing.subject} is in quarantine, and nothing was odd about it: {thing.reason}"
        for ident, attempt in rows.tries.items():
            assert ident in self.tries or _FAULT not in attempt.error, f"{ident} was not odd: {attempt.error}"
        for ident in self._unstorable & rows.tries.keys():
            assert rows.tries[ident].outcome is not Outcome.SUCCESS, f"{ident} left what nobody can read, and succeeded"
        for key, kills in self.kills.items():
            assert kills <= 2 * MAX_LOST, f"{key} ended the scheduler {kills} times"

    def _odd_runs(self) -> Iterator[int]:
        yield from self.runs
        yield from (key.run for key, _ in self.tries)


ODD_DAGS = frozenset(dag.dag_id for dag in DAGS)


def _names(subject: str, run: int) -> bool:
    return subject == f"run {run}" or subject.endswith(f" of run {run}") or f" of run {run}," in subject
