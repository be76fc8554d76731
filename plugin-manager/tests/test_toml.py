from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.model.toml import set_keys, value

TEXT = '# top\n[core]\nx = 1 # kept\n\n[plugin-manager]\n# why\nproviders = [\n  "a", # [not the end]\n]\n\n[tail]\ny = 2\n'


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param(TEXT, ["# top", "x = 1 # kept", "# why", "y = 2"], id="array over lines"),
        pytest.param("", [], id="empty file"),
        pytest.param("[core]\nx = 1\n", ["x = 1"], id="table to be made"),
        pytest.param('[plugin-manager.policy]\ndeny = ["b"]\n', ['deny = ["b"]'], id="only a table below"),
        pytest.param('[plugin-manager] # words\n"providers" = []\n', ["# words"], id="quoted key"),
    ],
)
def test_one_key_changes_and_the_rest_stays(text, kept):
    result = set_keys(text, "plugin-manager", {"providers": ["b", "c"]}, "penstock.toml")
    assert tomllib.loads(result)["plugin-manager"]["providers"] == ["b", "c"]
    assert all(line in result for line in kept)


def test_none_takes_a_key_out():
    assert "providers" not in set_keys(TEXT, "plugin-manager", {"providers": None}, "penstock.toml")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("plugin-manager = { providers = [] }\n", id="inline table"),
        pytest.param("plugin-manager.providers = []\n", id="dotted key"),
    ],
)
def test_a_form_that_cannot_be_edited_safely_is_refused(text):
    with pytest.raises(ManagerError, match="cannot be edited safely"):
        set_keys(text, "plugin-manager", {"providers": ["b"]}, "penstock.toml")


def test_what_is_no_toml_is_named():
    with pytest.raises(ManagerError, match=r"penstock\.toml is no valid TOML"):
        set_keys("= x", "plugin-manager", {"providers": []}, "penstock.toml")


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.lists(st.text(st.characters(exclude_categories=["Cs"]))),
    st.integers(-(2**62), 2**62),
    st.booleans(),
)
def test_values_are_read_back_as_they_were_written(text, items, number, flag):
    data = {"text": text, "items": items, "number": number, "flag": flag, "table": {"in ner": text}}
    assert tomllib.loads("\n".join(f"{key} = {value(item)}" for key, item in data.items())) == data
