"""What differs between the two sides, with the documented differences taken out."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Plan = dict[str, Any]
Result = dict[str, Any]


class Documented(NamedTuple):
    """A difference that docs/how-to/come-from-airflow.md tells.

    Attributes:
        line: A part of its line on that page.
        tasks: Finds the names of the tasks of a plan that it concerns, given Airflow's result; what is downstream may differ, too.
    """

    line: str
    tasks: Callable[["Run"], set[str]]


class Run(NamedTuple):
    """A plan and what became of it in Airflow."""

    plan: Plan
    airflow: Result

    def named(self) -> dict[str, dict[str, Any]]:
        """The plan's tasks by id."""
        return {self.airflow["ids"][task["name"]]: task for task in self.plan["tasks"]}

    def mapped_group(self, task: dict[str, Any]) -> dict[str, Any]:
        """The mapped group that a task stands in; {} if there is none."""
        groups = {group["name"]: group for group in self.plan["groups"]}
        found = groups.get(task["group"], {})
        while found and not found.get("over"):
            found = groups.get(found["parent"], {})
        return found

    def over(self, task: dict[str, Any]) -> dict[str, Any]:
        """What a task is mapped over, by itself or with its group; {} if it is not."""
        return task.get("over") or self.mapped_group(task).get("over") or {}

    def from_sources(self) -> set[tuple[str, str]]:
        """Edges from what mapped groups are mapped over to each of their tasks."""
        named = self.named()
        sources = {name: (self.mapped_group(task).get("over") or {}).get("task") for name, task in named.items()}
        return {(self.airflow["ids"][source], name) for name, source in sources.items() if source}

    def states(self, task_id: str) -> set[str]:
        """States of a task's instances."""
        return {state for name, _, state in self.airflow["tasks"] if name == task_id}

    def upstream(self, task_id: str) -> set[str]:
        """What is directly upstream of a task."""
        return {upper for upper, lower in self.airflow["edges"] if lower == task_id}

    def below(self, tasks: set[str]) -> set[str]:
        """These tasks and all downstream of them."""
        found = set(tasks)
        while more := {lower for upper, lower in self.airflow["edges"] if upper in found} - found:
            found |= more
        return found


def _joins(run: Run) -> set[str]:
    return {
        name
        for name, task in run.named().items()
        if task["rule"] == "all_done_min_one_success" and any("skipped" in run.states(up) for up in run.upstream(name))
    }


def _mapped_over_nothing_made(run: Run) -> set[str]:
    found = set()
    for name, task in run.named().items():
        source = run.over(task).get("task")
        if source and "success" not in run.states(run.airflow["ids"][source]):
            found.add(name)
    return found


def _below_mapped_choices(run: Run) -> set[str]:
    deciders = {name for name, task in run.named().items() if run.over(task) and task["does"] in ("branch", "stop")}
    return {lower for upper, lower in run.airflow["edges"] if upper in deciders}


def _mixed(run: Run) -> set[str]:
    """Tasks above which one failed and another was skipped: what comes first decides."""
    above = {name: {up for up in run.named() if name in run.below({up}) - {up}} for name in run.named()}
    states = {name: set().union(*(run.states(up) for up in ups)) for name, ups in above.items()}
    return {
        name
        for name, found in states.items()
        if found & {"failed", "upstream_failed"} and "skipped" in found | run.states(name)
    }


def _teardowns_not_chosen(run: Run) -> set[str]:
    named = run.named()
    return {
        lower
        for upper, lower in run.airflow["edges"]
        if named[upper]["does"] == "branch" and named[lower].get("teardown") and "skipped" in run.states(lower)
    }


def _taking_decisions(run: Run) -> set[str]:
    deciders = {task["name"] for task in run.plan["tasks"] if task["does"] in ("branch", "stop")}
    return {name for name, task in run.named().items() if any(each[0] in deciders for each in task.get("takes", ()))}


