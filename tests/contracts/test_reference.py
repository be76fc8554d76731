"""The pages of the reference say what the code says today."""

import subprocess
import sys

import reference


def test_no_generated_page_is_stale(workspace):
    # In a process of its own: other tests of this worker may have added commands to the tree.
    command = [sys.executable, str(workspace / "tools" / "reference.py")]
    done = subprocess.run(command, cwd=workspace, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"run `nox -s docs`: {done.stdout}{done.stderr}"


def test_the_contract_sees_a_page_that_is_missing_or_changed(tmp_path):
    for name, page in reference.PAGES.items():
        (tmp_path / name).write_text(page())
    assert reference.stale(tmp_path) == []
    (tmp_path / "cli.md").write_text(reference.command_line() + "More.\n")
    (tmp_path / "errors.md").unlink()
    assert reference.stale(tmp_path) == ["cli.md", "errors.md"]
