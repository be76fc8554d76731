import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from penstock_testkit.guards.outbound import OutboundConnectionError


def test_a_connection_to_another_machine_is_refused(no_outbound_connections: list[str]):
    with socket.socket() as probe, pytest.raises(OutboundConnectionError, match=r"192\.0\.2\.1"):
        probe.connect(("192.0.2.1", 80))
    assert len(no_outbound_connections) == 1
    no_outbound_connections.clear()


def test_a_name_is_refused_before_it_is_resolved(no_outbound_connections: list[str]):
    with pytest.raises(OutboundConnectionError, match=r"example\.org"):
        socket.getaddrinfo("example.org", 443)
    no_outbound_connections.clear()


def test_http_libraries_are_seen_too(no_outbound_connections: list[str]):
    with pytest.raises((OutboundConnectionError, urllib.error.URLError)):
        urllib.request.urlopen("http://example.org/", timeout=1)
    assert no_outbound_connections
    no_outbound_connections.clear()


def test_loopback_addresses_and_unix_sockets_pass(tmp_path: Path, no_outbound_connections: list[str]):
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1])).close()
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "s"))
        server.listen()
        client.connect(str(tmp_path / "s"))
    assert no_outbound_connections == []


def test_a_test_that_hides_the_refusal_fails_all_the_same(tmp_path: Path):
    (tmp_path / "test_hidden.py").write_text(
        "import contextlib, socket\n"
        "def test_hidden():\n"
        "    with contextlib.suppress(Exception), socket.socket() as probe:\n"
        "        probe.connect(('192.0.2.1', 80))\n"
        "def test_innocent():\n"
        "    pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert "tried to leave this machine: socket.connect ('192.0.2.1', 80)" in done.stdout
    assert "2 passed, 1 error" in done.stdout
