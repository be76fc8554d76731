"""An installation that two teams share, as it is served, and what each operation is asked."""

import shutil

import pytest
from starlette.requests import Request

from penstock.service.access.principals import Principals
from penstock.service.operations.operation import Operation
from penstock.service.operations.table import operations
from penstock.spec.archives.listed_archives import LIST
from penstock.store import new_key
from penstock_server.access.login import Login
from penstock_server.access.passwords import Passwords
from penstock_server.access.user_authenticator import UserAuthenticator
from penstock_server.execution.execution_api import ExecutionApi
from penstock_server.http.application import application
from penstock_server.http.authenticator import OwnerToken

from .asking import asked
from .two_teams import OURS, OWNER, THEIRS, fill, opened_at, token_of


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """The folder of an installation that two teams share, and the key of its secrets: tests copy it."""
    folder, key = tmp_path_factory.mktemp("shared"), new_key()
    snapshots = folder / ".penstock" / "snapshots" / "snapshot"
    snapshots.mkdir(parents=True)
    (snapshots / LIST).write_text("".join(f"{'0' * 64} {team}.py\n" for team in (OURS, THEIRS)))
    store, installation = opened_at(folder, key)
    with store:
        fill(installation, snapshots)
    return folder, key


class World:
    """The installation, and callers of its server.

    Attributes:
        installation: As the owner sees it.
        cookie: The name of the cookie of a session.
    """

    def __init__(self, installation, caller):
        self.installation = installation
        principals = Principals(installation)
        authenticator = UserAuthenticator(principals, OwnerToken(OWNER), installation.store.name)
        self.cookie = authenticator.cookie(Request({"type": "http", "scheme": "http", "headers": []}))
        login = Login(installation, principals, authenticator, Passwords())
        execution = ExecutionApi(installation, authenticator)
        self._application = application(installation, authenticator, more=login.routes(), execution=execution)
        self._caller = caller

    def call(self, name):
        """Calls as somebody; as the owner if the name is empty."""
        token = {"": OWNER, "nobody": ""}.get(name, token_of(name))
        return self._caller(self._application, token)

    def asked(self, name, requests):
        """Each request with how somebody is answered, one after the other."""
        call = self.call(name)
        for each in requests:
            yield each, call(each.operation.method, each.path, each.body)


FIRST = ("end_session", "revoke_token", "remove_member", "reset_password", "start_backfill", "set_backfill")


def _rank(operation: Operation) -> int:
    """When a change is asked for, so that each finds what it is about."""
    return 0 if operation.name in FIRST else 2 if operation.method == "DELETE" or operation.name == "delete_runs" else 1


@pytest.fixture(scope="session")
def requests(shared_folder):
    """What each operation is asked of each team's things: reads first, and last what deletes."""
    store, installation = opened_at(*shared_folder)
    table = sorted(operations(), key=lambda each: (not each.reads, _rank(each), each.path))
    with store:
        return {team: [r for each in table for r in asked(installation, each, team)] for team in (OURS, THEIRS)}


@pytest.fixture
def world(shared_folder, tmp_path, caller):
    """A copy of the shared installation, which a test may change."""
    folder, key = shared_folder
    shutil.copytree(folder, tmp_path / "world")
    store, installation = opened_at(tmp_path / "world", key)
    with store:
        yield World(installation, caller)
