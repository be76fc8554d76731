from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock_testkit.nightly import at_night

from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.model.toml import key, read_text, value
from penstock_plugin_manager.model.toml_edits import set_keys

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


KEPT = """# of the file\r
[plugin-manager]   # of the table\r
providers = [  # of the list\r
  "a",  # of a\r
  # of nothing\r
\t'gone', "b" # of b\r
]  # of the end\r
core = ">=1" # of the core\r
\r
[other]\r
x = "[plugin-manager]" # of x\r
\r
\r
"""


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize(
    ("changes", "after"),
    [
        ({"providers": ["a", "b", "c"]}, {"providers": ["a", "b", "c"], "core": ">=1"}),
        ({"providers": []}, {"providers": [], "core": ">=1"}),
        ({"providers": ["0", "a", "gone", "b"]}, {"providers": ["a", "gone", "b", "0"], "core": ">=1"}),
        ({"core": None}, {"providers": ["a", "gone", "b"]}),
        ({"core": "<2", "isolated": ["x"]}, {"providers": ["a", "gone", "b"], "core": "<2", "isolated": ["x"]}),
        ({"providers": None, "core": None}, {}),
    ],
)
def test_comments_order_line_ends_and_a_byte_order_mark_stay(mark, changes, after):
    result = set_keys(mark + KEPT, "plugin-manager", changes, "penstock.toml")
    assert tomllib.loads(result.removeprefix(mark)) == {"plugin-manager": after, "other": {"x": "[plugin-manager]"}}
    assert [line for line in KEPT.split("#")[1:] if line.partition("\r")[0] not in result] == []
    assert result.count("\n") == result.count("\r\n")
    assert result.startswith(mark)
    assert result.endswith('x = "[plugin-manager]" # of x\r\n\r\n\r\n')


COMMENT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\x85"), max_size=8)
NAME = st.sampled_from(["a", "b", "c[x]>=1", "#", "]", '"'])


@settings(derandomize=True, max_examples=at_night(60, 20))
@given(
    old=st.lists(st.tuples(NAME, st.none() | COMMENT), unique_by=lambda pair: pair[0], max_size=4),
    new=st.lists(NAME, unique=True, max_size=4),
    lines=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
    last=st.none() | COMMENT,
)
def test_a_list_of_any_layout_is_changed_and_no_comment_is_lost(old, new, lines, end, last):
    inner = [f"{value(item)},{'' if comment is None else f' #{comment}'}" for item, comment in old]
    body = f"{end}".join(["", *inner, ""]) if lines else ", ".join(value(item) for item, _ in old)
    comments = [comment for _, comment in old if comment is not None] if lines else []
    text = f"[t]{end}x = [{body}]{'' if last is None else f' #{last}'}{end}y = 1{end}"
    result = set_keys(text, "t", {"x": new}, "f")
    assert sorted(tomllib.loads(result)["t"]["x"]) == sorted(new)
    assert [each for each in [*comments, *([last] if last is not None else [])] if f"#{each}" not in result] == []
    assert set_keys(result, "t", {"x": tomllib.loads(result)["t"]["x"]}, "f") == result


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


@settings(derandomize=True, max_examples=at_night(100, 25))
@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers() | st.booleans(), max_size=3))
def test_any_key_and_text_is_read_back_as_it_was_written(table):
    lines = "".join(f"{key(name)} = {value(item)}\n" for name, item in table.items())
    assert tomllib.loads(lines) == table
    assert tomllib.loads(f"x = {value(table)}") == {"x": table}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"\xff", "byte 0xff at offset 0"),
        (b"a = 1\n\xe9 = 2", "byte 0xe9 at offset 6"),
        (b"\x00\xd8", "byte 0xd8 at offset 1"),
        (b"\xff\xfea\x00", "byte 0xff at offset 0"),
    ],
)
def test_a_file_of_another_encoding_is_named_with_the_byte(tmp_path, body, words):
    path = tmp_path / "penstock.toml"
    path.write_bytes(body)
    with pytest.raises(ManagerError) as refused:
        read_text(path)
    assert str(path) in str(refused.value)
    assert words in str(refused.value), refused.value
