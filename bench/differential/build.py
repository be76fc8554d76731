"""One builder for both sides: DAG files are written alike, so the names that they import are all that differs."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

Plan = dict[str, Any]
NONE = "nothing"


class Language(NamedTuple):
    """The names of one side that plans are built with."""

    dag: Any
    group: Any
    task: Any
    empty: Any
    skip: type[Exception]
    task_group: Any


def build(plan: Plan, language: Language) -> tuple[Any, dict[str, str]]:
    """Make the DAG of a plan; the ids of its tasks and groups by their names in the plan."""
    builder = _Builder(plan, language)
    return builder.build(), {name: builder.id_of(name) for name in plan["order"]}


class _Builder:
    def __init__(self, plan: Plan, language: Language) -> None:
        self.plan, self.language = plan, language
        self.made: dict[str, Any] = {}
        self.elements: dict[str | None, Any] = {}
        self.groups = {each["name"]: each for each in plan["groups"]}
        self.tasks = {each["name"]: each for each in plan["tasks"]}

    def build(self) -> Any:
        with self.language.dag(self.plan["dag_id"], schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
            self.fill(None)
            for task in self.plan["tasks"]:
                self.mark(task)
            for upper, lower in self.plan["links"]:
                self.made[upper] >> self.made[lower]
        return dag

    def fill(self, group: str | None) -> None:
        """Make what stands in a group, in the order of the plan's names."""
        for name in self.plan["order"]:
            if name in self.tasks and self.tasks[name]["group"] == group:
                self.made[name] = self.task(self.tasks[name])
            elif name in self.groups and self.groups[name]["parent"] == group:
                self.made[name] = self.group(self.groups[name])

    def group(self, group: dict[str, Any]) -> Any:
        """Make a group and what stands in it; a mapped one by a function, whose argument its tasks may take."""
        name, options = group["name"], {"prefix_group_id": group["prefix"]}
        if not group.get("over"):
            with self.language.group(name, **options) as made:
                self.elements[name] = self.elements.get(group["parent"], NONE)
                self.fill(name)
            return made

        def body(element: Any) -> None:
            self.elements[name] = element
            self.fill(name)

        return self.mapped(self.language.task_group(group_id=name, **options)(body), {}, group["over"])

    def mark(self, task: dict[str, Any]) -> None:
        made = self.made[task["name"]]
        made = getattr(made, "operator", made)
        if task.get("setup"):
            made.as_setup()
        if task.get("teardown"):
            uppers = [self.made[name] for name in task["setups"]]
            made.as_teardown(setups=[getattr(each, "operator", each) for each in uppers])

    def id_of(self, name: str) -> str:
        made = self.made[name]
        made = getattr(made, "operator", made)
        return made.group_id if name.startswith("g") else made.task_id

    def task(self, task: dict[str, Any]) -> Any:
        arguments: dict[str, Any] = {"task_id": task["name"], "trigger_rule": task["rule"]}
        if task["does"] == "empty":
            return self.language.empty(**arguments)
        if task["does"] == "flaky":
            arguments |= {"retries": task["retries"], "retry_delay": timedelta(0)}
        decorator = self.language.task
        if task["does"] == "branch":
            decorator = decorator.branch
        elif task["does"] == "stop":
            decorator, arguments["ignore_downstream_trigger_rules"] = decorator.short_circuit, task["ignore"]
        else:
            arguments["multiple_outputs"] = bool(task.get("multiple"))
        function = decorator(**arguments)(self.function(task))
        given = {f"in{place}": self.value(*each) for place, each in enumerate(task.get("takes", ()))}
        if task.get("by_element"):
            given["element"] = self.elements[task["group"]]
        return self.mapped(function, given, task["over"]) if task.get("over") else function(**given)

    def value(self, name: str, key: str | None = None) -> Any:
        return self.made[name] if key is None else self.made[name][key]

    def mapped(self, function: Any, given: dict[str, Any], over: dict[str, Any]) -> Any:
        function = function.partial(**given) if given else function
        if "kwargs" in over:
            return function.expand_kwargs([{"element": each} for each in over["kwargs"]])
        spread = self.made[over["task"]] if "task" in over else over.get("list", over.get("keys"))
        return function.expand(element=spread, **({"other": over["times"]} if "times" in over else {}))

    def function(self, task: dict[str, Any]) -> Any:
        """Make the function of a task: it does what the plan, or its element, says."""
        skip, does, builder = self.language.skip, task["does"], self

        def act(element: Any = NONE, in0: Any = NONE, in1: Any = NONE, other: Any = NONE, ti: Any = None) -> Any:
            if does == "fail" or element == "fail" or (does == "flaky" and ti.try_number <= task["failures"]):
                raise ValueError("the plan says so")
            if does == "skip" or element == "skip":
                raise skip("the plan says so")
            if does == "branch":
                return [builder.id_of(name) for name in (task["chooses"] if element == NONE else element)]
            if does == "stop":
                return task["go"] if element == NONE else element
            taken = [plain(each) for each in (element, other, in0, in1) if not (isinstance(each, str) and each == NONE)]
            if element is None or not taken:
                return None if element is None else task.get("returns")
            return taken if len(taken) > 1 else taken[0]

        act.__name__ = task["name"]
        return act


def plain(value: Any) -> Any:
    """Make of a value what JSON makes of it; a sequence that is read on demand becomes a list."""
    if not isinstance(value, str | list | tuple | dict | int | float | None):
        value = list(value)
    return json.loads(json.dumps(value, default=list))
