"""The command line asks a real server over a socket: it prints what it prints beside the database, and a change is made once."""

import contextlib
import getpass
import http.client
import json
import os
import re
import shutil
import signal
import socket
import threading
from contextlib import contextmanager

import msgspec
import pytest
from click.shell_completion import ShellComplete

from penstock.app.compose import installation as composed
from penstock.cli.root import root, run
from penstock.client.http_remote import ClientLimits, HttpRemote
from penstock.client.server_address import ServerAddress, server_address
from penstock.errors import NotFoundError, ServerError
from penstock.model.changes import Changes
from penstock.model.connection import Connection
from penstock.model.remote.remote_try import WorkerStatus
from penstock.model.run import TaskInstance, Try
from penstock.model.state import Outcome, RunState, TaskState
from penstock.service import dags, runs
from penstock.service.config import connections, pools, variables
from penstock.service.installation import Installation
from penstock.service.logs import task_logs
from penstock.settings import load_settings
from penstock.testing import FakeClock
from penstock_server.http.application import application
from penstock_server.http.authenticator import OwnerToken
from penstock_server.http.reach.address import Address, listen
from penstock_server.http.serve import serve
from penstock_testkit.commands.fork_server import penstock
from penstock_testkit.processes import wait_until

SECRET = "a-secret-of-tests"
COMMANDS = """
dags list
dags list --json
dags list --search sal --tag daily
dags show sales
dags show sales --json
dags show nothing
dags next sales --json
dags errors
dags versions sales
dags pause sales
dags list --json
dags unpause sales
dags trigger sales --run-id two --json
dags trigger sales --run-id two
dags trigger sales --conf {"customer":5}
dags trigger sales --conf {"nothing":5}
dags trigger health
runs list
runs list --json
runs list sales --state queued --limit 1
runs show sales
runs show sales one --json
runs show sales nothing
runs show nothing --json
runs cancel sales one --reason why
runs mark sales one failed
runs clear sales one --dry-run
runs clear sales one
runs delete sales one --dry-run
tasks list sales
tasks list sales one --json
tasks why sales load
tasks why sales load[key]
tasks xcom sales load
tasks mark sales load success --run one
tasks rendered sales load
tasks logs health count --run logged
tasks logs health count --run logged --json
tasks logs health count --run logged --path
tasks logs health count --run logged --dispatch 2
tasks logs health count --run logged --dispatch 7
tasks logs sales load --run one
tasks logs health count --run logged --follow
backfills plan sales --from 2026-01-01 --to 2026-01-02
backfills list
connections list
connections list --json
connections show db
connections set new http://h/
connections list
connections delete new
variables list --json
variables get k
variables get nothing
variables set other v
variables delete other
pools list
pools list --json
pools set wide 9
pools delete wide
executors list
tenants list
queues list --json
schedulers list
workers list
workers list --json
workers drain gone
workers drain host-1-ab
workers list
services list
providers list --json
assets list
state list
quarantine list
users add bot --service
users add bot --service
users add ann --role king
users grant bot viewer --dags sal*
users reset bot
users disable bot
users list
users revoke 1
tokens list
tokens revoke nothing
users delete bot
export runs
export tasks --dag sales
export audit --format csv --since 2100-01-01
export runs --dag nothing
export runs --since 2026-01-02 --until 2026-01-01
alerts list
alerts list --json
alerts test nobody
db prune
db prune --runs-days 36000 --dry-run
db prune --runs-days 36000 --audit-days 36000 --json
drain
dags delete sales
dags delete sales --yes
dags delete nothing --yes
dags delete retired --yes --json
audit
""".strip().splitlines()
"""Commands, in an order in which each finds what those before it have made."""

ON_THAT_MACHINE = (
    "db check",
    "db upgrade",
    "doctor",
    "config show",
    "users password ann",
    "server link",
)
"""Commands that look at files, processes or the database themselves."""

HERE = ("up", "init", "db copy --to sqlite:///other.db")


@pytest.fixture(scope="session")
def project(tmp_path_factory, database):
    """A project with DAGs, runs and values in it, which tests copy."""
    folder = tmp_path_factory.mktemp("project") / "project"
    folder.mkdir()
    (folder / "penstock.toml").write_text("")
    (folder / ".penstock").mkdir()
    shutil.copy(database, folder / ".penstock" / "penstock.db")
    with composed(load_settings({}, folder)) as made:
        dags.trigger(made, "sales", run_id="one")
        run = dags.trigger(made, "health", run_id="logged").run
        failed = Try(run.run, "count", -1, 1, 1, "local", run.created_at, outcome=Outcome.FAILED)
        silent = msgspec.structs.replace(failed, epoch=2, try_number=2)
        made.store.apply(
            Changes(
                runs=[
                    msgspec.structs.replace(
                        run, state=RunState.FAILED, started_at=run.created_at, ended_at=run.created_at
                    )
                ],
                tasks=[TaskInstance(run.run, "count", -1, TaskState.FAILED, 2, 2)],
                tries=[failed, silent],
            ),
            run.created_at,
        )
        log = task_logs(made, "health", "count")[0]
        log.path.parent.mkdir(parents=True)
        log.path.write_bytes(b"first\n\x1b[31mred\x1b[0m\nno end of a line")
        connections.set_connection(made, "db", Connection("db", "http", host="h", password="hidden"))
        variables.set_variable(made, "k", "v")
        pools.set_pool(made, "narrow", 3)
        made.store.remote_workers.renew(WorkerStatus("host-1-ab", "pool", ("far",), "host", "1.0", 4), run.created_at)
    return folder


