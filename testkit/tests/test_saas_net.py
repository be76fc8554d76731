"""Official clients reach fakes by the real host names, over real TLS, and reach nothing else."""

import contextlib
import http.client
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from penstock_testkit.saas import App, HttpAnswer, HttpRequest, RouteTable, plain_http

table = RouteTable()


@table.route("GET /who")
def who(fake: "Office", request: HttpRequest) -> HttpAnswer:
    return HttpAnswer.json({"host": request.host, "thread": threading.current_thread().name})


@table.route("POST /count", query=None)
def count(fake: "Office", request: HttpRequest) -> HttpAnswer:
    fake.total += 1
    return HttpAnswer.json({"bytes": len(request.body), "total": fake.total})


@table.route("GET /lines")
def lines(fake: "Office", request: HttpRequest) -> HttpAnswer:
    return HttpAnswer(200, {"Content-Type": "text/plain"}, (b"line %d\n" % number for number in range(1000)))


@table.route("GET /at")
def at(fake: "Office", request: HttpRequest) -> HttpAnswer:
    return HttpAnswer(204, {"Date": "Thu, 01 Jan 1970 00:00:00 GMT"})


class Office(App):
    name = "office"
    hosts = ("office.example", "*.my.office.example")
    tables = (table,)

    def __init__(self):
        super().__init__()
        self.total = 0


@pytest.fixture
def urllib_was_used():
    with plain_http(Office()) as url:
        urllib.request.urlopen(f"{url}/who", timeout=60).close()


@pytest.fixture
def office(saas):
    return saas.serve(Office())


@pytest.fixture
def session():
    with requests.Session() as made:
        yield made


def test_requests_reaches_the_fake_by_its_name(office, session):
    assert session.get("https://office.example/who", timeout=60).json()["host"] == "office.example"
    assert session.get("https://acme.my.office.example/who", timeout=60).json()["host"] == "acme.my.office.example"
    assert [each.answered for each in office.asked("GET /who")] == [200, 200]


def test_urllib_reaches_the_fake_by_its_name_although_it_keeps_the_proxies_of_its_first_request(
    urllib_was_used, office
):
    with urllib.request.urlopen("https://office.example/who", timeout=60) as answer:
        assert json.load(answer)["host"] == "office.example"


def test_a_connection_is_kept_for_many_requests(office, session):
    served = {session.get("https://office.example/who", timeout=60).json()["thread"] for _ in range(5)}
    assert len(served) == 1


def test_two_threads_are_served_at_once_and_handled_one_by_one(office):
    def work():
        with requests.Session() as own:
            for _ in range(20):
                own.post("https://office.example/count", data=b"x", timeout=60)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert office.total == len(office.requests) == 40


def test_a_body_in_chunks_is_read_whole(office, session):
    pieces = (b"a" * size for size in (1, 70_000, 3))
    assert session.post("https://office.example/count", data=pieces, timeout=60).json()["bytes"] == 70_004
    assert office.requests[0].header("Transfer-Encoding") == "chunked"
    assert session.get("https://office.example/who", timeout=60).ok


def test_an_answer_in_pieces_is_sent_in_chunks(office, session):
    answer = session.get("https://office.example/lines", timeout=60, stream=True)
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert list(answer.iter_lines())[-1] == b"line 999"