def _without_lists(run: Run) -> set[str]:
    return {
        run.airflow["ids"][source["name"]]
        for task in run.plan["tasks"]
        for source in run.plan["tasks"]
        if (source["does"] == "stop" or source.get("takes")) and (task.get("over") or {}).get("task") == source["name"]
    }


def _without_keys(run: Run) -> set[str]:
    asked = {tuple(each) for task in run.plan["tasks"] for each in task.get("takes", ()) if len(each) > 1}
    return {
        run.airflow["ids"][task["name"]]
        for task in run.plan["tasks"]
        for name, key in asked
        if task["name"] == name
        and not (isinstance(task.get("returns"), dict) and key in task["returns"] and task["does"] == "value")
    }


def _not_waiting(run: Run) -> set[str]:
    named = run.named()
    return {name for name, task in named.items() if task["rule"] == "always" and (task.get("takes") or run.over(task))}


def _counting_a_source(run: Run) -> set[str]:
    named = run.named()
    return {
        lower
        for upper, lower in run.from_sources()
        if [upper, lower] in run.airflow["edges"] and named[lower]["rule"] != "all_success"
    }


DOCUMENTED = {
    "a missing key": Documented("the key is missing", _without_keys),
    "no list": Documented("no list or dict", _without_lists),
    "always": Documented("`always` waits for nothing", _not_waiting),
    "a join below a branch": Documented("all_done_min_one_success", _joins),
    "mapped over what nobody made": Documented("mapped over a task that failed", _mapped_over_nothing_made),
    "mapped branches": Documented("In a mapped branch", _below_mapped_choices),
    "teardowns below a branch": Documented("a branch skips a teardown", _teardowns_not_chosen),
    "what a decision returns": Documented("`return_value` of a branch", _taking_decisions),
    "the source of a group": Documented("the source of a mapped group", _counting_a_source),
    "a failure and a skip": Documented("whichever comes first", _mixed),
}


def differences(plan: Plan, airflow: Result, penstock: Result) -> tuple[list[str], set[str]]:
    """List what differs and is documented nowhere, and the names of the documented differences that were met."""
    if "refused" in penstock:
        return [f"refused: {penstock['refused']}"], set()
    run = Run(plan, airflow)
    found = dict(_differences(run, penstock))
    met = set()
    for name, documented in DOCUMENTED.items():
        tasks = run.below(documented.tasks(run))
        if tasks & found.keys():
            met.add(name)
            found = {task: texts for task, texts in found.items() if task not in tasks | {""}}
    return [text for texts in found.values() for text in texts], met


def _differences(run: Run, penstock: Result) -> Iterator[tuple[str, list[str]]]:
    """What differs by task; what concerns the run stands under ""."""
    airflow = run.airflow
    both = [f"state: {airflow['state']} there, {penstock['state']} here"] * (airflow["state"] != penstock["state"])
    passed_over = run.from_sources()
    there, here = ({tuple(each) for each in side["edges"]} - passed_over for side in (airflow, penstock))
    if there != here:
        both.append(f"edges: {sorted(there - here)} there alone, {sorted(here - there)} here alone")
    if both:
        yield "", both
    for name, task in run.named().items():
        there, here = _states(airflow, name), _states(penstock, name)
        if there != here and not _one_row(there, here):
            yield name, [f"{name}: {there} there, {here} here"]
            continue
        if task["does"] not in ("branch", "stop"):  # what these return is kept here
            there, here = _values(airflow, name), _values(penstock, name)
            if there != here:
                yield name, [f"{name}: left {there} there, {here} here"]


def _states(result: Result, name: str) -> dict[int, str]:
    return {index: state for task, index, state in result["tasks"] if task == name}


def _one_row(there: dict[int, str], here: dict[int, str]) -> bool:
    """Whether a mapped task that never ran has a row for each literal element there, and one row here."""
    return (
        list(here) == [-1] and set(there.values()) == set(here.values()) and here[-1] in ("skipped", "upstream_failed")
    )


def _values(result: Result, name: str) -> dict[str, Any]:
    return {f"{key}[{index}]": value for task, index, key, value in result["values"] if task == name}
