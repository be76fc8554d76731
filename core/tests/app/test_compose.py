import stat

import pytest

from penstock.app.compose import open_store
from penstock.errors import ConfigError
from penstock.settings import load_settings


def test_the_state_folder_is_for_its_owner_alone(tmp_path):
    settings = load_settings({"PENSTOCK_CORE__STATE_FOLDER": "deep/state"}, tmp_path)
    with open_store(settings):
        assert stat.S_IMODE(settings.state_folder.stat().st_mode) == 0o700


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "taken").touch()
    settings = load_settings({"PENSTOCK_CORE__STATE_FOLDER": "taken"}, tmp_path)
    with pytest.raises(ConfigError, match="taken: the state folder cannot be made: File exists"):
        open_store(settings)
