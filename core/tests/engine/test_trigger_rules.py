from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.engine.graph.trigger_rules import _RULES, Tally, Verdict, explain, verdict
from penstock.model.state import FINISHED, TaskState, TriggerRule
from penstock.testing.simulation.rules.trigger_rules import allowed

S, F, U, K = TaskState.SUCCESS, TaskState.FAILED, TaskState.UPSTREAM_FAILED, TaskState.SKIPPED
WORDS = {"s": S, "f": F, "u": U, "k": K, "c": TaskState.CANCELLED, "S": S, "F": F, "K": K}

# What each rule says to an upstream that finished so far; a dot is a task that has not, a capital a setup task.
TABLE = """
all_success                  s.=wait ss=run  sf=upstream f.=upstream u.=upstream k.=skip sk=skip c.=upstream
all_failed                   f.=wait ff=run  fu=run      s.=skip     k.=skip     uc=run
all_done                     f.=wait sfk=run ukc=run
all_done_min_one_success     s.=wait sf=run  ff=upstream kk=skip     fk=upstream
all_done_setup_success       S.=wait Sf=run  Fs=upstream Ks=skip     SF=run      ff=run      ss=run
all_skipped                  k.=wait kk=run  s.=skip     f.=skip     u.=skip
one_failed                   s.=wait f.=run  u.=run      ss=skip     sk=skip     c.=run
one_success                  f.=wait s.=run  ff=upstream kk=skip     fk=upstream
one_done                     k.=wait u.=wait s.=run      f.=run      kk=skip     uu=skip
none_failed                  s.=wait sk=run  kk=run      f.=upstream u.=upstream
none_failed_min_one_success  s.=wait sk=run  kk=skip     f.=upstream k.=wait
none_skipped                 s.=wait sf=run  k.=skip     uu=run
always                       ..=run  f.=run
"""
CASES = [(line.split()[0], *case.split("=")) for line in TABLE.strip().splitlines() for case in line.split()[1:]]


def tally_of(upstream):
    tally = Tally(len(upstream))
    for letter in upstream.replace(".", ""):
        tally.pending -= 1
        tally.add(WORDS[letter], setup=letter.isupper())
    return tally


@pytest.mark.parametrize(("rule", "upstream", "expected"), CASES, ids=[" ".join(case) for case in CASES])
def test_a_rule_decides_as_early_as_it_is_certain(rule, upstream, expected):
    expected = "upstream_failed" if expected == "upstream" else expected
    assert verdict(TriggerRule(rule), tally_of(upstream)).value == expected


def test_every_rule_is_in_the_table():
    assert {rule for rule, _, _ in CASES} == {rule.value for rule in TriggerRule}


@pytest.mark.parametrize("rule", TriggerRule)
def test_a_task_without_upstream_runs_whatever_its_rule(rule):
    assert verdict(rule, Tally(0)) is Verdict.RUN


@given(
    st.sampled_from(TriggerRule),
    st.lists(st.tuples(st.sampled_from(sorted(FINISHED - {TaskState.REMOVED})), st.booleans()), min_size=1, max_size=6),
    st.booleans(),
)
def test_every_rule_agrees_with_a_second_writing_of_it(rule, finished, done):
    tally = Tally(len(finished) + (not done))
    for state, setup in finished:
        tally.pending -= 1
        tally.add(state, setup=setup)
    setups = Counter(state for state, setup in finished if setup)
    expected = allowed(rule, Counter(state for state, _ in finished), setups, done=done, any_upstream=True)
    words = {None: "wait", TaskState.SCHEDULED: "run", K: "skip", U: "upstream_failed"}
    assert verdict(rule, tally).value == words[expected]


@given(st.sampled_from(TriggerRule), st.permutations([S, F, U, K, S, K]))
def test_a_rule_that_lets_a_task_run_early_never_takes_it_back(rule, states):
    tally, said = Tally(len(states)), []
    for state in states:
        tally.pending -= 1
        tally.add(state, setup=False)
        said.append(verdict(rule, tally))
    first = next(index for index, word in enumerate(said) if word is not Verdict.WAIT)
    if said[first] is Verdict.RUN:
        assert set(said[first:]) == {Verdict.RUN}


@pytest.mark.parametrize(
    ("upstream", "expected"),
    [
        ("", "trigger rule all_success: no upstream"),
        ("s", "trigger rule all_success: 1 succeeded"),
        ("fk.", "trigger rule all_success: 1 failed, 1 skipped, 1 upstream task is not finished"),
        ("u..", "trigger rule all_success: 1 had a failed upstream, 2 upstream tasks are not finished"),
    ],
)
def test_the_reason_says_where_the_upstream_stands(upstream, expected):
    assert explain(TriggerRule.ALL_SUCCESS, tally_of(upstream)) == expected


def test_every_trigger_rule_has_a_verdict_and_a_row_in_the_table():
    assert set(_RULES) == set(TriggerRule)
    assert {rule for rule, *_ in CASES} == {rule.value for rule in TriggerRule}
