"""The hook of Secret Manager: over its REST API, as gRPC would bring a library of 60 MB for two calls.

Sources: https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access and
.../projects.secrets/list; the checksum is that of https://cloud.google.com/secret-manager/docs/data-integrity.
"""

import base64
from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import quote

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.hooks.service_hook import Identity
from penstock_gcp.hooks.checksum import Checksum
from penstock_gcp.hooks.service import REACHED, GcpHook

_PAGE = 250


class SecretManagerHook(GcpHook):
    """A client of Secret Manager.

    Args:
        gcp_conn_id: The connection, of type ``gcp``.
        connection: The connection itself, in place of its name.
    """

    service: ClassVar[str] = "secretmanager"

    @property
    def endpoint(self) -> str:
        """The URL of the service."""
        return "https://secretmanager.googleapis.com"

    def identify(self) -> Identity:
        """Who the token is of; a refusal to list secrets proves the connection as well."""
        try:
            answer = self._listing("", most=1)
        except ProviderError as error:
            if error.kind not in REACHED or error.http_status is None:
                raise
            return self._identity("")
        return self._identity(str(answer.headers.get("Date", "")))

    def value(self, name: str) -> str | None:
        """The text of a secret's latest version; None if there is no secret of this name, or none that has a version.

        Raises:
            penstock.errors.ProviderError: It may not be read, is disabled or destroyed, arrived damaged, or is no text.
        """
        path, operation = f"{self._parent}/{quote(name, safe='')}/versions/latest:access", "AccessSecretVersion"
        try:
            answer = self.call(operation, lambda: self.send(operation, "GET", path, what=name), name)
        except ProviderError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
            return None
        payload = answer.json()["payload"]
        data = base64.b64decode(payload.get("data", ""))
        if "dataCrc32c" in payload and int(payload["dataCrc32c"]) != Checksum.number(data):
            raise self._wrong(
                name, "what arrived has another CRC32C than the secret: it was damaged", ErrorKind.TRANSIENT
            )
        try:
            return data.decode()
        except ValueError:
            raise self._wrong(name, "the secret holds bytes and no text", ErrorKind.INVALID) from None

    def names(self, prefix: str) -> Iterator[str]:
        """The names of all secrets that begin with a prefix."""
        token = ""
        while True:
            found = self._listing(prefix, token=token).json()
            names = (each["name"].rpartition("/")[2] for each in found.get("secrets", ()))
            yield from (each for each in names if each.startswith(prefix))
            token = found.get("nextPageToken", "")
            if not token:
                return

    @property
    def _parent(self) -> str:
        return f"/v1/projects/{quote(self.project, safe='')}/secrets"

    def _listing(self, prefix: str, *, token: str = "", most: int = _PAGE) -> Any:  # noqa: ANN401 - the answer of requests
        params = {"pageSize": str(most)}
        params |= ({"filter": f"name:{prefix}"} if prefix else {}) | ({"pageToken": token} if token else {})
        return self.call(
            "ListSecrets", lambda: self.send("ListSecrets", "GET", self._parent, what=prefix, params=params), prefix
        )

    def _wrong(self, what: str, detail: str, kind: ErrorKind) -> ProviderError:
        return ProviderError(f"{what}: {detail}", service=self.service, operation="AccessSecretVersion", kind=kind)
