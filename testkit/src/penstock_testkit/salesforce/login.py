"""Logins: OAuth 2.0 by JWT, client credentials and refresh token, SOAP login, and who a token belongs to.

Source: "OAuth 2.0 JWT Bearer Flow", "OAuth 2.0 Client Credentials Flow", "OAuth 2.0 Refresh Token Flow" and "OpenID Connect"
of Salesforce Help; login() of the SOAP API Developer Guide. The JWT's signature is verified by the app's certificate.
"""

import base64
import contextlib
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import jwt

from penstock_testkit.saas import HttpAnswer, HttpRequest, NotFakedError, RouteTable

if TYPE_CHECKING:
    from penstock_testkit.salesforce.organisation import Salesforce

logins = RouteTable()
_LONGEST_S = 300
_ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}"
_SOAP = (
    '<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:sf="urn:fault.partner.soap.sforce.com"><soapenv:Body>{}</soapenv:Body></soapenv:Envelope>'
)


@dataclass
class Logins:
    """Who may log in.

    Attributes:
        client_id, client_secret: Of the connected app.
        username, password: Of the user; the password is followed by his security token in SOAP.
        public_key: The app's certificate's key, as PEM, for JWT.
        refresh_token: The one that is valid.
        rotates: Whether each use of a refresh token makes another and ends the first.
        host: The host of the organisation.
        tokens: Access tokens that are valid.
    """

    client_id: str = "the-consumer-key"
    client_secret: str = "the-consumer-secret"  # noqa: S105 - of the fake
    username: str = "ada@acme.example"
    password: str = "the-password"  # noqa: S105 - of the fake
    public_key: str = ""
    refresh_token: str = "the-refresh-token-1"  # noqa: S105 - of the fake
    rotates: bool = True
    host: str = "acme.my.salesforce.com"
    tokens: set[str] = field(default_factory=set)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def grant(self) -> str:
        """Make an access token."""
        made = f"00D000000000001!token-{next(self.numbers)}"
        self.tokens.add(made)
        return made

    def expire(self) -> None:
        """End all access tokens."""
        self.tokens.clear()


_GRANTED = ("grant_type", "client_id", "client_secret", "assertion", "refresh_token")


@logins.route("POST /services/oauth2/token", fields=_GRANTED)
def grant(fake: "Salesforce", request: HttpRequest) -> HttpAnswer:
    """Grant an access token.

    Raises:
        NotFakedError: The flow is none of the fake's.
    """
    known, given, more = fake.logins, request.fields, dict[str, str]()
    kind = given.get("grant_type")
    if kind == "client_credentials":
        client = (given.get("client_id"), given.get("client_secret"))
        if request.header("Authorization").startswith("Basic "):
            client = tuple(base64.b64decode(request.header("Authorization")[6:]).decode().split(":", 1))  # type: ignore[assignment]
        if request.host != known.host:
            return _denied("request not supported on this domain")
        if client != (known.client_id, known.client_secret):
            return _denied("invalid client credentials", "invalid_client")
    elif kind == "urn:ietf:params:oauth:grant-type:jwt-bearer":
        problem = _assertion_problem(known, given.get("assertion", ""))
        if problem:
            return _denied(problem)
    elif kind == "refresh_token":
        if given.get("client_id") != known.client_id or given.get("refresh_token") != known.refresh_token:
            return _denied("expired access/refresh token")
        if known.rotates:
            known.refresh_token = f"the-refresh-token-{next(known.numbers) + 1}"
            more = {"refresh_token": known.refresh_token}
    else:
        raise NotFakedError(f"grant type {kind!r}")
    return HttpAnswer.json(
        {
            "access_token": known.grant(), "instance_url": f"https://{known.host}", "token_type": "Bearer", "scope": "api",
            "id": "https://login.salesforce.com/id/00D000000000001EAA/005000000000001AAA", **more,
        }
    )  # fmt: skip


@logins.route("POST /services/Soap/u/{version}")
def soap_login(fake: "Salesforce", request: HttpRequest, version: str) -> HttpAnswer:
    """Log in by name and password.

    Raises:
        NotFakedError: It is another call than login.
    """
    body = ET.fromstring(request.body).find(f"{_ENVELOPE}Body")  # noqa: S314 - of a test's client
    if body is None or not body[0].tag.endswith("}login"):
        raise NotFakedError("a SOAP call other than login")
    found = [each.text for each in body[0]]
    if found != [fake.logins.username, fake.logins.password]:
        fault = "<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode><sf:exceptionMessage>Invalid username.</sf:exceptionMessage>"
        return HttpAnswer(500, {"Content-Type": "text/xml"}, _SOAP.format(fault).encode())
    info = (
        f"<sessionId>{fake.logins.grant()}</sessionId>"
        f"<serverUrl>https://{fake.logins.host}/services/Soap/u/{version}/00D000000000001</serverUrl>"
    )
    return HttpAnswer(200, {"Content-Type": "text/xml"}, _SOAP.format(info).encode())


@logins.route("GET /services/oauth2/userinfo")
def userinfo(fake: "Salesforce", request: HttpRequest) -> HttpAnswer:
    """Tell who the token belongs to; a bad one is 403 and plain text here."""
    if request.header("Authorization").removeprefix("Bearer ") not in fake.logins.tokens:
        return HttpAnswer.text("Bad_OAuth_Token", 403)
    return HttpAnswer.json(
        {
            "user_id": "005000000000001AAA",
            "organization_id": "00D000000000001EAA",
            "preferred_username": fake.logins.username,
        }
    )


def _assertion_problem(known: Logins, assertion: str) -> str:
    try:
        claims = _claims(known, assertion)
    except jwt.InvalidTokenError as error:
        return f"invalid assertion: {error}"
    if claims["sub"] != known.username:
        return "user hasn't approved this consumer"
    with contextlib.suppress(jwt.ExpiredSignatureError):
        _claims(known, assertion, leeway=-_LONGEST_S)
        return "invalid assertion: exp is too far away"
    return ""


def _claims(known: Logins, assertion: str, leeway: float = 0) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(
        assertion, known.public_key, algorithms=["RS256"], issuer=known.client_id, leeway=leeway,
        audience=["https://login.salesforce.com", "https://test.salesforce.com"],
    )  # fmt: skip
    return found


def _denied(description: str, error: str = "invalid_grant") -> HttpAnswer:
    return HttpAnswer.json({"error": error, "error_description": description}, 400)