def test_a_client_that_expects_100_continue_gets_it(office, saas):
    with tunnel(saas, "office.example") as link:
        link.sendall(
            b"POST /count HTTP/1.1\r\nHost: office.example\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        )
        assert link.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        link.sendall(b"abc")
        assert link.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_method_that_nobody_knows_is_a_complaint_like_any_other(office, session):
    assert session.request("BREW", "https://office.example/who", timeout=60).status_code == 501
    assert office.problems == ["the fake has no route BREW office.example/who"]
    office.problems.clear()


def test_a_fake_may_tell_its_own_time(office, session):
    answer = session.get("https://office.example/at", timeout=60)
    assert (answer.status_code, answer.headers) == (204, {"Date": "Thu, 01 Jan 1970 00:00:00 GMT"})


def test_a_host_that_no_fake_serves_is_refused_and_recorded(saas, session):
    with pytest.raises(requests.exceptions.ProxyError, match="403"):
        session.get("https://elsewhere.example/", timeout=60)
    with pytest.raises(requests.exceptions.ProxyError):
        session.get("https://127.0.0.2:9/", timeout=60)
    assert session.get("http://plain.example/x", timeout=60).status_code == 403
    assert session.request("BREW", "http://plain.example/x", timeout=60).status_code == 403
    assert saas.denied == [
        "CONNECT elsewhere.example:443", "CONNECT 127.0.0.2:9", "GET http://plain.example/x", "BREW http://plain.example/x",
    ]  # fmt: skip
    saas.denied.clear()


def test_a_port_that_is_not_https_is_refused(saas, office, session):
    with pytest.raises(requests.exceptions.ProxyError):
        session.get("https://office.example:8443/who", timeout=60)
    assert saas.denied == ["CONNECT office.example:8443"]
    saas.denied.clear()


def test_a_request_that_names_another_host_than_its_connection_is_a_complaint(saas, office, session):
    answer = session.get("https://office.example/who", headers={"Host": "bank.example"}, timeout=60)
    assert answer.status_code == 421
    assert office.problems == ["a request on a connection to office.example names the host 'bank.example'"]
    office.problems.clear()


def test_a_client_that_does_not_trust_the_authority_refuses_the_fake(office, saas):
    with pytest.raises(ssl.SSLCertVerificationError), tunnel(saas, "office.example", trusted=False):
        pass


def test_a_client_that_offers_http_2_is_told_that_there_is_http_1_1_alone(office, saas):
    with tunnel(saas, "office.example", protocols=("h2", "http/1.1")) as link:
        assert link.selected_alpn_protocol() == "http/1.1"


def test_two_fakes_of_one_host_and_one_of_none_are_refused(saas, office):
    with pytest.raises(ValueError, match=r"office is not served: office has the host office\.example"):
        saas.serve(Office())
    with pytest.raises(ValueError, match="service has no hosts"):
        saas.serve(App())


def test_a_name_goes_before_a_star(saas, office, session):
    class Branch(Office):
        name = "branch"
        hosts = ("acme.my.office.example",)

    branch = saas.serve(Branch())
    session.get("https://acme.my.office.example/who", timeout=60)
    assert (len(branch.requests), len(office.requests)) == (1, 0)


def test_a_fake_that_is_gone_is_gone_for_connections_that_stand(saas, office, session):
    assert session.get("https://office.example/who", timeout=60).ok
    saas.remove(office)
    assert session.get("https://office.example/who", timeout=60).status_code == 421
    assert saas.denied == []


def test_for_a_child_process_the_environment_suffices(saas, office):
    script = (
        "import requests, urllib.request\n"
        "requests.post('https://office.example/count', data=b'1', timeout=60).raise_for_status()\n"
        "urllib.request.urlopen('https://office.example/count', b'2', timeout=60).close()\n"
    )
    bare = {name: value for name, value in os.environ.items() if name not in saas.env}
    subprocess.run([sys.executable, "-c", script], env=bare | saas.env, check=True, timeout=60)
    assert [each.body for each in office.requests] == [b"1", b"2"]


def test_loopback_is_reached_without_the_proxy(saas):
    with plain_http(Office()) as url, urllib.request.urlopen(f"{url}/who", timeout=60) as answer:
        assert answer.status == 200
    assert saas.denied == []


HIDDEN = """
import contextlib

import pytest
import requests

from penstock_testkit.saas import App


class Tiny(App):
    name, hosts = "tiny", ("tiny.example",)


@pytest.fixture
def tiny(saas):
    return saas.serve(Tiny())


@pytest.fixture(scope="session")
def late(saas_net):
    yield
    assert not requests.get("http://late.example/", proxies={"http": saas_net.url}).ok


def test_a_stranger(tiny):
    with contextlib.suppress(Exception):
        requests.get("https://elsewhere.example/", timeout=60)


def test_an_unknown_route(tiny):
    requests.get("https://tiny.example/xyz", timeout=60)


def test_a_fault_that_does_not_strike(tiny):
    tiny.faults.reset_after(2)


def test_innocent(saas, late):
    assert saas.apps == []
"""


def test_a_test_that_hides_what_went_wrong_fails_at_its_end_and_what_happens_between_tests_fails_the_session(tmp_path):
    (tmp_path / "test_hidden.py").write_text(HIDDEN)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    for told in (
        "denied CONNECT elsewhere.example:443: no fake serves it",
        "tiny: the fake has no route GET tiny.example/xyz",
        "tiny: reset_after was ordered 2 times and struck 0",
        "between tests: denied GET http://late.example/: no fake serves it",
    ):
        assert told in done.stdout
    assert "4 passed, 4 errors" in done.stdout


def test_what_is_forgotten_is_what_was_asked_and_not_what_the_fake_keeps(saas, office, session):
    session.post("https://office.example/count", data=b"1", timeout=60)
    saas.forget()
    assert (office.requests, office.total) == ([], 1)


def test_the_example_of_the_readme_is_a_fake_and_a_test_of_it(saas, session):
    page = (Path(__file__).parents[1] / "README.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    fake, test = (block for block in blocks if "Notes" in block)

    def client():
        for _ in range(2):
            with contextlib.suppress(requests.ConnectionError):
                session.post(
                    "https://api.acme.example/v1/notes",
                    json={"text": "hello"},
                    headers={"Idempotency-Key": "k1"},
                    timeout=60,
                )
        assert session.get("https://api.acme.example/v1/notes/k1?pretty=1", timeout=60).json() == {"text": "hello"}

    names = {"client": client, "__name__": "page"}
    assert test.count("...  ") == 1
    exec(fake + test.replace("...  ", "client()  "), names)
    names["test_a_note_is_written_once_although_its_answer_was_lost"](saas)


def tunnel(net, host, *, trusted=True, protocols=()):
    """A TLS connection to a host, through the net's proxy."""
    proxy = urlsplit(net.url)
    link = http.client.HTTPSConnection(proxy.hostname, proxy.port, timeout=60)
    link._context = (
        ssl.create_default_context(cafile=net.env["SSL_CERT_FILE"])
        if trusted
        else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    )
    if protocols:
        link._context.set_alpn_protocols(list(protocols))
    link.set_tunnel(host, 443)
    link.connect()
    return link.sock
