"""A server whose users sign in by an identity provider, and a browser that follows by hand."""

import threading
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

import pytest

from penstock.model.connection import Connection
from penstock_server.http.reach.address import Address
from penstock_server.oidc.oidc_settings import read_oidc
from penstock_server.server_application import server_application

from .fake_provider import CLIENT, SECRET, URL, FakeProvider


@contextmanager
def answering(made):
    """A provider that answers until the end of the block."""
    with made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def provider(installation):
    with answering(FakeProvider(installation.clock)) as made:
        yield made


@pytest.fixture
def serve(installation, provider, caller):
    """Makes the server with settings of the provider; gives what calls it as a browser behind the proxy does."""
    installation.settings.state_folder.mkdir(exist_ok=True)
    installation.store.config.put_connection(Connection("idp", "http", password=SECRET), installation.now())

    def served(others=None, **more):
        given = {"issuer": provider.issuer, "client_id": CLIENT, "conn_id": "idp", "name": "Acme & Sons", **more}
        address = Address(public_url=URL, trusted_proxies=("127.0.0.1",))
        providers = read_oidc({"company": given, **(others or {})})
        made = caller(server_application(installation, address, URL, providers)[0], "")
        passed_on = {"host": "penstock.example.com", "x_forwarded_for": "203.0.113.9", "x_forwarded_proto": "https"}
        return lambda method, path, body=None, **headers: made(method, path, body, **{**passed_on, **headers})

    return served


class Browser:
    """Follows a sign-in by hand; keeps its cookies."""

    def __init__(self, call, provider, name="company"):
        self.call, self.provider, self.name, self.cookies = call, provider, name, {}

    def get(self, path, method="GET", **headers):
        kept = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.call(method, path, cookie=kept, **headers)
        for line in answer.cookies:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
            if "Max-Age=0" in line:
                self.cookies.pop(name)
        return answer

    def begin(self, path=""):
        """Begin; returns where the provider sends the browser back to, as a path of the server."""
        answer = self.get(f"/auth/oidc/{self.name}/start{f'?next={quote(path)}' if path else ''}")
        assert answer.status == 303, answer.body
        back = urlsplit(self.provider.authorize(urlsplit(answer.headers["location"]).query))
        return f"{back.path}?{back.query}"

    def sign_in(self, path=""):
        return self.get(self.begin(path))

    def log_out(self):
        return self.get("/auth/logout", "POST", sec_fetch_site="same-origin")


@pytest.fixture
def browser(serve, provider):
    return lambda **more: Browser(serve(**more), provider)
