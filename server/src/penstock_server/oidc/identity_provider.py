"""The identity provider as the server asks it: what it says of itself, its keys, and what a code is worth."""

import ssl
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import httpx2
import msgspec
from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]
from authlib.integrations.httpx_client import OAuth2Client  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet

from penstock.decoders import decode_json
from penstock.service.installation import Installation
from penstock_server.http.problems import RefusedError
from penstock_server.oidc.claims import ALGORITHMS, claims_problem, hash_problem, logout_problem
from penstock_server.oidc.kept_answer import KeptAnswer
from penstock_server.oidc.oidc_settings import OidcSettings, is_secure

PATH = "/.well-known/openid-configuration"

KEPT_S = 3600.0
"""Seconds for which what the provider says of itself, and its keys, are used again."""

PAUSE_S = 60.0
"""Seconds at least between two looks for a key that is not known."""

_TIMEOUT_S = 10.0
_MOST_BYTES = 1_000_000
_KINDS = frozenset({"RSA", "EC", "OKP"})


class Metadata(msgspec.Struct, frozen=True):
    """What a provider says of itself (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False
    end_session_endpoint: str = ""


class IdentityProvider:
    """Asks an identity provider; for several threads.

    Args:
        installation: Has the connection with the secret of the client, and the clock.
        settings: The settings.
        redirect_uri: Where it sends browsers back to.
    """

    def __init__(self, installation: Installation, settings: OidcSettings, redirect_uri: str) -> None:
        self._installation, self._settings, self._redirect_uri = installation, settings, redirect_uri
        self._metadata = KeptAnswer(installation, self._ask_metadata)
        self._keys = KeptAnswer(installation, self._ask_keys)

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        return httpx2.create_ssl_context()  # reads hundreds of certificates: once, and not with each request

    def authorization_url(self, state: str, nonce: str, verifier: str) -> str:
        """Where a browser is sent; raises RefusedError."""
        with self._client("") as client:
            url, _ = client.create_authorization_url(
                self.metadata().authorization_endpoint, state=state, nonce=nonce, code_verifier=verifier
            )
        return str(url)

    def claims(self, code: str, verifier: str, nonce: str) -> Mapping[str, Any]:
        """The claims of whoever a code was given to.

        Args:
            code: What the browser came back with.
            verifier: What only the one who sent it away knows (PKCE).
            nonce: What must be in the ID token.

        Raises:
            RefusedError: The provider does not answer, does not take the code, or its answer is not to be believed.
        """
        metadata = self.metadata()
        given = self._exchanged(metadata, code, verifier)
        claims, algorithm = self._believed(given.get("id_token"), "ID token")
        problem = claims_problem(
            claims,
            issuer=self._settings.issuer,
            client_id=self._settings.client_id,
            nonce=nonce,
            now_s=self._installation.now().timestamp(),
        ) or hash_problem(claims, algorithm, given.get("access_token"))
        if problem:
            raise _unbelieved(f"of its ID token, {problem}")
        return claims

    def logged_out(self, token: object) -> str:
        """The subject that a logout token says to have logged out there; raises RefusedError if it is not to be believed."""
        claims, _ = self._believed(token, "logout token")
        problem = logout_problem(
            claims,
            issuer=self._settings.issuer,
            client_id=self._settings.client_id,
            now_s=self._installation.now().timestamp(),
        )
        if problem:
            raise _unbelieved(f"of its logout token, {problem}")
        return str(claims["sub"])

    def logout_url(self, back: str) -> str:
        """Where a browser logs out there (OpenID Connect RP-Initiated Logout 1.0), and comes back from; "" if it has no such page.

        Args:
            back: Where to.

        Raises:
            RefusedError: It does not answer.
        """
        place = self.metadata().end_session_endpoint
        given = urlencode({"client_id": self._settings.client_id, "post_logout_redirect_uri": back})
        return f"{place}{'&' if '?' in place else '?'}{given}" if place else ""

    def metadata(self) -> Metadata:
        """What the provider says of itself; raises RefusedError."""
        return self._metadata.get(KEPT_S)

    def _ask_metadata(self) -> Metadata:
        content = self._read(self._settings.issuer.rstrip("/") + PATH)
        try:
            found = decode_json(content, Metadata)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise _unbelieved("what it says of itself is no OpenID configuration") from None
        if found.issuer != self._settings.issuer:
            raise _unbelieved(f"it says to be the issuer {found.issuer[:200]!r}")
        needed = (found.authorization_endpoint, found.token_endpoint, found.jwks_uri)
        for url in (*needed, *filter(None, [found.end_session_endpoint])):
            if not is_secure(url):
                raise _unbelieved(f"it names {url[:200]!r}, which is no https:// URL")
        return found

    def _exchanged(self, metadata: Metadata, code: str, verifier: str) -> Mapping[str, Any]:
        conn_id = self._settings.conn_id  # asked each time: a secret that was changed counts from then on
        secret = self._installation.vault.connection(conn_id).value.password if conn_id else ""
        basic = "client_secret_basic" in metadata.token_endpoint_auth_methods_supported
        way = "none" if not secret else "client_secret_basic" if basic else "client_secret_post"
        try:
            with self._client(secret, way) as client:
                found = client.fetch_token(
                    metadata.token_endpoint, grant_type="authorization_code", code=code, code_verifier=verifier
                )
        except (AuthlibBaseError, httpx2.HTTPError, ValueError) as error:
            name = getattr(error, "error", "") or type(error).__name__
            raise _unbelieved(f"it does not take the code ({str(name)[:60]})") from None
        return dict(found)

    def _believed(self, token: object, what: str) -> tuple[Mapping[str, Any], str]:
        """The claims of a token that one of its keys has signed, and how; raises RefusedError."""
        if not isinstance(token, str) or len(token) > _MOST_BYTES:
            raise _unbelieved(f"it has no {what}")
        header = _header(token, what)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise _unbelieved(f"its {what} is signed by {str(algorithm)[:40]!r}, which proves nothing")
        if "crit" in header:
            raise _unbelieved(f"its {what} needs what this server does not know (crit)")
        return self._verified(token, algorithm, header.get("kid"), what), algorithm

    def _verified(self, token: str, algorithm: str, kid: object, what: str) -> Mapping[str, Any]:
        keys = self._known_keys(kid)
        candidates = [each for each in keys if kid is None or each.kid == kid]
        for key in candidates[:10]:
            try:
                return dict(jwt.decode(token, key, algorithms=[algorithm]).claims)
            except (JoseError, ValueError, TypeError):
                continue
        raise _unbelieved(f"its {what} is signed by none of its keys")

    def _known_keys(self, kid: object) -> KeySet:
        kept = self._keys.last
        known = kept is not None and (kid is None or any(each.kid == kid for each in kept))
        return self._keys.get(KEPT_S if known else PAUSE_S)

    def _ask_keys(self) -> KeySet:
        return _key_set(self._read(self.metadata().jwks_uri))

    def _read(self, url: str) -> bytes:
        content = b""
        try:
            with self._session() as session, session.stream("GET", url) as answer:
                if answer.status_code != HTTPStatus.OK:  # redirects are not followed: they would lead anywhere
                    raise _unbelieved(f"it answers {answer.status_code} at {url}")
                for piece in answer.iter_bytes():
                    content += piece
                    if len(content) > _MOST_BYTES:
                        raise _unbelieved(f"it answers without an end at {url}")
        except httpx2.HTTPError as error:
            raise RefusedError(
                HTTPStatus.BAD_GATEWAY,
                f"the identity provider cannot be reached at {url} ({type(error).__name__}). Nobody is signed in. Try again, or sign in "
                "with a password; an admin looks at issuer in [services.server.oidc], and at the way there.",
            ) from None
        return content

    def _session(self) -> httpx2.Client:
        return httpx2.Client(timeout=_TIMEOUT_S, follow_redirects=False, verify=self._trusted)

    def _client(self, secret: str, way: str = "none") -> OAuth2Client:
        return OAuth2Client(
            client_id=self._settings.client_id,
            client_secret=secret or None,
            token_endpoint_auth_method=way,
            redirect_uri=self._redirect_uri,
            scope=" ".join(self._settings.scopes),
            code_challenge_method="S256",
            timeout=_TIMEOUT_S,
            follow_redirects=False,
            verify=self._trusted,
        )


def _header(token: str, what: str) -> Mapping[str, Any]:
    first = token.partition(".")[0]
    try:
        found = msgspec.json.decode(urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise _unbelieved(f"its {what} is none") from None
    if not isinstance(found, dict):
        raise _unbelieved(f"its {what} is none")
    return found


def _key_set(content: bytes) -> KeySet:
    try:
        written = decode_json(content, dict[str, Any]).get("keys")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        written = None
    found = []
    for each in written if isinstance(written, list) else ():
        if isinstance(each, dict) and each.get("kty") in _KINDS and each.get("use", "sig") == "sig":
            with suppress(
                JoseError, ValueError, TypeError, KeyError, AttributeError
            ):  # one that is none does not harm the others
                found.append(JWKRegistry.import_key(each))
    if not found:
        raise _unbelieved("it has no keys that sign")
    return KeySet(found)


def _unbelieved(why: str) -> RefusedError:
    return RefusedError(
        HTTPStatus.BAD_GATEWAY, f"the identity provider cannot be believed: {why}. No session is begun or ended."
    )
