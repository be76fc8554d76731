"""Reading tags back."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock_redshift.commands import tags
from penstock_redshift.hooks.tagging import tagged
from penstock_redshift.hooks.tags import read_tags

TAGS = {"app": "penstock", "dag": "it's */ ü = 'x', %", "task": "load"}
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize("tagging", ["intermix", "sqlcommenter", "both"])
@pytest.mark.parametrize("statement", ["SELECT 1", "SELECT 1;", "COPY t FROM 's3://a/*b' IAM_ROLE default"])
def test_what_was_written_is_read(tagging, statement):
    assert read_tags(tagged(statement, TAGS, tagging)) == TAGS


@settings(max_examples=50)
@given(st.dictionaries(TEXTS, TEXTS, min_size=1), st.sampled_from(["intermix", "sqlcommenter", "both"]))
def test_any_tags_are_read_back(given_tags, tagging):
    assert read_tags(tagged("SELECT 1", given_tags, tagging)) == given_tags


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            '/* {"app": "dbt", "node_id": "model.a", "n": 3} */ create table a',
            {"app": "dbt", "node_id": "model.a", "n": "3"},
        ),
        ("SELECT '/* INTERMIX_ID */'", {}),
        ("/* INTERMIX_ID: %%% */ SELECT 1", {}),
        ("/* INTERMIX_ID: eyJhIjo= */ SELECT 1", {}),
        ("/* INTERMIX_ID: WzFd */ SELECT 1", {}),
        ("SELECT 1 /* nothing */", {}),
        ("SELECT 1 /*route='/a',x='cu", {}),
        ("/* {broken} */ SELECT 1", {}),
        ("", {}),
    ],
)
def test_other_comments_are_read_or_passed_over(statement, found):
    assert read_tags(statement) == found


def test_the_command_reads_the_standard_input(monkeypatch, capsys):
    script = f"{tagged('SELECT 1;', TAGS, 'both')}\nSELECT 2;\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(script))
    assert tags() == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [TAGS, {}]
    assert tags(statement="SELECT 2") == 1


def test_the_command_is_one_of_penstock(tmp_path):
    penstock = shutil.which("penstock", path=str(Path(sys.executable).parent))
    done = subprocess.run(
        [penstock, "redshift", "tags", "--statement", tagged("SELECT 1", TAGS, "both")],
        env={"PENSTOCK_HOME": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert json.loads(done.stdout) == TAGS, done.stderr
