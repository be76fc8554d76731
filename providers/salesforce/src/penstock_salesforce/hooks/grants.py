"""Logging in: one request for a token, by one of four ways.

Sources: RFC 7523 and "OAuth 2.0 JWT Bearer Flow" of Salesforce Help (RS256; issuer, subject, audience; at most 3 minutes), "OAuth 2.0
Client Credentials Flow" (on the My Domain only), RFC 6749 section 6 and "OAuth 2.0 Refresh Token Flow" (another refresh token may
come in the place of the used one), login() of the SOAP API Developer Guide, which simple-salesforce makes.
"""

import logging
import time
from pathlib import Path
from typing import Any, NamedTuple, cast

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.hooks.error_kinds import retry_after_s
from penstock_salesforce.connections import SalesforceFields
from penstock_salesforce.errors import AnswerError
from penstock_salesforce.hooks.timed_session import TimedSession

_JWT_SECONDS = 180
_AUDIENCES = {True: "https://test.salesforce.com", False: "https://login.salesforce.com"}
_SOAP_NOTE = (
    "The connection logs in by user and password (SOAP login), which Salesforce ends on 1 June 2027. "
    "Use auth = client_credentials or jwt."
)
_log = logging.getLogger(__name__)


class Token(NamedTuple):
    """What a login gave.

    Attributes:
        access: The access token.
        instance_url: Where requests go.
        refresh: The refresh token that is valid from now on; "" without one.
    """

    access: str
    instance_url: str
    refresh: str = ""

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"Token(instance_url={self.instance_url!r})"


def log_in(fields: SalesforceFields, refresh_token: str) -> Token:
    """Log in.

    Args:
        fields: The connection.
        refresh_token: The refresh token that is valid.

    Raises:
        AnswerError: Salesforce refused.
    """
    if fields.auth == "password":
        return _by_soap(fields)
    form = _form(fields, refresh_token)
    with TimedSession((fields.connect_timeout_s, fields.read_timeout_s)) as session:
        answer = session.post(f"{fields.login_url}/services/oauth2/token", data=form)
    try:
        info: dict[str, Any] = answer.json()
    except ValueError:
        info = {}
    if answer.status_code != 200 or "access_token" not in info:
        code, words = str(info.get("error", "")), str(info.get("error_description", "this is no answer of Salesforce"))
        wait = retry_after_s(answer.headers.get("Retry-After"), answer.headers.get("Date"))
        raise AnswerError(answer.status_code, code, words, wait)
    return Token(info["access_token"], info["instance_url"], info.get("refresh_token", refresh_token))


def _form(fields: SalesforceFields, refresh_token: str) -> dict[str, str]:
    if fields.auth == "jwt":
        return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": _assertion(fields)}
    client = {"client_id": fields.client_id} | ({"client_secret": fields.client_secret} if fields.client_secret else {})
    if fields.auth == "refresh_token":
        return {"grant_type": "refresh_token", "refresh_token": refresh_token, **client}
    return {"grant_type": "client_credentials", **client}


def _assertion(fields: SalesforceFields) -> str:
    import jwt  # noqa: PLC0415 - on first use

    try:
        key = fields.private_key or Path(fields.private_key_file).read_text(encoding="utf-8")
    except OSError as error:
        raise _unusable(
            f"the file {fields.private_key_file} (private_key_file) cannot be read: {error.strerror}"
        ) from error
    sandbox = fields.host.startswith("test.") or ".sandbox." in fields.host
    claims = {
        "iss": fields.client_id,
        "sub": fields.username,
        "aud": _AUDIENCES[sandbox],
        "exp": int(time.time()) + _JWT_SECONDS,
    }
    try:
        return jwt.encode(claims, key.replace("\\n", "\n"), algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        raise _unusable("the private key is no RSA key as PEM; download it again, and store it as it is") from error


def _unusable(detail: str) -> ProviderError:
    return ProviderError(detail, service="salesforce", operation="Login", kind=ErrorKind.AUTH)


def _by_soap(fields: SalesforceFields) -> Token:
    from simple_salesforce.exceptions import SalesforceAuthenticationFailed  # noqa: PLC0415 - on first use
    from simple_salesforce.login import SalesforceLogin  # noqa: PLC0415 - likewise

    _log.warning(_SOAP_NOTE)
    host = fields.login_url.removeprefix("https://").removesuffix(".salesforce.com")
    with TimedSession((fields.connect_timeout_s, fields.read_timeout_s)) as session:
        try:
            access, instance = SalesforceLogin(
                username=fields.username, password=fields.password, security_token=fields.security_token, domain=host,
                session=cast("Any", session), sf_version=fields.api_version,
            )  # fmt: skip
        except SalesforceAuthenticationFailed as error:
            raise AnswerError(500, str(error.code), str(error.auth_message or "refused")) from error
    return Token(access, f"https://{instance}")
