"""Errors name what they are about, and not where it lies on the machine of the server."""

from pathlib import Path

import msgspec
import pytest
from starlette.responses import JSONResponse

from penstock.errors import ConfigError
from penstock.settings import load_settings
from penstock_server.http.problems import problem_answer
from penstock_server.http.reach.machine_paths import MachinePaths, ProblemFence

SENTENCES = [
    ("/srv/flows/.penstock/penstock.db: it is locked.", ".penstock/penstock.db: it is locked."),
    ("no object is at 'file:///srv/flows/.penstock/xcom/1'.", "no object is at 'file://.penstock/xcom/1'."),
    ("/var/log/flows/sales/r1/1.log cannot be read", "sales/r1/1.log cannot be read"),
    ("the folder /srv/flows is full: /srv/flows", "the folder flows is full: flows"),
    ("/srv/flows.", "flows."),
    ("/srv/flowstate/a: full", "/srv/flowstate/a: full"),
    ("/srv/flows-old, /srv/flows.old and /mnt/srv/flows/a", "/srv/flows-old, /srv/flows.old and /mnt/srv/flows/a"),
]


@pytest.fixture
def folders(tmp_path):
    settings = load_settings({"PENSTOCK_CORE__LOGS_FOLDER": "/var/log/flows"}, tmp_path)
    return MachinePaths(msgspec.structs.replace(settings, root=Path("/srv/flows")))


@pytest.mark.parametrize(("text", "told"), SENTENCES)
def test_a_sentence_says_where_in_the_installation_something_is(folders, text, told):
    assert folders.without(text) == told


def test_every_problem_is_without_folders_and_what_else_is_answered_stays(folders, caller):
    text = "/srv/flows/dags: it is not there."
    for made, said in (
        (problem_answer(ConfigError(text)), "dags: it is not there."),
        (JSONResponse({"detail": text}), text),
    ):
        answer = caller(ProblemFence(made, folders), "")("GET", "/")
        assert msgspec.json.decode(answer.body)["detail"] == said
        assert int(answer.headers["content-length"]) == len(answer.body)


def test_an_installation_at_the_root_has_no_folder_to_leave_out():
    folders = {f"PENSTOCK_CORE__{each}_FOLDER": "/" for each in ("STATE", "DAGS", "LOGS")}
    assert MachinePaths(load_settings(folders, Path("/"))).without("/ is full: /a") == "/ is full: /a"
