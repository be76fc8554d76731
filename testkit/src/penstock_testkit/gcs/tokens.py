"""A strict fake of the tokens of Google: of service accounts, of users, of other identity providers, and by impersonation.

Sources: https://developers.google.com/identity/protocols/oauth2/service-account (RFC 7523, the
assertion signed with RS256) and https://cloud.google.com/iam/docs/reference/credentials/rest/v1 (generateAccessToken).
Tokens for those of another identity provider: https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token (RFC 8693).
Not covered: identity tokens, the metadata server.
"""

import base64
import itertools
import json
import time
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from penstock_testkit.gcs.refusals import RefusedError, refusal
from penstock_testkit.saas import App, HttpAnswer, HttpRequest, RouteTable

_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS = "urn:ietf:params:oauth:token-type:access_token"
_URI = "https://oauth2.googleapis.com/token"

tokens = RouteTable()


@tokens.route(
    "POST oauth2.googleapis.com/token",
    fields=("grant_type", "assertion", "client_id", "client_secret", "refresh_token", "scope"),
)
def token(fake: Any, request: HttpRequest) -> HttpAnswer:  # noqa: ANN401 - the app that this is a part of
    """Issue a token for an assertion that a known account has signed, or for a known refresh token."""
    fields = request.fields
    by_jwt = fields["grant_type"] == _JWT
    who = fake.signer(fields["assertion"]) if by_jwt else fake.users.get(fields.get("refresh_token"))
    if who is None:
        return HttpAnswer.json({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, 400)
    return HttpAnswer.json({"access_token": fake.issue(who), "expires_in": 3599, "token_type": "Bearer"})


@tokens.route(
    "POST sts.googleapis.com/v1/token",
    fields=("grant_type", "audience", "scope", "requested_token_type", "subject_token", "subject_token_type"),
)
def exchange(fake: Any, request: HttpRequest) -> HttpAnswer:  # noqa: ANN401
    """Issue a token for one of another identity provider that the pool of the audience knows."""
    fields = request.fields
    who = fake.subjects.get((fields["audience"], fields["subject_token"]))
    if fields["grant_type"] != _EXCHANGE or fields["requested_token_type"] != _ACCESS or who is None:
        return HttpAnswer.json({"error": "invalid_grant", "error_description": "The subject token is not valid."}, 400)
    answer = {"access_token": fake.issue(who), "issued_token_type": _ACCESS, "token_type": "Bearer", "expires_in": 3600}
    return HttpAnswer.json(answer)


@tokens.route(
    "POST iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{account}:generateAccessToken",
    fields=("delegates", "scope", "lifetime"),
)
def generate(fake: Any, request: HttpRequest, account: str) -> HttpAnswer:  # noqa: ANN401
    """Issue a token of another account to who may impersonate it, each delegate the next one; raises RefusedError."""
    who = fake.holder(request.header("Authorization").removeprefix("Bearer "))
    chain = [*(each.rpartition("/")[2] for each in request.fields.get("delegates") or ()), account]
    for each in chain:
        if (who, each) not in fake.impersonators:
            raise RefusedError(403, "Permission 'iam.serviceAccounts.getAccessToken' denied on resource")
        who = each
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(_now_s() + 3600))
    return HttpAnswer.json({"accessToken": fake.issue(account), "expireTime": until})


class GoogleTokens(App):
    """The issuers of access tokens.

    Attributes:
        users: Users by their refresh tokens.
        subjects: Identities of other providers by the audience and their token there.
        impersonators: Pairs of who may impersonate whom.
    """

    name = "google tokens"
    hosts = ("oauth2.googleapis.com", "iamcredentials.googleapis.com", "sts.googleapis.com")
    tables = (tokens,)

    def __init__(self) -> None:
        super().__init__()
        self.users: dict[str, str] = {}
        self.subjects: dict[tuple[str, str], str] = {}
        self.impersonators: set[tuple[str, str]] = set()
        self._keys: dict[str, rsa.RSAPublicKey] = {}
        self._live: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def handle(self, request: HttpRequest) -> HttpAnswer:
        """Answer, with a refusal in the service's words where it refuses."""
        try:
            return super().handle(request)
        except RefusedError as error:
            return error.answer

    def refusal(self, request: HttpRequest, status: int) -> HttpAnswer:
        """A refusal in the service's words."""
        del request
        return refusal(status, "The service is currently unavailable.")

    def account(self, email: str, project: str = "a-project") -> dict[str, str]:
        """The key file of a new service account."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._keys[email] = key.public_key()
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account", "project_id": project, "private_key_id": "1", "private_key": pem.decode(),
            "client_email": email, "client_id": "1", "token_uri": _URI,
        }  # fmt: skip

    def signer(self, assertion: str) -> str | None:
        """The account that has signed an assertion for this issuer; None if none of those that are known has."""
        head, claims, signature = assertion.split(".")
        fields = json.loads(_decoded(claims))
        key = self._keys.get(fields.get("iss"))
        if key is None or fields.get("aud") != _URI or fields["exp"] <= _now_s():
            return None
        try:
            key.verify(_decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return None
        return str(fields["iss"])

    def issue(self, who: str) -> str:
        """A new token of somebody."""
        made = f"ya29.token-{next(self._numbers)}"
        self._live[made] = who
        return made

    def holder(self, token: str) -> str | None:
        """Whose token it is; None of one that is not known or no longer valid."""
        return self._live.get(token)

    def is_live(self, token: str) -> bool:
        """Whether a token is let in."""
        return token in self._live

    def revoke(self) -> None:
        """End all tokens before their time."""
        self._live.clear()


def _now_s() -> int:
    return time.time_ns() // 10**9


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
