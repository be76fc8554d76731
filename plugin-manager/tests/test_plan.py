from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_plugin_manager.model.lock import Locked
from penstock_plugin_manager.model.requirement import Distribution
from penstock_plugin_manager.plan.limits import Budget, over_budget
from penstock_plugin_manager.plan.steps import Plan, PlanInput, Step, make_plan

NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)


def present(**versions: str) -> dict[str, Distribution]:
    return {name.replace("_", "-"): Distribution(name.replace("_", "-"), version) for name, version in versions.items()}


def target(**packages: tuple[str, list[str]]) -> dict[str, Locked]:
    return {
        name.replace("_", "-"): Locked(name.replace("_", "-"), version, dependencies=tuple(needs))
        for name, (version, needs) in packages.items()
    }


@pytest.mark.parametrize(
    ("situation", "steps"),
    [
        pytest.param(PlanInput({}, target(a=("1", ["b"]), b=("1", [])), {"a": "a"}), [("add", "a"), ("add", "b")], id="all is new"),
        pytest.param(PlanInput(present(a="1"), target(a=("1", [])), {"a": "a"}), [], id="nothing to do"),
        pytest.param(PlanInput(present(a="1"), target(a=("2", [])), {"a": "a"}), [("upgrade", "a")], id="newer"),
        pytest.param(PlanInput(present(a="2"), target(a=("1", [])), {"a": "a"}), [("downgrade", "a")], id="older"),
        pytest.param(PlanInput(present(a="1", x="1"), target(a=("1", [])), {"a": "a"}), [], id="foreign stays"),
        pytest.param(
            PlanInput(present(a="1", x="1"), target(a=("1", [])), {"a": "a"}, removable=frozenset({"x"}), prune=True),
            [("remove", "x")], id="orphan is pruned",
        ),
        pytest.param(PlanInput(present(a="1", x="1"), target(a=("1", [])), {"a": "a"}, prune=True), [], id="foreign is never pruned"),
        pytest.param(PlanInput(present(a="1"), {}, {}, dropped={"a": "asked"}), [("remove", "a")], id="dropped"),
        pytest.param(
            PlanInput(present(a="1", b="1"), target(b=("1", ["a"]), a=("1", [])), {"b": "b"}, dropped={"a": "asked"}), [],
            id="dropped but needed by another",
        ),
    ],
)  # fmt: skip
def test_steps_lead_from_what_stands_to_what_shall_stand(situation, steps):
    assert [(step.action, step.name) for step in make_plan(situation).steps] == steps


def test_each_step_says_why():
    plan = make_plan(PlanInput({}, target(a=("1", ["b"]), b=("1", ["c"]), c=("1", [])), {"a": "a>=1"}))
    assert [(step.reason, step.via) for step in plan.steps] == [
        ("you want a>=1", ("a",)), ("needed by a", ("a", "b")), ("needed by b", ("a", "b", "c")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("standing", "wanted", "warnings"),
    [
        ("1.0", "2.0", []),
        ("2.0rc1", "1.0.post1", ["a goes down from 2.0rc1 to 1.0.post1: a pre-release is considered with --pre alone"]),
        ("2.0.dev3", "1.0", ["a goes down from 2.0.dev3 to 1.0: a pre-release is considered with --pre alone"]),
        ("2.0", "1.0", [("a goes down from 2.0 to 1.0: no source offers a newer one that fits (it may be yanked, gone, or in the way of "
                        "something else)")]),
        ("1!1.0", "2.0", [("a goes down from 1!1.0 to 2.0: no source offers a newer one that fits (it may be yanked, gone, or in the way "
                          "of something else)")]),
    ],
)  # fmt: skip
def test_a_way_down_is_told_with_its_reason(standing, wanted, warnings):
    assert list(make_plan(PlanInput(present(a=standing), target(a=(wanted, [])), {"a": "a"})).warnings) == warnings


@pytest.mark.parametrize("installer", ["", "pip", "uv", "UV", "conda", "poetry"])
@pytest.mark.parametrize("dropped", [True, False])
def test_a_change_to_what_another_manager_has_installed_is_told(installer, dropped):
    standing = {"a": Distribution("a", "1", installer=installer)}
    goal = {} if dropped else target(a=("2", []))
    plan = make_plan(PlanInput(standing, goal, {}, dropped={"a": "asked"} if dropped else {}))
    assert bool(plan.warnings) == (installer in {"conda", "poetry"})
    assert all(f"was installed by {installer}" in each for each in plan.warnings)


names = st.sampled_from([f"d{number}" for number in range(6)])
versions = st.sampled_from(["1", "2", "3"])


@given(st.dictionaries(names, versions), st.dictionaries(names, versions), st.sets(names), st.booleans())
def test_carrying_out_a_plan_leads_to_the_target_and_a_second_plan_is_empty(standing, wanted, removable, prune):
    goal = {name: Locked(name, version) for name, version in wanted.items()}
    situation = PlanInput(
        {n: Distribution(n, v) for n, v in standing.items()}, goal, {}, removable=frozenset(removable), prune=prune
    )
    plan = make_plan(situation)
    after = {name: version for name, version in standing.items() if name not in plan.removals}
    after |= {step.name: step.new for step in plan.steps if step.action != "remove"}
    assert all(after[name] == version for name, version in wanted.items())
    assert set(standing) - set(after) <= removable
    again = make_plan(situation._replace(present={n: Distribution(n, v) for n, v in after.items()}))
    assert again.steps == ()


def plan_of(*downloads: int | None) -> Plan:
    return Plan(tuple(Step("add", f"d{at}", "", "1", "", download=size) for at, size in enumerate(downloads)))


@pytest.mark.parametrize(
    ("plan", "budget", "said"),
    [
        pytest.param(plan_of(10, 20), Budget(), [], id="no budget"),
        pytest.param(plan_of(10, 20), Budget(30, 2), [], id="just within"),
        pytest.param(plan_of(10, 21), Budget(30), ["31 B would be fetched; the budget is 30 B"], id="too large"),
        pytest.param(
            plan_of(1, 1, 1), Budget(None, 2), ["3 distributions would be added; the budget is 2"], id="too many"
        ),
        pytest.param(
            plan_of(10, None),
            Budget(30),
            ["the size of d1 is unknown, so the budget cannot be proven"],
            id="unknown size",
        ),
    ],
)
def test_a_plan_is_held_to_its_budget(plan, budget, said):
    assert over_budget(plan, budget) == said
