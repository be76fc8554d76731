"""The service, in a process of its own, as ``penstock up`` starts it."""

import json
import re
import socket
from urllib.request import Request, urlopen

import pytest

from penstock.testing import ServiceSuite
from penstock_server.http.reach.address import Address, listen
from penstock_server.services import ServerService


class TestServerService(ServiceSuite):
    service = ServerService
    wrong_options = (
        {"port": -1},
        {"host": "0.0.0.0"},
        {"tls_key": "key.pem"},
        {"public_url": "https://a.example/b"},
        {"niceness": 20},
    )

    @pytest.fixture
    def options(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)  # where its installation is
        return {"port": 0}

    def test_it_says_where_it_listens_and_answers_there(self, start, tmp_path):
        with start() as running:
            running.until(lambda: running.is_well, "has not said that it is well", 30.0)
            said = re.fullmatch(
                r"listening on (http://127\.0\.0\.1:\d+); the first admin is made, once and within an hour, at \1/welcome#([\w-]{43})",
                running.reports[-1].detail,
            )
            url = said[1]
            with urlopen(f"{url}/health/live", timeout=30) as answer:
                assert (answer.status, answer.read()) == (200, b"alive\n")
            token = (tmp_path / ".penstock" / "server.token").read_text()
            asked = Request(f"{url}/api/v1/dags", headers={"Authorization": f"Bearer {token}"})
            with urlopen(asked, timeout=30) as answer:
                assert (answer.status, answer.read()) == (200, b'{"items":[],"next":""}')
            first = {"link": said[2], "user": "ann", "password": "four words will do"}
            headers = {"Content-Type": "application/json"}
            with urlopen(Request(f"{url}/auth/first", json.dumps(first).encode(), headers), timeout=30) as answer:
                assert answer.status == 204
            running.until(lambda: running.reports[-1].detail == f"listening on {url}", "goes on to show the link", 30.0)

    def test_small_answers_are_not_held_back(self):
        # Nagle's algorithm would hold the second part of an answer for 40 ms; asyncio turns it off where the protocol is named.
        with listen(Address(port=0)) as listening:
            assert listening.proto == socket.IPPROTO_TCP

    def test_an_address_that_is_taken_is_told_in_a_sentence(self, start):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with start(port=port) as running:
                running.until(lambda: running.has_ended, "runs on where another one listens", 30.0)
                assert running.raised == (
                    f"The server cannot listen on host = '127.0.0.1', port = {port}: Address already in use. "
                    "Choose another port, or end what listens there."
                )
