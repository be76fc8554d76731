"""Pools, Variables, runs, teams and kept state have names by one rule: what one takes the others take, and what one refuses they refuse."""

import pytest

from penstock.errors import RequestError
from penstock.service import dags, runs
from penstock.service.access import grants
from penstock.service.config import pools, variables
from penstock.service.values import kept_state

NAMES = ["etl / nightly", "teams/sales/region", "a b", "é", "%2e", "=1+1", "a.b-c_d:e@f", "x" * 250, "...", "?#&;"]
REFUSED = ["", " a", "a ", ".", "..", "a\nb", "a\tb", "\x00", "\x1b[31m", "x" * 251, "\u200b", "\ud800"]


def add_pool(installation, name):
    pools.set_pool(installation, name, 1)
    return name in _names(pools.list_pools(installation))


def _names(page):
    return {getattr(each, "name", getattr(each, "key", getattr(each, "team", ""))) for each in page.items}


def add_variable(installation, name):
    variables.set_variable(installation, name, "1")
    return name in _names(variables.list_variables(installation))


def add_run(installation, name):
    run = dags.trigger(installation, "stock", run_id=name).run
    return runs.show_run(installation, "stock", name).run == run


def add_team(installation, name):
    grants.add_team(installation, name, "")
    return name in _names(grants.list_teams(installation))


def add_state(installation, name):
    kept_state.set_state(installation, name, "1", dag_id="sales", task_id="load")
    return kept_state.show_state(installation, name, dag_id="sales", task_id="load").value == 1


DOORS = [add_pool, add_variable, add_run, add_team, add_state]


@pytest.mark.parametrize("door", DOORS)
def test_what_one_takes_each_takes_and_finds_again(installation, door):
    assert [name for name in NAMES if not door(installation, name)] == []


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_what_one_refuses_each_refuses(installation, door, name):
    if door is add_run and not name:
        return  # it is given one
    with pytest.raises(RequestError):
        door(installation, name)
