"""The pages of the reference say what the code says today."""

import reference


def test_no_generated_page_is_stale(workspace):
    assert reference.stale(workspace / "docs" / "reference") == [], "run `nox -s docs`"


def test_the_contract_sees_a_page_that_is_missing_or_changed(tmp_path):
    for name, page in reference.PAGES.items():
        (tmp_path / name).write_text(page())
    assert reference.stale(tmp_path) == []
    (tmp_path / "cli.md").write_text(reference.command_line() + "More.\n")
    (tmp_path / "errors.md").unlink()
    assert reference.stale(tmp_path) == ["cli.md", "errors.md"]
