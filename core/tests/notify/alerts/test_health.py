"""DAG files that break and parts that are not well are told once, and once more when they are right again."""

import pytest

from penstock.alerts.rules import Rules, SiteRule
from penstock.alerts.trouble import Trouble
from penstock.model.source import ParsedFile
from penstock.notify.alerts.health import FILES_S, PARTS_S, Health
from penstock.notify.alerts.lateness import Clocks
from penstock.store import LoaderCatalog

from .conftest import NOW, rule


@pytest.fixture
def health(desk):
    def watch(*events):
        found = desk(window_s=0.0)
        found.wrong = []
        clocks = Clocks(found.clock.monotonic, found.clock.now)
        found.health = Health(found.store, Rules([SiteRule(rule(*events))]), clocks, lambda: list(found.wrong))
        return found

    return watch


def look(desk, seconds):
    desk.clock.passed_s += seconds
    desk.health.step()
    desk.work()
    return [title for _, _, title, _ in desk.taken()]


def parse(desk, *problems):
    catalog = LoaderCatalog(desk.store, dict.fromkeys, desk.clock.now)
    catalog.save(ParsedFile("x.py", "", {}, {}, None, NOW, 0.0, problems=problems))
    catalog.close()


def test_a_file_that_breaks_is_told_once_until_it_is_mended(health):
    found = health("import_broken", "import_mended")
    parse(found, "x.py:1: no such name")
    assert look(found, FILES_S) == ["x.py cannot be imported"]
    assert len(look(found, FILES_S)) == 1
    parse(found)
    assert look(found, FILES_S) == ["x.py cannot be imported", "x.py can be imported again"]


def test_a_part_that_is_not_well_is_told_and_so_is_a_scheduler_that_is_gone_for_a_while(health):
    found = health("unwell", "well")
    look(found, FILES_S)
    found.wrong = [Trouble("pool p", "it is too small")]
    assert look(found, FILES_S) == ["the scheduler is not well"], "the other parts are looked at now and then"
    assert "pool p is not well" in look(found, PARTS_S)
    found.wrong = []
    assert look(found, PARTS_S)[-1] == "pool p is well again"


def test_without_a_rule_for_it_nothing_is_looked_at(desk):
    found = desk()
    clocks = Clocks(found.clock.monotonic, found.clock.now)
    assert Health(found.store, Rules([SiteRule(rule("run_failed"))]), clocks, lambda: pytest.fail("looked")).due is None
