import stat
from datetime import UTC, datetime

import pytest

from penstock.app.compose import open_store
from penstock.errors import ConfigError
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.source import ParsedFile
from penstock.settings import load_settings
from penstock.store import LoaderCatalog, UnreadableSecrets, new_key

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_the_state_folder_is_for_its_owner_alone(tmp_path):
    settings = load_settings({"PENSTOCK_CORE__STATE_FOLDER": "deep/state"}, tmp_path)
    with open_store(settings):
        assert stat.S_IMODE(settings.state_folder.stat().st_mode) == 0o700


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "taken").touch()
    settings = load_settings({"PENSTOCK_CORE__STATE_FOLDER": "taken"}, tmp_path)
    with pytest.raises(ConfigError, match="taken: the state folder cannot be made: File exists"):
        open_store(settings)


@pytest.fixture
def held(tmp_path):
    """Settings of a project whose database holds a Variable."""
    settings = load_settings({}, tmp_path)
    with open_store(settings) as store:
        store.config.put_variable("x", "y", NOW)
    return settings


def test_a_key_that_is_lost_is_replaced_by_no_other(held):
    held.key_file.rename(held.key_file.with_name("backup"))
    with pytest.raises(ConfigError, match=r"secret\.key: the key file is missing, and .* Put the file back"):
        open_store(held)
    assert not held.key_file.exists()
    held.key_file.with_name("backup").rename(held.key_file)
    with open_store(held) as store:
        assert store.config.variable("x") == "y"


def test_who_only_reads_needs_no_key_until_he_reads_a_secret(held):
    held.key_file.unlink()
    with open_store(held, create=False) as store:
        assert store.runs.live() == []
        assert store.config.variable_keys() == ["x"]
        with pytest.raises(ConfigError, match="the key file is missing"):
            store.config.variable("x")
    assert not held.key_file.exists()


def test_what_a_key_sealed_that_is_lost_for_good_is_forgotten_and_a_new_key_made(held):
    held.key_file.unlink()
    with open_store(held, create=False) as store:
        assert store.config.unreadable().variables == ["x"]
        assert store.config.variable_keys() == ["x"], "nothing is deleted before that is asked for"
        assert store.config.forget_unreadable() == UnreadableSecrets([], ["x"], [], [])
    with open_store(held) as store:
        assert store.config.variable("x") is None
        store.config.put_variable("x", "again", NOW)
        assert store.config.unreadable() == UnreadableSecrets([], [], [], [])
    assert held.key_file.exists()


def test_what_another_key_opens_is_not_forgotten(held):
    old = held.key_file.read_text()
    held.key_file.write_text(f"{new_key()}\n{old}")
    with open_store(held) as store:
        store.config.put_variable("y", "new", NOW)
    held.key_file.write_text(held.key_file.read_text().splitlines()[0])
    with open_store(held) as store:
        assert store.config.forget_unreadable().variables == ["x"]
        assert (store.config.variable("x"), store.config.variable("y")) == (None, "new")
        store.config.put_variable("z", "newer", NOW)


@pytest.mark.parametrize("text", ["", "mistyped"])
def test_nothing_is_forgotten_for_a_key_that_is_no_key(held, text):
    held.key_file.write_text(text)
    with open_store(held) as store:
        for act in (store.config.unreadable, store.config.forget_unreadable):
            with pytest.raises(ConfigError, match="no usable key"):
                act()
        assert store.config.variable_keys() == ["x"]


def test_a_file_that_read_a_lost_variable_is_imported_anew_and_its_versions_stay(held):
    with open_store(held) as store:
        catalog = LoaderCatalog(store, store.config.variable_values, lambda: NOW)
        dag = DagSpec("d", "d.py", (TaskSpec("t"),))
        catalog.save(ParsedFile("d.py", "s", {}, {"x": "y"}, None, NOW, 0.1, (dag,)))
        catalog.close()
        version = store.dags.row("d").version
    held.key_file.unlink()
    with open_store(held, create=False) as store:
        forgotten = store.config.forget_unreadable()
        assert (forgotten.versions, forgotten.files) == ([version], ["d.py"])
    with open_store(held) as store:
        assert store.versions.spec(version) is not None
        assert LoaderCatalog(store, store.config.variable_values, lambda: NOW).files() == {}


def test_a_key_that_has_encrypted_nothing_is_made_again(tmp_path):
    settings = load_settings({}, tmp_path)
    open_store(settings).close()
    settings.key_file.unlink()
    open_store(settings).close()
    assert settings.key_file.exists()
