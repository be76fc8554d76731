"""Requests to an API server, as they are: one pool of connections, TLS, the proxy of the environment, no retries of its own.

Bodies are the JSON of the API. Models of a release would refuse fields that a newer cluster has; the server itself, asked with
``fieldValidation=Strict``, says what it does not know.
"""

import json
import ssl
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from penstock.spec.hooks.client_cache import ClientCache
from penstock_kubernetes.connections import KubernetesFields
from penstock_kubernetes.hooks.access import Access, access_of

_POOL = 8
_clients: "ClientCache[KubeClient]" = ClientCache(close=lambda client: client.close())


class Answer(NamedTuple):
    """What the API server answered.

    Attributes:
        status: That of HTTP.
        headers: Its headers.
        stream: The body, not read yet.
    """

    status: int
    headers: Mapping[str, str]
    stream: Any


class KubeClient:
    """Requests to one API server, as one account.

    Args:
        access: Where, and as whom.
        connect_s: Seconds to wait for a connection.
        read_s: Seconds to wait for each part of an answer.

    Attributes:
        server: URL of the API server.
        namespace: The one of its kubeconfig or pod; "" if neither says.
    """

    def __init__(self, access: Access, connect_s: float, read_s: float) -> None:
        self.server, self.namespace = access.server.rstrip("/"), access.namespace
        self._credential, self._timeouts, self._pool = access.credential, (connect_s, read_s), _pool_of(access)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: object = None,
        content_type: str = "application/json",
        read_timeout_s: float | None = None,
    ) -> Answer:
        """Send a request; whatever the HTTP client raises is raised.

        Args:
            method: Of HTTP.
            path: With its values quoted, as `path_of` makes it.
            query: Parameters.
            body: A JSON value; None for none.
            content_type: That of the body.
            read_timeout_s: For each part of the answer, in place of the connection's.
        """
        headers = {"Accept": "application/json, */*", "User-Agent": "penstock"}
        if body is not None:
            headers["Content-Type"] = content_type
        url = f"{self.server}{path}{f'?{urlencode(query)}' if query else ''}"
        content = None if body is None else json.dumps(body).encode()
        shown = self._credential.header()
        found = self._sent(method, url, content, headers, shown, read_timeout_s)
        if found.status == 401 and self._credential.renewed(shown):
            found.close()
            found = self._sent(method, url, content, headers, self._credential.header(), read_timeout_s)
        return Answer(found.status, found.headers, found)

    def _sent(
        self, method: str, url: str, content: bytes | None, headers: Mapping[str, str], shown: str, read_timeout_s: float | None
    ) -> Any:  # noqa: ANN401 - of urllib3  # fmt: skip
        from urllib3 import Timeout  # noqa: PLC0415 - takes 40 ms

        connect_s, read_s = self._timeouts
        return self._pool.request(
            method,
            url,
            body=content,
            headers={**headers, "Authorization": shown} if shown else headers,
            timeout=Timeout(connect=connect_s, read=read_s if read_timeout_s is None else read_timeout_s),
            preload_content=False,
            redirect=False,
            retries=False,
        )

    def close(self) -> None:
        """Close the connections that are idle; one that is in use is closed once it is not, and a request makes another."""
        self._pool.clear()


def client_of(fields: KubernetesFields) -> KubeClient:
    """The client of a connection's fields, made on first use and never across a fork."""
    return _clients.get(fields, lambda: KubeClient(access_of(fields), fields.connect_timeout_s, fields.read_timeout_s))


def forget_client(fields: KubernetesFields) -> None:
    """Have the next client look its credentials up anew: a token was refused."""
    _clients.forget(fields)


def path_of(group_version: str, resource: str, *, namespace: str = "", name: str = "", part: str = "") -> str:
    """The path of a resource, an object, or a part of it such as ``log``."""
    base = f"/{'apis' if '/' in group_version else 'api'}/{group_version}"
    space = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    named = f"/{quote(name, safe='')}" if name else ""
    return f"{base}{space}/{resource}{named}{f'/{part}' if part else ''}"


def _pool_of(access: Access) -> Any:  # noqa: ANN401 - of urllib3, which is imported on first use
    import urllib3  # noqa: PLC0415

    parts = urlsplit(access.server)
    more: dict[str, Any] = {"maxsize": _POOL}
    if parts.scheme == "https":
        more["ssl_context"] = _tls_of(access)
        if access.tls_server_name:
            more["server_hostname"] = access.tls_server_name
    proxy = access.proxy
    if not proxy and not urllib.request.proxy_bypass(parts.netloc):
        proxy = urllib.request.getproxies().get(parts.scheme, "")
    return urllib3.ProxyManager(proxy, **more) if proxy else urllib3.PoolManager(**more)


def _tls_of(access: Access) -> ssl.SSLContext:
    found = ssl.create_default_context(cafile=access.ca_file or None, cadata=access.ca_data or None)
    if not access.verify:
        found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
    if access.client_certificate.startswith("-----"):
        with tempfile.TemporaryDirectory() as folder:  # OpenSSL reads these from files alone
            certificate, key = Path(folder, "certificate"), Path(folder, "key")
            certificate.write_text(access.client_certificate)
            key.touch(0o600)
            key.write_text(access.client_key)
            found.load_cert_chain(certificate, key)
    elif access.client_certificate:
        found.load_cert_chain(access.client_certificate, access.client_key or None)
    return found
