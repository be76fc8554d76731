"""The fields of a Salesforce connection, frozen and validated."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from penstock.spec.fields import CallLimits

_NEEDED = {
    "client_credentials": ("client_id", "client_secret"),
    "jwt": ("client_id", "username"),
    "refresh_token": ("client_id", "refresh_token", "token_folder"),
    "password": ("username", "password"),
}
_SHARED_HOSTS = ("login.salesforce.com", "test.salesforce.com")
_FIRST_WITHOUT_SOAP_LOGIN = 65.0


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class SalesforceFields(CallLimits):
    """How to reach an organisation and as whom.

    SOAP login, which ``auth = "password"`` uses, ends on 1 June 2027 and does not exist from API version 65.0 on (Salesforce Help,
    "SOAP API login() retirement").

    Attributes:
        host: The organisation's My Domain, such as ``acme.my.salesforce.com``; or the shared ``login.salesforce.com``.
        port: The host's port.
        auth: How to log in: by an OAuth flow, or by user and password.
        client_id: Consumer key of the connected app.
        client_secret: Its consumer secret.
        username: The user; a connection's login.
        password: The user's password, for ``auth = "password"`` alone.
        security_token: What Salesforce asks for behind the password.
        private_key: The app's private key as PEM, for ``auth = "jwt"``; or give ``private_key_file``.
        private_key_file: Path of the key.
        refresh_token: The first refresh token, for ``auth = "refresh_token"``.
        token_folder: A folder in which processes share their token, encrypted. Salesforce may put another refresh token in
            the place of the used one; it is kept here.
        api_version: Version of the API.
        quota_percent: No request is made once so much of the organisation's requests of 24 hours is used.
    """

    PARTS: ClassVar[Mapping[str, str]] = {"host": "host", "port": "port", "username": "login", "password": "password"}
    SHOWN: ClassVar[tuple[str, ...]] = ("host", "auth", "username", "api_version")
    POSITIVE: ClassVar[tuple[str, ...]] = (*CallLimits.POSITIVE, "port", "quota_percent")

    host: str = "login.salesforce.com"
    port: int = 443
    auth: Literal["client_credentials", "jwt", "refresh_token", "password"] = "client_credentials"
    client_id: str = ""
    client_secret: str = ""
    username: str = ""
    password: str = ""
    security_token: str = ""
    private_key: str = ""
    private_key_file: str = ""
    refresh_token: str = ""
    token_folder: str = ""
    api_version: str = "62.0"
    quota_percent: float = 90.0

    def problems(self) -> Iterator[str]:
        """Fields that do not go together or cannot be right."""
        for name in _NEEDED[self.auth]:
            if not getattr(self, name):
                yield f"auth = {self.auth} needs {name}"
        if self.auth == "jwt" and bool(self.private_key) == bool(self.private_key_file):
            yield "auth = jwt needs one of private_key and private_key_file"
        if self.auth == "client_credentials" and self.host in _SHARED_HOSTS:
            yield "auth = client_credentials needs the My Domain as host, such as acme.my.salesforce.com"
        if "/" in self.host:
            yield "host is a name without https:// and path"
        if not re.fullmatch(r"\d\d\.0", self.api_version):
            yield "api_version is a number such as 62.0"
        elif self.auth == "password" and float(self.api_version) >= _FIRST_WITHOUT_SOAP_LOGIN:
            yield "auth = password needs an api_version below 65.0, the first without SOAP login"

    @property
    def login_url(self) -> str:
        """Where we log in."""
        return f"https://{self.host}" + ("" if self.port == 443 else f":{self.port}")
