import pytest

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