@contextmanager
def served(folder):
    """Serve the project of a folder on a socket, in a thread; gives the URL."""
    stop, stopping = os.pipe()
    listening, ready = listen(Address(port=0)), threading.Event()
    url = Address().url(listening)
    with composed(load_settings({}, folder)) as made:
        answers = application(made, OwnerToken(SECRET))
        thread = threading.Thread(target=serve, args=(answers, listening, stop, ready.set))
        thread.start()
        try:
            assert ready.wait(30)
            yield url
        finally:
            os.write(stopping, b"x")
            thread.join()
            os.close(stop)
            os.close(stopping)


@pytest.fixture
def server(project, tmp_path):
    folder = shutil.copytree(project, tmp_path / "there")
    with served(folder) as url:
        yield url


@pytest.fixture
def remote(server):
    with Installation.elsewhere(HttpRemote(server_address(server), SECRET), FakeClock()) as found:
        yield found


def asked(command, environ, capsys):
    code = run(command.split(), environ)
    said = capsys.readouterr()
    return code, _alike(said.out), _alike(said.err)


def _alike(text):
    # The two are asked one after the other, in two folders, and the owner's token is that of nobody by name.
    text = text.replace("/there/", "/here/").replace(f" {getpass.getuser()} ", " ")
    return re.sub(
        r" +", " ", re.sub(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+[0-9](Z|\+00:00)?|[0-9.]+ (s|min)\b", "TIME", text)
    )


def test_commands_say_from_afar_what_they_say_beside_the_database(project, server, tmp_path, monkeypatch, capsys):
    here, empty = shutil.copytree(project, tmp_path / "here"), tmp_path / "empty"
    empty.mkdir()
    there = {"PENSTOCK_SERVER": server, "PENSTOCK_TOKEN": SECRET}
    differing = []
    for command in COMMANDS:
        monkeypatch.chdir(here)
        local = asked(command, {}, capsys)
        monkeypatch.chdir(empty)
        with monkeypatch.context() as of_process:
            of_process.setenv("PENSTOCK_SERVER", server)
            of_process.setenv("PENSTOCK_TOKEN", SECRET)
            far = asked(command, there, capsys)
        if local != far:
            differing.append((command, local, far))
        assert local[0] in (0, 1, 2, 3, 4), command
    assert differing == []
    assert list(empty.iterdir()) == []


def test_who_is_added_from_afar_gets_a_link_by_which_a_password_is_set(server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PENSTOCK_SERVER", server)
    monkeypatch.setenv("PENSTOCK_TOKEN", SECRET)
    there = {"PENSTOCK_SERVER": server, "PENSTOCK_TOKEN": SECRET}
    code, told, _ = asked("users add zoe --role viewer", there, capsys)
    assert code == 0
    link = rf"{server}/reset#[\w-]{{43}}"
    assert re.fullmatch(
        rf"added zoe, viewer on everything\nzoe sets a password, once and within an hour, at {link}\n", told
    )
    code, told, _ = asked("users reset zoe", there, capsys)
    assert (code, bool(re.fullmatch(rf"{link}\n", told))) == (0, True)


def test_what_others_stored_steers_no_terminal_from_afar(server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PENSTOCK_SERVER", server)
    monkeypatch.setenv("PENSTOCK_TOKEN", SECRET)
    there, odd = {"PENSTOCK_SERVER": server, "PENSTOCK_TOKEN": SECRET}, "\x1b]0;owned\x07\x9b2J\u202egnp"
    for words in (
        ["pools", "set", "odd", "1", "--description", odd],
        ["variables", "set", "odd", odd, "--description", odd],
        ["connections", "set", "odd", "http://h/", "--description", odd],
        ["teams", "create", "odd", "--description", odd],
    ):
        assert run(words, there) == 0
    for words in ("pools list", "variables list", "variables get odd", "connections show odd", "teams list", "audit"):
        for more in [[]] if words == "teams list" else [[], ["--json"]]:
            assert run([*words.split(), *more], there) == 0
            said = capsys.readouterr()
            assert "owned" in said.out, words
            assert not set("\x1b\x07\x9b\u202e") & set(said.out + said.err), words


@pytest.mark.parametrize("command", ON_THAT_MACHINE + HERE)
def test_what_looks_at_its_own_machine_says_where_to_do_it(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PENSTOCK_SERVER", "http://127.0.0.1:9")
    code, _, told = asked(command, {"PENSTOCK_SERVER": "http://127.0.0.1:9"}, capsys)
    assert (code, "PENSTOCK_SERVER" in told, list(tmp_path.iterdir())) == (4, True, []), told


@pytest.mark.parametrize(
    ("words", "part", "names"),
    [
        ("penstock dags show", "s", ["sales"]),
        ("penstock runs show sales", "", ["one"]),
        ("penstock tasks why sales", "l", ["load"]),
        ("penstock connections show", "", ["db"]),
        ("penstock variables get", "", ["k"]),
        ("penstock pools delete", "n", ["narrow"]),
        ("penstock providers show", "se", ["server"]),
    ],
)
def test_a_shell_completes_the_names_that_a_server_has(server, tmp_path, monkeypatch, words, part, names):
    monkeypatch.chdir(tmp_path)
    arguments = [*words.split()[1:], part]
    environ = {"PENSTOCK_SERVER": server, "PENSTOCK_TOKEN": SECRET}
    completing = ShellComplete(root, {"obj": environ}, "penstock", "_PENSTOCK_COMPLETE")
    completed = lambda: [each.value for each in completing.get_completions(arguments[:-1], part)]  # noqa: E731 - short
    # Who types waits for two seconds at most; a busy machine may take them.
    wait_until(lambda: completed() == names, otherwise=lambda: f"{completed()}")


def test_who_has_no_token_is_told_so(server, capsys):
    code, _, told = asked("runs list", {"PENSTOCK_SERVER": server}, capsys)
    assert (code, "PENSTOCK_TOKEN is not set, or is not valid" in told) == (5, True)


def test_a_server_that_is_not_there_is_told_with_its_url(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    far = Installation.elsewhere(
        HttpRemote(ServerAddress(False, "127.0.0.1", port, ""), "", ClientLimits(pauses_s=(0,))), FakeClock()
    )
    with pytest.raises(ServerError, match=f"the server http://127.0.0.1:{port} does not answer: .*refused"):
        runs.list_runs(far)


class CutOff(ServerAddress):
    """The address of a server whose first answers are lost on the way."""

    lost = 0

    def connection(self, timeout_s):
        opened = super().connection(timeout_s)
        whole = opened.getresponse

        def getresponse():
            found = whole()
            if CutOff.lost:
                CutOff.lost -= 1
                found.read()
                raise http.client.RemoteDisconnected("cut after the change was made")
            return found

        opened.getresponse = getresponse
        return opened


def test_a_change_whose_answer_was_lost_on_the_way_is_made_once(server):
    CutOff.lost = 2
    address = CutOff(*server_address(server))
    with Installation.elsewhere(HttpRemote(address, SECRET, ClientLimits(pauses_s=(0, 0))), FakeClock()) as far:
        done = dags.trigger(far, "sales")
        assert done.created
        assert [each.run_id for each in runs.list_runs(far, dag_id="sales").items] == [done.run.run_id, "one"]
        CutOff.lost = 3
        with pytest.raises(ServerError, match="cut after the change was made"):
            runs.list_runs(far)


def test_an_error_comes_back_in_its_class(remote):
    with pytest.raises(NotFoundError, match=r"no DAG is named 'sale'\. Did you mean 'sales'") as found:
        dags.show_dag(remote, "sale")
    assert (found.value.kind, found.value.name, found.value.near) == ("DAG", "sale", ("sales",))


def test_a_name_may_hold_what_it_likes(remote):
    for name in ("a/b", "...", "?x=1#", "%2F", "ü ~"):
        dags.trigger(remote, "sales", run_id=name)
        assert runs.show_run(remote, "sales", name).run.run_id == name


@contextmanager
def started(folder, environ):
    """A server in a process of its own; gives its URL and token."""
    process = penstock().start(("server", "start", "--port", "0"), folder, environ)
    try:
        url = re.search(r"http://[\d.:]+\d", process.stdout.readline().decode())[0]
        yield process, url, (folder / ".penstock" / "server.token").read_text()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.timeout(180)
def test_a_server_that_is_killed_between_commit_and_answer_has_made_one_run(project, tmp_path):
    folder, armed = shutil.copytree(project, tmp_path / "there"), tmp_path / "failpoints"
    armed.mkdir()
    (armed / "service.answer.before").touch()
    environ = {**os.environ, "PENSTOCK_FAILPOINTS": str(armed)}

    def trigger(url, token):
        with contextlib.closing(server_address(url).connection(60)) as asks:
            asks.request("POST", "/api/v1/dags/sales/runs", b"{}", {
            "Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": "one",
        })  # fmt: skip
            found = json.loads(asks.getresponse().read())
            return found["run"]["run_id"], found["created"]

    with started(folder, environ) as (process, url, token):
        with pytest.raises((http.client.HTTPException, OSError)):
            trigger(url, token)
        assert process.wait(60) == -signal.SIGKILL
    with composed(load_settings({}, folder)) as here:
        made = [each.run_id for each in runs.list_runs(here, dag_id="sales").items]
    assert len(made) == 2
    with started(folder, environ) as (_, url, token):
        assert [trigger(url, token) for _ in range(2)] == [(made[0], True)] * 2
