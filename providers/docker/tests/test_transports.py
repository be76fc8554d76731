"""An engine is reached by its socket, by TLS and through ssh, and says what is wrong where it is not."""

import gc
import sys
import warnings

import pytest

from penstock import Connection
from penstock.errors import ConfigError, ErrorKind, ProviderError
from penstock_docker.hooks import DockerHook
from penstock_docker.hooks.clients import forget
from penstock_docker.hooks.ssh_transport import ssh_command
from penstock_testkit.docker import tls_address

# Stands in for the system's ssh: it hands the socket that the test names to its input and output, as `docker system
# dial-stdio` does behind a real one.
SSH = """#!{python}
import os, socket, sys, threading
with open({told!r}, "a") as told:
    told.write(" ".join(sys.argv[1:]) + "\\n")
if {says!r}:
    sys.exit({says!r})
engine = socket.socket(socket.AF_UNIX)
engine.connect({path!r})
def back():
    while data := engine.recv(65536):
        os.write(1, data)
    os._exit(0)
threading.Thread(target=back, daemon=True).start()
while data := os.read(0, 65536):
    engine.sendall(data)
"""


def hook_of(url, **extra):
    return DockerHook(
        connection=Connection("docker_default", "docker", extra={"docker_url": url, "max_attempts": 1, **extra})
    )


@pytest.fixture
def ssh(tmp_path, connection, monkeypatch):
    """A function that puts an ssh in the way which leads to the engine, or says something and ends; what it was called with."""
    told = tmp_path / "told"

    def put(says=""):
        path = connection.extra["docker_url"].removeprefix("unix://")
        program = tmp_path / "ssh"
        program.write_text(SSH.format(python=sys.executable, told=str(told), says=says, path=path))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return lambda: told.read_text().splitlines()

    return put


def test_the_socket_says_who_is_there(hook):
    report = hook.test_connection()

    assert (report.ok, report.identity) == (True, "docker-host")
    assert report.endpoint.startswith("unix:///")
    assert (
        "docker-host runs Docker Engine 27.5.1 (API 1.47) on Debian GNU/Linux 12 (bookworm), x86_64." in report.detail
    )


def test_tls_needs_our_certificate_and_checks_the_engines(engine, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # for the web, not for an engine
    with tls_address(engine) as address:
        pair = {"tls_cert": address.cert, "tls_key": address.key}
        assert hook_of(address.url, tls_ca=address.ca, **pair).test_connection().ok
        without = hook_of(address.url, tls_ca=address.ca).test_connection()
        untrusted = hook_of(address.url, **pair).test_connection()

    assert not without.ok
    assert not untrusted.ok
    assert "certificate verify failed" in untrusted.detail


def test_tls_takes_files_as_well(engine, tmp_path):
    with tls_address(engine) as address:
        for name, text in {"ca": address.ca, "cert": address.cert, "key": address.key}.items():
            (tmp_path / name).write_text(text)
        files = {f"tls_{name}": str(tmp_path / name) for name in ("ca", "cert", "key")}
        assert hook_of(address.url, **files).test_connection().ok


def test_ssh_leads_to_the_engine_and_leaves_no_process(ssh, engine):
    called = ssh()
    hook = hook_of("ssh://deploy@far.example:2222")

    assert hook.test_connection().ok
    made = hook.create("far", "busybox", host={}, command=["echo", "hi"])
    hook.start(made)
    assert engine.containers[made].ended.wait(60)
    assert hook.last_line(made) == "hi"
    hook.remove(made)
    client = hook.client
    forget(hook.fields)
    client.close()
    assert set(called()) == {
        "-o BatchMode=yes -o ConnectTimeout=5 -T -l deploy -p 2222 -- far.example docker system dial-stdio"
    }


@pytest.mark.parametrize(
    ("says", "kind"),
    [
        ("deploy@far.example: Permission denied (publickey).", "auth"),
        ("Host key verification failed.", "auth"),
        ("ssh: connect to host far.example port 22: Connection refused", "transient"),
    ],
)
def test_what_ssh_says_is_told(ssh, says, kind):
    ssh(says)
    with pytest.raises(ProviderError, match="ssh ended with exit code 1: ") as raised:
        _ = hook_of("ssh://far.example").client
    assert says in str(raised.value)
    assert raised.value.kind == kind


def test_ssh_is_called_with_words_of_ours_alone():
    assert ssh_command("ssh://far/run/user/1/docker.sock", 5)[-6:] == [
        "far", "docker", "--host", "unix:///run/user/1/docker.sock", "system", "dial-stdio",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="must name a host"):
        _ = hook_of("ssh://-oProxyCommand=x").client


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"docker_url": "fd://"}, "must begin with one of unix://"),
        ({"docker_url": "unix://"}, "must name the path of a socket"),
        ({"docker_url": "ssh://u:pw-of-u@h"}, "must hold no password"),
        ({"docker_url": "tcp://h", "tls_cert": "c"}, "tls_cert and tls_key belong together"),
        ({"tls_ca": "ca"}, "are for a docker_url that begins with tcp://"),
        ({"docker_url": "tcp://h", "tls_ca": "ca", "tls_verify": False}, "of no use"),
        ({"username": "ann"}, "the login is set, the password is not"),
        ({"registry": "https://r"}, "without a scheme"),
    ],
)
def test_fields_that_do_not_go_together_are_refused(extra, says):
    with pytest.raises(ConfigError, match=says) as raised:
        _ = DockerHook(connection=Connection("c", "docker", extra=extra)).fields
    assert "pw-of-u" not in str(raised.value)


@pytest.fixture
def refused():
    """A function that gives the error of a connection: the SDK leaves the socket open, which is closed with the error here."""
    found = []

    def ask(hook):
        with pytest.raises(ProviderError) as raised:
            _ = hook.client
        found.append(raised.value)
        return raised.value

    yield ask
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        for each in found:
            each.__cause__ = each.__context__ = each.__traceback__ = None
        found.clear()
        gc.collect()


def test_a_socket_that_is_not_there_is_told_with_its_place(refused, tmp_path):
    error = refused(hook_of(f"unix://{tmp_path}/none.sock"))

    assert "No such file or directory" in str(error)
    assert error.kind is ErrorKind.TRANSIENT
    assert f"Check that unix://{tmp_path}/none.sock is where the connection 'docker_default' should lead" in error.hint


def test_a_socket_that_is_not_ours_is_told_with_the_remedy(refused, hook, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("socket.socket.connect", refuse)
    error = refused(hook)

    assert error.kind is ErrorKind.PERMISSION
    assert "add it to the group docker" in error.hint


def test_an_engine_that_does_not_answer_is_not_waited_for(engine, connection):
    engine.faults.slow_answer(30, when="GET /version")
    found = hook_of(connection.extra["docker_url"], read_timeout_s=0.2)
    with pytest.raises(ProviderError) as raised:
        _ = found.client
    assert raised.value.kind is ErrorKind.TIMEOUT
