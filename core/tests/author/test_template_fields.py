"""Which values of template fields are templates."""

import pytest

from penstock.author.template_fields import needs_rendering


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("plain", False, id="plain text"),
        pytest.param("{{ ds }}", True, id="an expression"),
        pytest.param("{% if ds %}a{% endif %}", True, id="a statement"),
        pytest.param("{# why #}", True, id="a comment"),
        pytest.param({"a": ["x", ("{{ ds }}",)]}, True, id="inside a dict, a list and a tuple"),
        pytest.param([{"{{ ds }}"}], True, id="inside a set"),
        pytest.param(frozenset({"{{ ds }}"}), True, id="inside a frozenset"),
        pytest.param({"{{ ds }}": 1}, False, id="a key is no value"),
        pytest.param("load.sql", True, id="the path of a file"),
        pytest.param("select 1 from load.sql", False, id="a path has no blanks"),
        pytest.param("load.sh", False, id="another ending"),
        pytest.param(5, False, id="no text"),
    ],
)
def test_a_value_is_rendered_if_it_holds_a_template_or_the_path_of_one(value, expected):
    assert needs_rendering(value, (".sql",)) is expected
