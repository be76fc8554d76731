"""An identity provider that takes nothing but what the standards ask for, and says what a test has it say."""

import hashlib
import json
from base64 import b64encode, urlsafe_b64encode
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

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
        callback: Where it sends browsers back to, as it was registered.
        left: Where browsers come from that log out: the queries.
        asked: Paths that were asked for.
    """

    client, secret = CLIENT, SECRET

    def __init__(self, clock, callback=f"{URL}/auth/oidc/company/callback"):
        super().__init__(("127.0.0.1", 0), Handler)
        self.callback, self.left = callback, []
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
        assert given["redirect_uri"] == self.callback
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
            "end_session_endpoint": f"{self.issuer}/logout?tenant=1",
        }

    def logout_token(self, **lies):
        """What it tells servers by themselves when somebody logs out (Back-Channel Logout 1.0)."""
        now, events = int(self.clock.now().timestamp()), {"http://schemas.openid.net/event/backchannel-logout": {}}
        said = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": "one", "events": events}
        claims = {
            name: value for name, value in {**said, "sub": self.person["sub"], **lies}.items() if value is not None
        }
        return jwt.encode(self.header, claims, self.keys[-1], algorithms=["ES256"])

    def page(self, parts):
        """What a person sees who is sent there: a button that signs in, or out."""
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        action, label = ("approve", "Sign in as Ann") if parts.path == "/authorize" else ("leave", "Log out")
        fields = "".join(f'<input type="hidden" name="{escape(n)}" value="{escape(v)}">' for n, v in given.items())
        return f'<!doctype html><html lang="en"><title>Acme</title><form action="/{action}">{fields}<button>{label}</button></form>'

    def leave(self, query):
        """Log out; returns where the browser goes then."""
        given = {name: values[0] for name, values in parse_qs(query, strict_parsing=True).items()}
        assert (given["client_id"], given["tenant"]) == (CLIENT, "1")
        self.left.append(given)
        return given["post_logout_redirect_uri"]


class Handler(BaseHTTPRequestHandler):
    def _answer(self):
        provider, parts = self.server, urlsplit(self.path)
        provider.asked.append(parts.path)
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        if parts.path in provider.answers:
            status, headers, content = provider.answers[parts.path]
        elif parts.path in ("/authorize", "/logout"):
            status, headers, content = 200, {"Content-Type": "text/html"}, provider.page(parts)
        elif parts.path in ("/approve", "/leave"):
            go = provider.authorize if parts.path == "/approve" else provider.leave
            status, headers, content = 303, {"Location": go(parts.query)}, ""
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
