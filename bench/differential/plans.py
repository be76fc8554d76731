"""Small random DAGs as plain data: what both sides build and run.

A plan is JSON alone. Its tasks and groups stand in a tree, and every edge leads forward in the order of that tree, so that no plan has a
cycle. Names are unique; the ids that groups make of them are what is compared.
"""

import random
from typing import Any

RULES = (
    "all_success", "all_failed", "all_done", "all_done_min_one_success", "all_skipped", "one_failed", "one_success",
    "one_done", "none_failed", "none_failed_min_one_success", "none_skipped", "always",
)  # fmt: skip
VALUES: tuple[Any, ...] = (1, "a", None, True, [1, 2], ["x"], [], {"k": 1, "l": [2]}, {}, 0, "")
ELEMENTS: tuple[Any, ...] = (1, 2, "b", None, [3], {"m": 4}, "fail", "skip")
Plan = dict[str, Any]


def make_plan(seed: int, number: int) -> Plan:
    """Make the plan of this number in the series of a seed."""
    return _Planner(random.Random(f"{seed}/{number}"), f"d{seed}_{number}").plan()


def is_list(task: dict[str, Any]) -> bool:
    """Whether what a task leaves can be mapped over."""
    return bool(task.get("over")) or isinstance(task.get("returns"), list | dict)


