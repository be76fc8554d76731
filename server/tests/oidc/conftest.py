"""An identity provider that takes nothing but what the standards ask for, and says what a test has it say."""

import hashlib
import json
import threading
from base64 import b64encode, urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from penstock.model.connection import Connection
from penstock_server.http.address import Address
from penstock_server.oidc.oidc_settings import read_oidc
from penstock_server.server_application import server_application

URL, CLIENT, SECRET = "https://penstock.example.com", "penstock", "s3cr3t/of:tests"


def key(kid):
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})


class FakeProvider(ThreadingHTTPServer):
    """Serves discovery, authorisation, tokens and keys.

    Attributes:
        person: The claims of whoever signs in there.
        lies: Claims that are said instead; None for one that is left out.
        header: The header of its ID tokens.
        signs: Makes an ID token of header and claims; None to sign it by its key.
        answers: What is answered at a path instead: status, headers and body.
        asked: Paths that were asked for.
    """

    def __init__(self, clock):
        super().__init__(("127.0.0.1", 0), Handler)
        self.clock, self.issuer = clock, f"http://127.0.0.1:{self.server_address[1]}"
        self.keys, self.codes, self.asked, self.answers = [key("one")], {}, [], {}
        self.person = {"sub": "u-1", "preferred_username": "ann", "groups": []}
        self.lies, self.header, self.signs, self.more, self.token = {}, {"alg": "ES256", "kid": "one"}, None, {}, {}

    def add_key(self, kid):
        """Sign by another key from now on, and serve both."""
        self.keys.append(key(kid))
        self.header = {"alg": "ES256", "kid": kid}

    def authorize(self, query):
        given = {name: values[0] for name, values in parse_qs(query, strict_parsing=True).items()}
        assert given["response_type"] == "code"
        assert given["client_id"] == CLIENT
        assert given["redirect_uri"] == f"{URL}/auth/oidc/callback"
        assert "openid" in given["scope"].split()
        assert given["code_challenge_method"] == "S256"
        assert len(given["state"]) >= 32
        assert len(given["nonce"]) >= 32
        code = f"code-{len(self.codes)}"
        self.codes[code] = given
        return f"{given['redirect_uri']}?{urlencode({'code': code, 'state': given['state'], **self.more})}"

    def exchange(self, headers, body):
        given = {name: values[0] for name, values in parse_qs(body, strict_parsing=True).items()}
        asked = self.codes.pop(given["code"], None)
        verifier = urlsafe_b64encode(hashlib.sha256(given["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        basic = b64encode(f"{quote(CLIENT, safe='')}:{quote(SECRET, safe='')}".encode()).decode()
        plain = b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        known = headers.get("authorization") in {f"Basic {basic}", f"Basic {plain}"}
        if asked is None or not known or given["grant_type"] != "authorization_code":
            return 400, {"error": "invalid_grant"}
        if verifier != asked["code_challenge"] or given["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.person,
        }
        claims = {name: value for name, value in {**claims, **self.lies}.items() if value is not None}
        sign = self.signs or (lambda header, said: jwt.encode(header, said, self.keys[-1], algorithms=["ES256"]))
        return 200, {"access_token": "at", "token_type": "Bearer", "id_token": sign(self.header, claims), **self.token}

    def configuration(self):
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }


class Handler(BaseHTTPRequestHandler):
    def _answer(self):
        provider, parts = self.server, urlsplit(self.path)
        provider.asked.append(parts.path)
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        if parts.path in provider.answers:
            status, headers, content = provider.answers[parts.path]
        elif parts.path == "/token":
            status, found = provider.exchange(self.headers, body)
            headers, content = {}, json.dumps(found)
        else:
            found = {
                "/.well-known/openid-configuration": provider.configuration,
                "/keys": lambda: KeySet(provider.keys).as_dict(private=False),
            }[parts.path]()
            status, headers, content = 200, {}, json.dumps(found)
        self.send_response_only(status)
        for name, value in {**headers, "Content-Length": str(len(content.encode()))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content.encode())

    do_GET = do_POST = _answer  # noqa: N815 - the names that the class calls

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def provider(installation):
    with FakeProvider(installation.clock) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def serve(installation, provider, caller):
    """Makes the server with settings of the provider; gives what calls it as a browser behind the proxy does."""
    installation.settings.state_folder.mkdir(exist_ok=True)
    installation.store.config.put_connection(Connection("idp", "http", password=SECRET), installation.now())

    def served(**more):
        given = {"issuer": provider.issuer, "client_id": CLIENT, "conn_id": "idp", "name": "Acme & Sons", **more}
        address = Address(public_url=URL, trusted_proxies=("127.0.0.1",))
        made = caller(server_application(installation, address, URL, read_oidc(given))[0], "")
        passed_on = {"host": "penstock.example.com", "x_forwarded_for": "203.0.113.9", "x_forwarded_proto": "https"}
        return lambda method, path, body=None, **headers: made(method, path, body, **{**passed_on, **headers})

    return served


class Browser:
    """Follows a sign-in by hand; keeps its cookies."""

    def __init__(self, call, provider):
        self.call, self.provider, self.cookies = call, provider, {}

    def get(self, path):
        answer = self.call("GET", path, cookie="; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        for line in answer.cookies:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
            if "Max-Age=0" in line:
                del self.cookies[name]
        return answer

    def begin(self, path=""):
        """Begin; returns where the provider sends the browser back to, as a path of the server."""
        answer = self.get(f"/auth/oidc/start{f'?next={quote(path)}' if path else ''}")
        assert answer.status == 303, answer.body
        back = urlsplit(self.provider.authorize(urlsplit(answer.headers["location"]).query))
        return f"{back.path}?{back.query}"

    def sign_in(self, path=""):
        return self.get(self.begin(path))


@pytest.fixture
def browser(serve, provider):
    return lambda **more: Browser(serve(**more), provider)
