"""Where the server may listen: what others reach cannot be read on its way, and what cannot be is a sentence before it listens."""

import pytest

from penstock.errors import ConfigError
from penstock_server.http.reach.address import Address, check
from penstock_server.services import ServerService

TLS = {"tls_certificate": "/etc/penstock/cert.pem", "tls_key": "/etc/penstock/key.pem"}
URL = "https://penstock.example.com"
PROXY = {"trusted_proxies": ("10.0.0.5", "fd00::/64")}


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="loopback"),
        pytest.param({"host": "::1"}, id="loopback of IPv6"),
        pytest.param({"host": "localhost", **TLS}, id="loopback with TLS"),
        pytest.param({"public_url": "http://localhost:9000"}, id="a port that is forwarded"),
        pytest.param({"host": "0.0.0.0", **TLS, "public_url": URL}, id="everywhere with TLS"),
        pytest.param({"host": "10.0.0.9", **PROXY, "public_url": f"{URL}:8443/"}, id="for a proxy"),
        pytest.param({**PROXY, "public_url": URL}, id="for a proxy of this machine"),
        pytest.param({"host": "::", **TLS, **PROXY, "public_url": URL}, id="for a proxy with TLS"),
    ],
)
def test_an_address_that_nobody_between_can_read_may_be(given):
    check(Address(**given))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"port": 65_536}, "write 0 to 65,535"),
        ({"host": "0.0.0.0"}, "everybody between reads passwords and tokens"),
        ({"host": "192.168.1.7", "public_url": URL}, "name the proxy that speaks TLS in trusted_proxies"),
        ({"host": "penstock.example.com"}, "other machines may reach that"),
        ({"host": "0.0.0.0", **TLS}, "without public_url"),
        ({"tls_certificate": "/cert.pem"}, "tls_certificate is given and tls_key is not"),
        ({"tls_key": "/key.pem"}, "tls_key is given and tls_certificate is not"),
        ({"public_url": URL}, "nothing speaks TLS"),
        ({"public_url": "http://penstock.example.com", **PROXY}, "Write https://."),
        ({"public_url": "http://localhost:8080", **TLS}, "Write https://."),
        (
            {"public_url": f"{URL}/penstock", **PROXY},
            "Give it a host name of its own, such as https://penstock.penstock",
        ),
        ({"public_url": "penstock.example.com"}, "write it as https://HOST"),
        ({"public_url": "ftp://penstock.example.com"}, "write it as https://HOST"),
        ({"public_url": "https://ann:secret@penstock.example.com"}, "write it as https://HOST"),
        ({"public_url": f"{URL}?a=1"}, "write it as https://HOST"),
        ({"public_url": f"{URL}:99999"}, "write it as https://HOST"),
        ({"public_url": "https://[::1"}, "write it as https://HOST"),
        ({"public_url": f"{URL}\r\nx"}, "write it as https://HOST"),
        ({"names": ("https://inside",)}, "write a host name alone"),
        ({"names": ("good.example", "")}, "write a host name alone"),
        (PROXY, "without public_url"),
        ({"trusted_proxies": ("0.0.0.0/0",), "public_url": URL}, "does not trust every address"),
        ({"trusted_proxies": ("::/0",), "public_url": URL}, "does not trust every address"),
        ({"trusted_proxies": ("nginx",), "public_url": URL}, "that is no address and no network"),
    ],
)
def test_an_address_that_cannot_be_is_refused_in_a_sentence_before_anything_listens(given, told):
    with pytest.raises(ConfigError) as refused:
        ServerService(**given)
    assert told in str(refused.value)