class _Planner:
    def __init__(self, chance: random.Random, dag_id: str) -> None:
        self.chance, self.dag_id = chance, dag_id
        self.groups: list[dict[str, Any]] = []
        self.tasks: list[dict[str, Any]] = []
        self.links: list[list[str]] = []
        self.order: list[str] = []
        self.mapped: set[str] = set()
        self.features = {
            name
            for name in ("groups", "rules", "setups", "branches", "maps", "values", "mapped groups")
            if self.odds(0.6)
        }

    def odds(self, share: float) -> bool:
        return self.chance.random() < share

    def plan(self) -> Plan:
        self.level(None, 0)
        if len(self.tasks) < 2:
            self.task(None)
        self.cross_links()
        self.inputs()
        if "mapped groups" in self.features:
            self.map_groups()
        if "setups" in self.features:
            self.setups()
        if "branches" in self.features:
            self.choices()
        if "rules" in self.features:
            self.rules()
        return {
            "dag_id": self.dag_id,
            "order": self.order,
            "groups": self.groups,
            "tasks": self.tasks,
            "links": self.links,
        }

    def level(self, group: str | None, depth: int) -> None:
        """Fill one level of the tree, then draw edges among what stands on it."""
        names = []
        least = 0 if depth and self.odds(0.2) else 1
        for _ in range(self.chance.randint(least, 4 if depth == 0 else 3)):
            if len(self.tasks) > 9:
                break
            if "groups" in self.features and depth < 3 and self.odds(0.35):
                names.append(f"g{len(self.groups)}")
                self.order.append(names[-1])
                self.groups.append({"name": names[-1], "parent": group, "prefix": self.odds(0.7)})
                self.level(names[-1], depth + 1)
            else:
                names.append(self.task(group))
        for place, upper in enumerate(names):
            self.links += [[upper, lower] for lower in names[place + 1 :] if self.odds(0.4)]

    def task(self, group: str | None) -> str:
        name = f"t{len(self.tasks)}"
        does = self.chance.choices(("value", "fail", "skip", "empty", "flaky"), (60, 14, 12, 8, 3))[0]
        made: dict[str, Any] = {"name": name, "group": group, "does": does, "rule": "all_success"}
        if does == "value":
            made["returns"] = self.chance.choice(VALUES)
            made["multiple"] = isinstance(made["returns"], dict) and self.odds(0.5)
        if does == "flaky":
            made |= {"retries": self.chance.randint(0, 2), "failures": self.chance.randint(1, 2)}
        self.tasks.append(made)
        self.order.append(name)
        return name

    def cross_links(self) -> None:
        for place, upper in enumerate(self.tasks):
            for lower in self.tasks[place + 1 :]:
                if self.odds(0.12):
                    self.links.insert(0, [upper["name"], lower["name"]])

    def inputs(self) -> None:
        """Let tasks take values of others, and be mapped over them."""
        for place, task in enumerate(self.tasks):
            sources = [each for each in self.tasks[:place] if each["does"] != "empty"]
            if task["does"] != "value":
                continue
            if "values" in self.features and sources and self.odds(0.4):
                chosen = self.chance.sample(sources, min(len(sources), self.chance.randint(1, 2)))
                task["takes"] = [self.key_of(each) for each in chosen]
            if "maps" in self.features and self.odds(0.45):
                task["over"], task["multiple"] = self.over(sources), False

    def key_of(self, source: dict[str, Any]) -> list[str]:
        keys = sorted(source["returns"]) if source.get("multiple") and not source.get("over") else []
        return [source["name"], self.chance.choice(keys)] if keys and self.odds(0.5) else [source["name"]]

    def over(self, sources: list[dict[str, Any]]) -> dict[str, Any]:
        """Choose what a task is mapped over: another's value, a list, a dict, sets of arguments, or two lists crossed."""
        lists = [each["name"] for each in sources if is_list(each) or each["does"] in ("fail", "skip")]
        if lists and self.odds(0.6):
            made: dict[str, Any] = {"task": self.chance.choice(lists)}
        else:
            elements = [self.chance.choice(ELEMENTS) for _ in range(self.chance.randint(0, 3))]
            kind = self.chance.choice(("list", "list", "keys", "kwargs"))
            made = {kind: {f"k{place}": each for place, each in enumerate(elements)} if kind == "keys" else elements}
        if "kwargs" not in made and self.odds(0.2):
            made["times"] = [self.chance.choice(("u", "v", 5)) for _ in range(self.chance.randint(0, 2))]
        return made

    def map_groups(self) -> None:
        """Map some of the outermost groups; nothing in them is mapped by itself."""
        for group in self.groups:
            if group["parent"] is not None or self.odds(0.4):
                continue
            before = self.order[: self.order.index(group["name"])]
            self.mapped |= self.within(group["name"])
            sources = [each for each in self.tasks if each["name"] in before and each["does"] != "empty"]
            group["over"] = {**self.over(sources)}
            if "kwargs" in group["over"] or "times" in group["over"]:
                group["over"] = {"list": [self.chance.choice(ELEMENTS) for _ in range(self.chance.randint(0, 3))]}
            for task in self.tasks:
                if task["group"] in self.mapped:
                    task.pop("over", None)
                    task["by_element"] = task["does"] == "value" and not task["multiple"] and self.odds(0.6)

        # Airflow makes upstream_failed of what is mapped over a task of a mapped group.
        inside = {task["name"] for task in self.tasks if task["group"] in self.mapped}
        for each in (*self.tasks, *self.groups):
            if (each.get("over") or {}).get("task") in inside:
                each["over"] = {"list": [1, 2]}

    def within(self, group: str) -> set[str]:
        """Find a group and those in it."""
        return {group}.union(*(self.within(each["name"]) for each in self.groups if each["parent"] == group))

    def setups(self) -> None:
        for _ in range(self.chance.randint(1, 2)):
            tasks = [task for task in self.tasks if task["group"] not in self.mapped]
            plain = [task for task in tasks if not task.get("setup") and not task.get("teardown")]
            if len(plain) < 2:
                return
            place = self.chance.randrange(len(plain) - 1)
            plain[place]["setup"] = True
            if self.odds(0.75):
                down = self.chance.choice(plain[place + 1 :])
                down |= {"teardown": True, "setups": [plain[place]["name"]]}

    def choices(self) -> None:
        """Let some tasks decide what goes on: those that have something directly downstream."""
        for task in self.tasks:
            below = [lower for upper, lower in self.links if upper == task["name"]]
            if task["does"] != "value" or task.get("teardown") or not below or not self.odds(0.5):
                continue
            chosen = self.chance.sample(below, self.chance.randint(0, len(below)))
            mapped = {"list": [None] * self.chance.randint(1, 3)} if task.get("over") else None
            task |= {"multiple": False, "takes": [], "over": mapped, "by_element": False}
            if self.odds(0.5):
                task |= {"does": "branch", "chooses": chosen}
                if mapped:
                    mapped["list"] = [
                        self.chance.sample(below, self.chance.randint(0, len(below))) for _ in mapped["list"]
                    ]
            else:
                task |= {"does": "stop", "go": self.odds(0.4), "ignore": self.odds(0.6)}
                if mapped:
                    mapped["list"] = [self.odds(0.4) for _ in mapped["list"]]

    def rules(self) -> None:
        """Give tasks trigger rules, but those right below a setup: Airflow refuses any rule there."""
        setups = {each["name"] for each in self.tasks if each.get("setup")}
        below = {lower for upper, lower in self.links if upper in setups}
        for task in self.tasks:
            sources = {name for name, *_ in task.get("takes", ())} | {(task.get("over") or {}).get("task")}
            if not task.get("teardown") and task["name"] not in below and not sources & setups and self.odds(0.45):
                task["rule"] = self.chance.choice(RULES)
