"""A worker runs code from its folder: one that somebody else may have made, among temporary ones, is not taken."""

import os
import tempfile

import pytest

from penstock.app.workers.remote_worker import WorkerChoice, run_worker
from penstock.errors import ExitCode

TICKET = {"PENSTOCK_SERVER": "http://127.0.0.1:9", "PENSTOCK_TICKET": "t-x.abc"}


def linked(path):
    path.with_name("elsewhere").mkdir()
    path.symlink_to(path.with_name("elsewhere"))


def of_another(path):
    path.mkdir()
    os.chown(path, 65534, 65534)


def open_to_all(path):
    path.mkdir()
    path.chmod(0o777)


@pytest.mark.parametrize("make", [linked, of_another, open_to_all])
def test_a_temporary_folder_that_is_not_the_users_own_is_refused(tmp_path, monkeypatch, capsys, make):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    make(tmp_path / f"penstock-worker-{os.getuid()}")
    assert run_worker(TICKET, WorkerChoice()) != ExitCode.DONE
    assert "is not this user's own" in capsys.readouterr().err
