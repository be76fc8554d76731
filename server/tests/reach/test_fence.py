"""By which names and ways the server is asked: what others could read on its way is refused, and links are those of the public URL."""

import json

import pytest
from msgspec.structs import replace
from starlette.responses import JSONResponse

from penstock_server.http.fence import Fence
from penstock_server.http.reach.address import Address

PUBLIC = "penstock.example.com"
BEHIND = Address("10.0.0.9", public_url=f"https://{PUBLIC}", trusted_proxies=("10.0.0.5", "127.0.0.1"))
WITH_TLS = Address("0.0.0.0", tls_certificate="c", tls_key="k", public_url=f"https://{PUBLIC}")
PROXY, CLIENT = "10.0.0.5", "203.0.113.9"
PASSED_ON = {"x_forwarded_for": CLIENT, "x_forwarded_proto": "https"}


async def seen(scope, receive, send):
    host = next(value.decode() for name, value in scope["headers"] if name == b"host")
    await JSONResponse([scope["scheme"], host, scope["client"][0]])(scope, receive, send)


@pytest.fixture
def ask(caller):
    def asked(address, *, peer="127.0.0.1", scheme="http", method="GET", path="/dags?tab=runs", **headers):
        async def connected(scope, receive, send):
            await Fence(seen, address)({**scope, "client": (peer, 1), "scheme": scheme}, receive, send)

        return caller(connected, "")(method, path, **headers)

    return asked


@pytest.mark.parametrize(
    ("address", "more", "found"),
    [
        pytest.param(BEHIND, {"peer": PROXY, "host": PUBLIC, **PASSED_ON}, ["https", PUBLIC, CLIENT], id="proxy"),
        pytest.param(
            BEHIND,
            {"peer": PROXY, "host": "10.0.0.9:8080", **PASSED_ON, "x_forwarded_host": PUBLIC},
            ["https", PUBLIC, CLIENT],
            id="a proxy that tells the host beside",
        ),
        pytest.param(
            BEHIND, {"host": "localhost:8080"}, ["http", "localhost:8080", "127.0.0.1"], id="a program of this machine"
        ),
        pytest.param(
            BEHIND,
            {"peer": PROXY, "host": "10.0.0.9:8080", "path": "/health/live"},
            ["http", "10.0.0.9:8080", PROXY],
            id="the proxy's own check of health",
        ),
        pytest.param(
            WITH_TLS, {"peer": CLIENT, "scheme": "https", "host": PUBLIC}, ["https", PUBLIC, CLIENT], id="TLS"
        ),
        pytest.param(
            WITH_TLS,
            {"peer": CLIENT, "scheme": "https", "host": PUBLIC, "x_forwarded_for": "127.0.0.1"},
            ["https", PUBLIC, CLIENT],
            id="TLS and a header that nobody believes",
        ),
        pytest.param(
            WITH_TLS,
            {"peer": CLIENT, "scheme": "https", "host": "[2001:db8::1]:443"},
            ["https", "[2001:db8::1]:443", CLIENT],
            id="TLS by address",
        ),
    ],
)
def test_a_request_is_passed_on_as_it_came(ask, address, more, found):
    answer = ask(address, **more)
    assert (answer.status, answer.json) == (200, found)
    lasting = found[:2] == ["https", PUBLIC]
    assert ("strict-transport-security" in answer.headers) == lasting


INSIDE = "penstock-server.data.svc"


@pytest.mark.parametrize(
    ("address", "more", "status"),
    [
        pytest.param(WITH_TLS, {"peer": CLIENT, "scheme": "https", "host": f"{INSIDE}:8443"}, 200, id="TLS"),
        pytest.param(WITH_TLS, {"peer": CLIENT, "scheme": "http", "host": f"{INSIDE}:8443"}, 403, id="no TLS"),
        pytest.param(WITH_TLS, {"peer": CLIENT, "scheme": "https", "host": f"x.{INSIDE}"}, 421, id="another name"),
        pytest.param(BEHIND, {"peer": PROXY, "host": INSIDE, **PASSED_ON}, 200, id="proxy"),
    ],
)
def test_machines_may_ask_by_more_names_over_tls_alone(ask, address, more, status):
    answer = ask(replace(address, names=(INSIDE.upper(),)), **more)
    assert answer.status == status
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize(
    ("address", "more", "status", "told"),
    [
        pytest.param(BEHIND, {"peer": PROXY, "host": "evil.example", **PASSED_ON}, 421, "not asked as", id="name"),
        pytest.param(
            BEHIND,
            {"peer": PROXY, "host": PUBLIC, **PASSED_ON, "x_forwarded_host": "evil.example"},
            421,
            "'evil.example'",
            id="a name that the proxy tells",
        ),
        pytest.param(
            BEHIND, {"host": "127.0.0.1:8080", **PASSED_ON}, 421, "pass the Host on", id="a proxy that hides the name"
        ),
        pytest.param(
            BEHIND,
            {"peer": PROXY, "host": PUBLIC, "x_forwarded_for": CLIENT},
            403,
            "the proxy does not send X-Forwarded-Proto",
            id="a proxy that does not say how",
        ),
        pytest.param(
            BEHIND,
            {"peer": PROXY, "host": PUBLIC, "method": "POST", **PASSED_ON, "x_forwarded_proto": "http"},
            403,
            "the proxy says it came without TLS",
            id="a change without TLS",
        ),
        pytest.param(
            BEHIND,
            {"peer": CLIENT, "host": PUBLIC, **PASSED_ON},
            403,
            f"{CLIENT} is no proxy of trusted_proxies. Ask https://{PUBLIC}.",
            id="who passes the proxy by",
        ),
        pytest.param(
            BEHIND, {"peer": CLIENT, "host": "10.0.0.9:8080"}, 403, "is no proxy of trusted_proxies", id="by address"
        ),
        pytest.param(
            BEHIND, {"peer": PROXY, "host": "10.0.0.9"}, 403, "does not send X-Forwarded-Proto", id="a silent proxy"
        ),
        pytest.param(
            BEHIND,
            {"peer": PROXY, "host": "10.0.0.9", "path": "/x/health/"},
            403,
            "X-Forwarded-Proto",
            id="like health",
        ),
        pytest.param(
            WITH_TLS, {"peer": CLIENT, "scheme": "https", "host": "evil.example"}, 421, "not asked as", id="TLS, name"
        ),
        pytest.param(
            WITH_TLS,
            {"peer": CLIENT, "scheme": "https", "host": f"{PUBLIC}.evil.example"},
            421,
            "not asked as",
            id="a name that begins alike",
        ),
        pytest.param(Address(), {"host": "10.0.0.9"}, 421, "localhost", id="loopback by another name"),
    ],
)
def test_what_others_could_read_or_have_led_here_is_refused(ask, address, more, status, told):
    answer = ask(address, **more)
    assert (answer.status, told in answer.json["detail"]) == (status, True), answer.body
    assert "strict-transport-security" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_page_that_was_asked_for_without_tls_is_at_the_public_url(ask):
    plain = {**PASSED_ON, "x_forwarded_proto": "http"}
    answer = ask(BEHIND, peer=PROXY, host=PUBLIC, path="//evil.example/%0d%0a?a=b", **plain)
    assert (answer.status, answer.headers["location"]) == (308, f"https://{PUBLIC}//evil.example/%0d%0a?a=b")
    assert json.loads(ask(BEHIND, peer=PROXY, host="evil.example", **plain).body)["status"] == 421
