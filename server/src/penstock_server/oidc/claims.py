"""What an ID token must say to be believed (OpenID Connect Core 1.0, 3.1.3.7), whatever the library that verified its signature checks."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures by a private key that the provider alone has: never none, nor a secret that is shared."""

SKEW_S = 60.0
"""Seconds by which clocks may differ."""

_OLDEST_S = 600.0
_LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
_LONGEST_SUBJECT = 255
_LARGEST = 1e15  # more is no instant, nor is infinity


def claims_problem(claims: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, now_s: float) -> str:
    """What is wrong with the claims of an ID token; "" if nothing is.

    Args:
        claims: The claims, whose signature is verified.
        issuer: Who must have made it.
        client_id: For whom it must be.
        nonce: What the browser was sent away with.
        now_s: The present, in seconds since 1970.
    """
    checks = (
        _issuer_problem(claims.get("iss"), issuer),
        _audience_problem(claims, client_id),
        _time_problem(claims, now_s),
        "" if _is_same(claims.get("nonce"), nonce) else "it is no answer to what this browser asked (nonce)",
        "" if _is_subject(claims.get("sub")) else "it names nobody (sub)",
    )
    return next((each for each in checks if each), "")


def logout_problem(claims: Mapping[str, Any], *, issuer: str, client_id: str, now_s: float) -> str:
    """What is wrong with the claims of a logout token (OpenID Connect Back-Channel Logout 1.0, 2.6); "" if nothing is.

    Args:
        claims: The claims, whose signature is verified.
        issuer: Who must have made it.
        client_id: For whom it must be.
        now_s: The present, in seconds since 1970.
    """
    events = claims.get("events")
    checks = (
        _issuer_problem(claims.get("iss"), issuer),
        _audience_problem(claims, client_id),
        _time_problem(claims, now_s),
        "" if isinstance(events, dict) and isinstance(events.get(_LOGOUT), dict) else "it is about no logout (events)",
        "it is an ID token (nonce)" if "nonce" in claims else "",
        "" if isinstance(claims.get("jti"), str) else "it has no id (jti)",
        "" if _is_subject(claims.get("sub")) else "it names nobody (sub)",
    )
    return next((each for each in checks if each), "")


def hash_problem(claims: Mapping[str, Any], algorithm: str, access_token: object) -> str:
    """What is wrong with ``at_hash``, by which an ID token is tied to the access token that came with it; "" if nothing is."""
    if "at_hash" not in claims:
        return ""
    made = _HASHES.get(algorithm[-3:], hashlib.sha512)
    if algorithm not in ALGORITHMS or not isinstance(access_token, str):
        return "it does not belong to the access token (at_hash)"
    digest = made(access_token.encode()).digest()
    expected = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    return "" if _is_same(claims["at_hash"], expected) else "it does not belong to the access token (at_hash)"


_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


def _issuer_problem(found: object, issuer: str) -> str:
    return "" if _is_same(found, issuer) else f"it is of another issuer than {issuer} (iss)"


def _audience_problem(claims: Mapping[str, Any], client_id: str) -> str:
    audience, party = claims.get("aud"), claims.get("azp")
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list) or client_id not in named or not all(isinstance(each, str) for each in named):
        return f"it is for others than {client_id} (aud)"
    if (len(named) > 1 or party is not None) and party != client_id:
        return f"it was made for another client than {client_id} (azp)"
    return ""


def _time_problem(claims: Mapping[str, Any], now_s: float) -> str:
    ends, made, begins = (
        _number(claims.get(name, default)) for name, default in (("exp", None), ("iat", None), ("nbf", 0))
    )
    if ends is None or made is None or begins is None:
        return "it does not say when it was made and when it ends (iat, exp)"
    if now_s >= ends + SKEW_S:
        return "its time is over (exp)"
    if made > now_s + SKEW_S or begins > now_s + SKEW_S:
        return "it is of a time to come: the clock of this machine or of the provider is wrong (iat)"
    if made < now_s - _OLDEST_S:
        return "it was made long ago (iat)"
    return ""


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < _LARGEST:
        return None
    return float(value)


def _is_same(found: object, expected: str) -> bool:
    return isinstance(found, str) and hmac.compare_digest(found.encode(errors="replace"), expected.encode())


def _is_subject(found: object) -> bool:
    return isinstance(found, str) and 0 < len(found) <= _LONGEST_SUBJECT and found.isascii() and found.isprintable()
