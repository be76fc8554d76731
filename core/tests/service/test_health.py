"""What `penstock doctor` finds, one part of an installation after the other."""

import msgspec
import pytest

from penstock.service.health import Verdict, check_installation
from penstock.settings import ExecutorChoice


@pytest.fixture
def found(installation):
    """A function that checks the installation; what was found by subject."""

    def check():
        return {each.subject: each for each in check_installation(installation)}

    installation.settings.state_folder.mkdir()
    installation.settings.dags_folder.mkdir()
    (installation.settings.state_folder / "penstock.db").touch()
    return check


def test_a_sound_installation_has_no_bad_finding(found):
    assert [each for each in found().values() if each.verdict is Verdict.BAD] == []
    assert found()["scheduler"].verdict is Verdict.NOTE


def test_a_missing_folder_is_bad_and_the_rest_is_looked_at(found, installation):
    installation.settings.dags_folder.rmdir()
    assert found()["DAGs folder"].verdict is Verdict.BAD
    assert found()["database"].verdict is Verdict.OK


def test_an_executor_that_no_provider_offers_is_bad(found, installation):
    executors = {"batch": ExecutorChoice("acme.batch")}
    installation.settings = msgspec.structs.replace(installation.settings, executors=executors)
    assert found()["executors"].verdict is Verdict.BAD
    assert "plugin-manager install acme" in found()["executors"].detail
    assert found()["providers"].verdict is Verdict.OK
