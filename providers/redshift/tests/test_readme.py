"""The README's snippets are what they say."""

import re
from pathlib import Path

import pytest

from penstock.model.connection import parse_connection
from penstock.spec.fields import read_fields
from penstock_redshift.connections import RedshiftFields

README = (Path(__file__).parents[1] / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_makes_its_tasks(snippet):
    exec(snippet, {})


def test_the_connections_are_complete():
    found = re.findall(r"PENSTOCK_CONN_REDSHIFT_DEFAULT='(.*?)'\n", README, re.DOTALL)
    fields = [read_fields(parse_connection("redshift_default", each), RedshiftFields) for each in found]

    assert [(each.user, each.password, each.iam) for each in fields] == [
        ("loader", "s@crt", False), ("loader", "", True),
    ]  # fmt: skip
