"""Where a call works that names nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from penstock_plugin_manager.change.session import Session, SessionOptions
from penstock_plugin_manager.output import Console


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder in which this process stands, without an environment of its own."""
    for name in ("PENSTOCK_ENV", "VIRTUAL_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _session(**options):
    return Session(SessionOptions(**options), Console(json=False, quiet=True))


def test_where_the_manager_is_installed_is_no_project(here):
    session = _session()
    assert session.environment.root == sys.prefix
    assert session.project == here


def test_an_activated_environment_elsewhere_is_no_project(here, monkeypatch):
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    assert _session().project == here


def test_the_folder_around_a_named_environment_is_the_project(here):
    assert _session(env=sys.prefix).project == Path(sys.prefix).parent


def test_the_folder_around_an_environment_is_the_project_of_the_folders_in_it(here, monkeypatch):
    below = here / "dags"
    below.mkdir()
    (here / ".venv").symlink_to(sys.prefix)
    monkeypatch.setenv("VIRTUAL_ENV", str(here / ".venv"))
    monkeypatch.chdir(below)
    assert _session().project == here


def test_the_nearest_project_file_decides(here, monkeypatch):
    (here / "penstock.toml").write_text("")
    below = here / "dags"
    below.mkdir()
    monkeypatch.chdir(below)
    assert _session().project == here


def test_a_project_without_an_environment_is_told_which_one_is_changed(here, monkeypatch):
    assert _session().warnings == []
    (here / "penstock.toml").write_text("")
    (told,) = _session().warnings
    assert told.startswith(
        f"{here} has no .venv, so this is about the environment that plugin-manager runs in, {sys.prefix}."
    )
    assert _session(env=sys.prefix).warnings == []
    (here / ".venv").symlink_to(sys.prefix)
    assert _session().warnings == []
