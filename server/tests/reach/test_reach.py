"""The server as others reach it: over TLS, and through a proxy."""

import http.client
import json
import os
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from penstock.service.access.users import add_user_with_password
from penstock_server.access.passwords import hashed
from penstock_server.http.reach.address import Address
from penstock_server.run import run

NAME, PASSWORD = "penstock.example.com", "four words of tests"
LOGIN = json.dumps({"user": "ann", "password": PASSWORD})


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def ann(installation):
    add_user_with_password(installation, "ann", hashed(PASSWORD))
    installation.settings.state_folder.mkdir(exist_ok=True)
    return installation


@pytest.fixture
def served(ann, monkeypatch, tmp_path):
    """Runs the server, and gives what it reports first."""

    @contextmanager
    def started(address):
        reading, writing = os.pipe()
        answers, reports = threading.Event(), []

        def report(text, well):
            reports.append((text, well))
            answers.set()

        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PENSTOCK_DATABASE__URL", f"sqlite:///{tmp_path}/penstock.db")
        thread = threading.Thread(target=run, args=(address, reading, report))
        thread.start()
        try:
            assert answers.wait(30)
            yield reports[0]
        finally:
            os.write(writing, b"x")
            thread.join(30)
            os.close(reading)
            os.close(writing)

    return started


@pytest.fixture
def files(tmp_path, authority):
    issued, found = authority.issue_cert(NAME), {"tls_certificate": tmp_path / "c.pem", "tls_key": tmp_path / "k.pem"}
    found["tls_certificate"].write_bytes(issued.cert_chain_pems[0].bytes())
    found["tls_key"].write_bytes(issued.private_key_pem.bytes())
    found["tls_key"].chmod(0o600)
    return {name: str(file) for name, file in found.items()}


@pytest.fixture
def port():
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) + 23_480


class Proxy(BaseHTTPRequestHandler):
    """Passes requests on, as proxies do: what was in the headers stays before what it adds."""

    def _pass_on(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        before = self.headers.get("x-forwarded-for")
        chain = ", ".join([*([before] if before else []), self.client_address[0]])
        sent = {name: value for name, value in self.headers.items() if not name.lower().startswith("x-forwarded")}
        sent |= {"X-Forwarded-For": chain, "X-Forwarded-Proto": self.server.scheme}
        behind = http.client.HTTPConnection("127.0.0.1", self.server.behind)
        behind.request(self.command, self.path, body, sent)
        answer = behind.getresponse()
        content = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        behind.close()

    do_GET = do_POST = _pass_on  # noqa: N815 - the names that the class calls

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def proxy(behind, scheme):
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as made:
        made.behind, made.scheme = behind, scheme
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield made.server_address[1]
        finally:
            made.shutdown()
            thread.join()


def asked(connection, method, path, body=None, **headers):
    sent = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin", "Host": NAME}
    connection.request(method, path, body, {**sent, **{name.replace("_", "-"): each for name, each in headers.items()}})
    answer = connection.getresponse()
    return answer, answer.read()


def sources(installation):
    return [each.source for each in installation.store.audit.page() if each.action == "login"]


def test_over_tls_a_browser_signs_in_with_a_cookie_of_this_host_alone(served, files, authority, ann, port):
    url = f"https://{NAME}"
    with served(Address("0.0.0.0", port, **files, public_url=url)) as (text, well):
        assert (text.startswith(f"listening on {url}; the first admin"), f" {url}/welcome#" in text, well) == (
            True,
        ) * 3
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        trusting.check_hostname = False
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=trusting)
        answer, body = asked(connection, "POST", "/auth/login", LOGIN, X_Forwarded_For="192.0.2.1", Origin=url)
        assert body == b""
        assert (answer.status, answer.headers["strict-transport-security"]) == (204, "max-age=31536000")
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-penstock-")
        assert {"secure", "httponly", "path=/", "samesite=lax"} <= {each.lower() for each in cookie.split("; ")}
        answer, body = asked(connection, "GET", "/api/v1/me", Cookie=cookie.partition(";")[0])
        assert (answer.status, json.loads(body)["user"]) == (200, "ann")
        assert connection.sock.version() == "TLSv1.3"
        connection.close()
        assert sources(ann) == ["127.0.0.1"]

        old = ssl.create_default_context()
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.deprecated_call():
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with pytest.raises(ssl.SSLError):
            http.client.HTTPSConnection("127.0.0.1", port, context=old).request("GET", "/")
        plain = http.client.HTTPConnection("127.0.0.1", port)
        with pytest.raises((http.client.HTTPException, OSError)):
            asked(plain, "GET", "/health/live")
        plain.close()


def test_through_a_proxy_the_audit_has_the_client_and_the_cookie_is_of_this_host_alone(served, ann, port):
    address = Address("127.0.0.1", port, public_url=f"https://{NAME}", trusted_proxies=("127.0.0.1",))
    with served(address) as (text, _), proxy(port, "https") as front, proxy(port, "http") as plain:
        assert f"https://{NAME}/welcome#" in text
        # The client has another address than the proxy; each 127.x is this machine.
        connection = http.client.HTTPConnection("127.0.0.1", front, source_address=("127.0.0.2", 0))
        answer, _ = asked(
            connection, "POST", "/auth/login", LOGIN, X_Forwarded_For="192.0.2.1", Origin=f"https://{NAME}"
        )
        assert (answer.status, answer.headers["set-cookie"].startswith("__Host-penstock-")) == (204, True)
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert sources(ann) == ["127.0.0.2"]
        connection.close()

        by_plain = http.client.HTTPConnection("127.0.0.1", plain, source_address=("127.0.0.2", 0))
        answer, _ = asked(by_plain, "GET", "/dags?tab=runs")
        assert (answer.status, answer.headers["location"]) == (308, f"https://{NAME}/dags?tab=runs")
        by_plain.close()

        past = http.client.HTTPConnection("127.0.0.1", port, source_address=("127.0.0.2", 0))
        answer, body = asked(past, "POST", "/auth/login", LOGIN, X_Forwarded_Proto="https", X_Forwarded_For="192.0.2.1")
        assert (answer.status, b"is no proxy of trusted_proxies" in body) == (403, True)
        past.close()
        assert sources(ann) == ["127.0.0.2"]
