"""The SDK's part: who we are and how the connection is secured; requests go through its pool as they are.

The SDK finds kubeconfigs, runs their plugins, renews tokens, and sets up TLS and proxies. Its models are passed by: they refuse fields
that a newer cluster has, while the server itself, asked with ``fieldValidation=Strict``, says what it does not know. Its retries are
off, as the hook has its own.
"""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from penstock.spec.hooks.client_cache import ClientCache
from penstock_kubernetes.connections import KubernetesFields

_POD_FILES = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_clients: "ClientCache[KubeClient]" = ClientCache()


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
        fields: The connection's.

    Attributes:
        server: URL of the API server.
        namespace: The one of its kubeconfig or pod; "" if neither says.
    """

    def __init__(self, fields: KubernetesFields) -> None:
        from kubernetes import client as sdk  # noqa: PLC0415 - takes most of a second
        from kubernetes.client.rest import RESTClientObject  # noqa: PLC0415

        made: Any = sdk.Configuration()
        self.namespace = _load(made, fields)
        made.retries = False  # urllib3 takes it for "none"
        self.server = str(made.host).rstrip("/")
        self._configuration, self._auth = made, threading.Lock()
        self._timeouts = fields.connect_timeout_s, fields.read_timeout_s
        self._pool = RESTClientObject(made).pool_manager
        more: dict[str, Any] = {"maxsize": 8, "ca_cert_data": fields.ca_data, "server_hostname": fields.tls_server_name}
        self._pool.connection_pool_kw.update({name: value for name, value in more.items() if value})

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
        from urllib3 import Timeout  # noqa: PLC0415

        connect_s, read_s = self._timeouts
        headers = {"Accept": "application/json, */*"}
        with self._auth:  # a plugin of the kubeconfig is run once, and not by every thread
            for setting in self._configuration.auth_settings().values():
                if setting.get("value"):
                    headers[str(setting["key"])] = str(setting["value"])
        if body is not None:
            headers["Content-Type"] = content_type
        found = self._pool.request(
            method,
            f"{self.server}{path}{f'?{urlencode(query)}' if query else ''}",
            body=None if body is None else json.dumps(body).encode(),
            headers=headers,
            timeout=Timeout(connect=connect_s, read=read_s if read_timeout_s is None else read_timeout_s),
            preload_content=False,
            redirect=False,
        )
        return Answer(found.status, found.headers, found)


def client_of(fields: KubernetesFields) -> KubeClient:
    """The client of a connection's fields, made on first use and never across a fork."""
    return _clients.get(fields, lambda: KubeClient(fields))


def forget_client(fields: KubernetesFields) -> None:
    """Have the next client look its credentials up anew: a token was refused."""
    _clients.forget(fields)


def path_of(group_version: str, resource: str, *, namespace: str = "", name: str = "", part: str = "") -> str:
    """The path of a resource, an object, or a part of it such as ``log``."""
    base = f"/{'apis' if '/' in group_version else 'api'}/{group_version}"
    space = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    named = f"/{quote(name, safe='')}" if name else ""
    return f"{base}{space}/{resource}{named}{f'/{part}' if part else ''}"


def _load(made: Any, fields: KubernetesFields) -> str:  # noqa: ANN401 - of the SDK
    """Fill the SDK's configuration; returns the namespace that goes with it."""
    from kubernetes import config as sdk  # noqa: PLC0415

    config: Any = sdk

    if fields.server:
        made.host, made.verify_ssl = fields.server, fields.verify
        made.ssl_ca_cert = fields.ca_file or None
        made.api_key["authorization"] = f"Bearer {fields.token}"
        return ""
    if fields.in_cluster or (not fields.kubeconfig and "KUBERNETES_SERVICE_HOST" in os.environ and not fields.context):
        config.load_incluster_config(client_configuration=made)
        file = _POD_FILES / "namespace"
        return file.read_text().strip() if file.exists() else ""
    file_name = fields.kubeconfig or None
    config.load_kube_config(file_name, fields.context or None, client_configuration=made, persist_config=False)
    contexts, active = config.list_kube_config_contexts(file_name)
    chosen = next((each for each in contexts if each["name"] == fields.context), active) if fields.context else active
    return str(chosen["context"].get("namespace", ""))
