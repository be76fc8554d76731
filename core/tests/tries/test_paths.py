import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.model.run import TaskKey
from penstock.tries.paths import log_path, log_url, run_logs


@pytest.mark.parametrize("run_id", ["a/b" * 80, "ä" * 250, "日" * 250, "%" * 250, "x" * 250, "a" * 199 + "日"])
def test_the_log_of_any_run_can_be_made_and_is_its_own(tmp_path, run_id):
    path = log_path(tmp_path, "d" * 250, run_id, TaskKey(1, "t" * 250, 123456), 7)
    path.parent.mkdir(parents=True)
    path.write_text("said")
    assert run_logs(tmp_path, "d" * 250, run_id) in path.parents
    assert run_logs(tmp_path, "d", run_id) != run_logs(tmp_path, "d", run_id[:-1] + "z")
    assert run_logs(tmp_path, "d", run_id).name[:5] == run_logs(tmp_path, "d", run_id[:100] + "z" * 150).name[:5]


@pytest.mark.parametrize("name", ["count", "..", "a b", "a/b", "ä日", "50%", "x" * 250, "#?&;", "\x1b]0;"])
def test_the_url_of_a_log_is_that_of_its_path(tmp_path, name):
    for key in (TaskKey(1, name), TaskKey(1, name, 3)):
        assert log_url(tmp_path, name, name, key, 7) == log_path(tmp_path, name, name, key, 7).as_uri()


IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=260)
# Codes, beginnings of codes, what a cut name looks like, other forms of one letter.
ALIKE = st.lists(
    st.sampled_from(
        [
            "a",
            "é",
            "e\u0301",
            "%",
            "2e",
            ".",
            "/",
            "!22",
            "™",
            "[3]",
            "%-",
            "0" * 32,
            "x" * 190,
            "\uac00",
            "\u1100\u1161",
        ]
    ),
    min_size=1,
    max_size=6,
).map("".join)


@given(IDS | ALIKE, IDS | ALIKE)
@example("a!22", "a™")
@example("a" * 166 + "%-" + "0" * 32, "a" * 201)
def test_no_two_ids_have_one_folder(tmp_path_factory, first, second):
    logs = tmp_path_factory.getbasetemp()
    names = [run_logs(logs, each, "r").parent.name for each in (first, second)]
    same = first == second
    assert (names[0] == names[1]) is same
    assert (len({unicodedata.normalize("NFC", each) for each in names}) == 1) is same
    for text, name in zip((first, second), names, strict=True):
        assert len(name.encode()) <= 200
        assert name not in {"", ".", ".."}
        assert not set(name) & {"/", "\0"}
        assert "%-" in name or unquote(name) == text


def test_a_task_of_many_instances_shares_no_folder_with_one_whose_id_looks_so(tmp_path):
    assert log_path(tmp_path, "d", "r", TaskKey(1, "a", 3), 1) != log_path(tmp_path, "d", "r", TaskKey(1, "a[3]"), 1)
