"""Whom a request comes from: proxies that are declared are believed, and what anybody else writes changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_server.http.reach.proxies import Proxies, address_of

PROXIES = Proxies(["10.0.0.5", "10.1.0.0/16", "fd00::/64"])


def told(peer, *headers, proxies=PROXIES):
    sent = [(b"host", b"penstock.example.com"), *((name.encode(), value.encode()) for name, value in headers)]
    return proxies.sender({"type": "http", "client": (peer, 1), "headers": sent})


@pytest.mark.parametrize(
    ("peer", "lines", "client"),
    [
        pytest.param("10.0.0.5", ["203.0.113.9"], "203.0.113.9", id="one proxy"),
        pytest.param("10.0.0.5", ["192.0.2.1, 203.0.113.9"], "203.0.113.9", id="what the client wrote stands before"),
        pytest.param("10.0.0.5", ["192.0.2.1", "203.0.113.9"], "203.0.113.9", id="and in a header of its own"),
        pytest.param("10.0.0.5", ["192.0.2.1, 203.0.113.9, 10.1.2.3"], "203.0.113.9", id="two proxies"),
        pytest.param("10.0.0.5", ["10.1.2.3"], "10.1.2.3", id="a proxy itself asks"),
        pytest.param("10.0.0.5", ["192.0.2.1, 198.51.100.7, 10.9.9.9"], "10.9.9.9", id="a proxy that nobody declared"),
        pytest.param("10.0.0.5", ["203.0.113.9, unknown"], "10.0.0.5", id="one that does not say"),
        pytest.param("10.0.0.5", ["203.0.113.9, <script>"], "10.0.0.5", id="no address"),
        pytest.param("10.0.0.5", ["203.0.113.9:4711"], "203.0.113.9", id="with a port"),
        pytest.param("10.0.0.5", ["[2001:db8::7]:4711"], "2001:db8::7", id="IPv6 with a port"),
        pytest.param("10.0.0.5", [], "10.0.0.5", id="nothing"),
        pytest.param("::ffff:10.0.0.5", ["203.0.113.9"], "203.0.113.9", id="IPv4 in IPv6"),
        pytest.param("fd00::3", ["203.0.113.9"], "203.0.113.9", id="a network of IPv6"),
        pytest.param("203.0.113.9", ["192.0.2.1"], "203.0.113.9", id="nobody who is declared"),
        pytest.param("10.0.0.6", ["192.0.2.1"], "10.0.0.6", id="a neighbour"),
        pytest.param("10.0.0.5", [", ".join(["10.1.0.1"] * 5_000)], "10.1.0.1", id="a long chain"),
    ],
)
def test_the_client_is_the_last_who_is_no_declared_proxy(peer, lines, client):
    assert told(peer, *(("x-forwarded-for", line) for line in lines)).client == client


@pytest.mark.parametrize(
    ("headers", "scheme", "host"),
    [
        ([("x-forwarded-proto", "https")], "https", "penstock.example.com"),
        ([("x-forwarded-proto", "HTTPS")], "https", "penstock.example.com"),
        ([("x-forwarded-proto", "https, http")], "http", "penstock.example.com"),
        ([("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")], "http", "penstock.example.com"),
        ([("x-forwarded-proto", "gopher")], "", "penstock.example.com"),
        ([("x-forwarded-host", "evil.example, own.example")], "", "own.example"),
        ([], "", "penstock.example.com"),
    ],
)
def test_how_a_proxy_was_asked_is_what_the_last_one_says(headers, scheme, host):
    found = told("10.0.0.5", *headers)
    assert (found.scheme, found.host, found.passed_on) == (scheme, host, bool(headers))


@given(
    st.ip_addresses(),
    st.lists(
        st.tuples(
            st.sampled_from(["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "x-real-ip"]),
            st.sampled_from(["https", "127.0.0.1", "10.0.0.5", "evil.example", "10.0.0.5, 127.0.0.1", "for=10.0.0.5"]),
        )
    ),
)
def test_what_anybody_else_writes_changes_nothing(peer, headers):
    known = address_of(str(peer))
    if PROXIES.sender({"client": (str(peer), 1), "headers": []}).by_proxy:
        return
    assert told(str(peer), *headers) == (str(known), "", "penstock.example.com", False, False)
    assert told(str(peer), *headers, proxies=Proxies()) == told(str(peer), proxies=Proxies())
