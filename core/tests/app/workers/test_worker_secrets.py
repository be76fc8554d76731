"""A pool of workers may find its token in a file, as containers hand it over."""

import pytest

from penstock.app.workers.remote_worker import WorkerChoice, run_worker

SERVER = {"PENSTOCK_SERVER": "http://127.0.0.1:9"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_with_its_token_in_a_file_it_goes_on_to_what_it_is_to_be(tmp_path, capsys):
    (tmp_path / "token").write_text("penstock_x\n")
    assert run_worker(SERVER | {"PENSTOCK_TOKEN_FILE": str(tmp_path / "token")}, WorkerChoice("far")) != 0
    told = capsys.readouterr().err
    assert (
        f"there is no executor 'far' of a provider in [executors]: no penstock.toml is in {tmp_path} or above it."
        in told
    )
    (tmp_path / "penstock.toml").write_text('[executors]\nnear = "acme.executor"\n')
    assert run_worker(SERVER | {"PENSTOCK_TOKEN_FILE": str(tmp_path / "token")}, WorkerChoice("far")) != 0
    assert f"in [executors]: {tmp_path / 'penstock.toml'} names near. Correct the name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, "PENSTOCK_TOKEN is not set"),
        ({"PENSTOCK_TOKEN_FILE": "/nowhere"}, "PENSTOCK_TOKEN_FILE: /nowhere cannot be read"),
    ],
)
def test_without_a_token_or_its_file_it_says_so(more, told, capsys):
    assert run_worker(SERVER | more, WorkerChoice("far")) != 0
    assert told in capsys.readouterr().err
