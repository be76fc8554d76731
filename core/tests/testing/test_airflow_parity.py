"""What Apache Airflow 3.3.2 made of eighty random DAGs, recorded by ``nox -s differential``, is what they become here."""

import json
from pathlib import Path

import pytest
from differential.compare import DOCUMENTED, differences
from differential.penstock_side import run
from differential.schedules import CLOCK_CHANGES

RECORDED = [json.loads(line) for line in (Path(__file__).parent / "airflow_runs.jsonl").read_text().splitlines()]
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "come-from-airflow.md"


def test_recorded_dags_become_what_they_became_in_airflow():
    found = {each["plan"]["dag_id"]: differences(each["plan"], each["airflow"], run(each["plan"])) for each in RECORDED}
    assert {name: each for name, each in found.items() if each != ([], set())} == {}


@pytest.mark.parametrize("line", [CLOCK_CHANGES, *(each.line for each in DOCUMENTED.values())])
def test_each_difference_that_the_comparison_passes_over_has_its_line_on_the_page(line):
    assert line in PAGE.read_text()
