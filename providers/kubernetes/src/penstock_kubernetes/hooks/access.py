"""Where a cluster is and as whom we reach it: a pod's own account, or a kubeconfig with its tokens, certificates and plugins.

Sources: "Organizing Cluster Access Using kubeconfig Files", "Accessing the Kubernetes API from a Pod", `client-go/tools/clientcmd/api/v1`,
and "client-go credential plugins" (kubernetes.io). The official client is not used: it brings 75 MB and takes most of a second, and what
it would do here is on this page. Not covered: auth providers, which Kubernetes has taken out, and plugins that ask a person.
"""

import base64
import json
import os
import subprocess
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock_kubernetes.connections import KubernetesFields

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TOKEN_S, _PLUGIN_S, _EARLY_S = 60.0, 60.0, 30.0


class Credential:
    """What is sent as ``Authorization``: a text, a file's content, or what a plugin says, each as long as it counts.

    Args:
        token: The token itself.
        file: A file with it, which others renew.
        basic: User and password, with a colon.
        plugin: The ``exec`` of a kubeconfig.
        folder: That of the kubeconfig, from where a plugin's path counts.
    """

    def __init__(
        self,
        token: str = "",
        file: str | Path = "",
        basic: str = "",
        plugin: Mapping[str, Any] | None = None,
        folder: Path = Path(),
    ) -> None:
        self._token, self._file, self._basic, self._plugin, self._folder = token, file, basic, plugin, folder
        self._until, self._lock = 0.0, threading.Lock()

    def header(self) -> str:
        """The header's value; "" for none.

        Raises:
            ProviderError: A plugin, or a file, gives none.
        """
        if self._basic:
            return f"Basic {base64.b64encode(self._basic.encode()).decode()}"
        with self._lock:
            if (self._plugin is not None or self._file) and time.monotonic() > self._until:
                if self._plugin is not None:
                    self._ask()
                else:
                    self._token, self._until = _token_of(Path(self._file)), time.monotonic() + _TOKEN_S
        return f"Bearer {self._token}" if self._token else ""

    def renewed(self, shown: str) -> bool:
        """Whether there is another header than the one that was refused; raises ProviderError as `header` does."""
        if self.header() == shown:
            with self._lock:
                self._until = 0.0
        return self.header() != shown

    def _ask(self) -> None:
        """Run the plugin: it prints an ExecCredential."""
        assert self._plugin is not None  # noqa: S101 - asked of a plugin
        plugin, command = self._plugin, str(self._plugin["command"])
        if "/" in command:
            command = str(self._folder / command)
        info = {"apiVersion": plugin["apiVersion"], "kind": "ExecCredential", "spec": {"interactive": False}}
        more = {str(each["name"]): str(each["value"]) for each in plugin.get("env") or ()}
        try:
            done = subprocess.run(
                [command, *(plugin.get("args") or ())], env={**os.environ, "KUBERNETES_EXEC_INFO": json.dumps(info), **more},
                stdin=subprocess.DEVNULL, capture_output=True, timeout=_PLUGIN_S, check=True,
            )  # fmt: skip
            status = json.loads(done.stdout)["status"]
            self._token, expires = str(status["token"]), status.get("expirationTimestamp")
        except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
            output = getattr(error, "stderr", b"") or b""
            words = output.decode(errors="replace").strip() or f"{type(error).__name__}: {error}"
            raise ProviderError(
                f"the plugin {command!r} of the kubeconfig gives no token: {words}", service="kubernetes", operation="log in",
                kind=ErrorKind.AUTH, hint=str(plugin.get("installHint", "")),
            ) from error  # fmt: skip
        left_s = _TOKEN_S * 10
        if expires:
            left_s = (datetime.fromisoformat(expires) - datetime.now(UTC)).total_seconds()
        self._until = time.monotonic() + max(0.0, left_s - _EARLY_S)


class Access(NamedTuple):
    """A cluster, and an account of it.

    Attributes:
        server: URL of the API server.
        credential: What says who we are.
        namespace: That goes with it; "" if nothing says.
        ca_file: File of the certificates that sign the server's; "" for those of the system.
        ca_data: The same certificates themselves, as PEM.
        verify: Whether the server's certificate is verified.
        tls_server_name: The name in it, where it is not the server's.
        proxy: URL of a proxy; "" for that of the environment.
        client_certificate: Files of a certificate and its key, or both as PEM; empty for none.
        client_key: As above.
    """

    server: str
    credential: Credential
    namespace: str = ""
    ca_file: str = ""
    ca_data: str = ""
    verify: bool = True
    tls_server_name: str = ""
    proxy: str = ""
    client_certificate: str = ""
    client_key: str = ""


def access_of(fields: KubernetesFields) -> Access:
    """Where a connection's cluster is, and who we are.

    Raises:
        ProviderError: Nothing says so, or what does is wrong.
    """
    if fields.server:
        credential = Credential(fields.token, fields.token_file)
        return Access(
            fields.server, credential, ca_file=fields.ca_file, ca_data=fields.ca_data, verify=fields.verify,
            tls_server_name=fields.tls_server_name,
        )  # fmt: skip
    host, port = (os.environ.get(f"KUBERNETES_SERVICE_{part}", "") for part in ("HOST", "PORT"))
    if fields.in_cluster or (host and not fields.kubeconfig and not fields.context):
        return _of_pod(host, port)
    found = fields.kubeconfig or os.environ.get("KUBECONFIG", "") or "~/.kube/config"
    files = [Path(each).expanduser() for each in found.split(os.pathsep) if each]
    return of_kubeconfig(files, fields.context)


def of_kubeconfig(files: list[Path], context: str = "") -> Access:
    """The access that kubeconfigs give; of two entries of a name the first counts.

    Args:
        files: The files, those that are not there among them.
        context: The context; the current one unless given.

    Raises:
        ProviderError: There is none of these files, or something in them is missing or wrong.
    """
    entries: dict[str, dict[str, tuple[dict[str, Any], Path]]] = {"clusters": {}, "contexts": {}, "users": {}}
    for file in files:
        content = _read(file)
        context = context or str(content.get("current-context") or "")
        for kind, known in entries.items():
            for each in content.get(kind) or ():
                known.setdefault(str(each["name"]), (each.get(kind[:-1]) or {}, file.parent))
    shown = ", ".join(map(str, files))
    if not entries["contexts"]:
        raise _wrong(
            f"no kubeconfig with a context is at {shown}", "Name one by the connection's kubeconfig, or KUBECONFIG"
        )
    if context not in entries["contexts"]:
        known_contexts = ", ".join(sorted(entries["contexts"]))
        raise _wrong(f"the kubeconfig {shown} has no context {context!r}", f"It has {known_contexts}")
    chosen, _ = entries["contexts"][context]
    for kind, name in (("clusters", chosen.get("cluster")), ("users", chosen.get("user") or "")):
        if name and name not in entries[kind]:
            raise _wrong(f"the kubeconfig {shown} has no {kind[:-1]} {name!r}, which its context {context!r} names")
    cluster, folder = entries["clusters"][str(chosen.get("cluster"))]
    user, of_user = entries["users"].get(str(chosen.get("user") or ""), ({}, folder))
    return Access(
        str(cluster.get("server", "")), _credential(user, of_user), str(chosen.get("namespace") or ""),
        ca_file=_file(cluster.get("certificate-authority"), folder), ca_data=_data(cluster, "certificate-authority-data"),
        verify=not cluster.get("insecure-skip-tls-verify"), tls_server_name=str(cluster.get("tls-server-name") or ""),
        proxy=str(cluster.get("proxy-url") or ""),
        client_certificate=_data(user, "client-certificate-data") or _file(user.get("client-certificate"), of_user),
        client_key=_data(user, "client-key-data") or _file(user.get("client-key"), of_user),
    )  # fmt: skip


def _token_of(file: Path) -> str:
    """The token in a file that others renew."""
    try:
        found = file.read_text().strip()
    except (OSError, ValueError) as error:
        raise _no_token(f"the token file {file} cannot be read: {error}") from error
    if not found:
        raise _no_token(f"the token file {file} is empty")  # it is being written anew, or was never filled
    if not (found.isascii() and found.isprintable()):
        raise _no_token(f"the token file {file} holds what no token has: line breaks, or characters beyond ASCII")
    return found


def _no_token(detail: str) -> ProviderError:
    return ProviderError(
        detail,
        service="kubernetes",
        operation="log in",
        kind=ErrorKind.TRANSIENT,
        hint="Whoever renews it writes it anew",
    )


def _of_pod(host: str, port: str) -> Access:
    token = ACCOUNT / "token"
    if not host or not token.exists():
        there = "" if token.exists() else "not "
        raise _wrong(
            f"we are no pod of a cluster: KUBERNETES_SERVICE_HOST is {host!r}, and {token} is {there}there",
            "Give the connection a server and a token, or a kubeconfig",
        )
    shown = f"[{host}]" if ":" in host else host
    space = ACCOUNT / "namespace"
    namespace = space.read_text().strip() if space.exists() else ""
    return Access(f"https://{shown}:{port or 443}", Credential(file=token), namespace, ca_file=str(ACCOUNT / "ca.crt"))


def _credential(user: Mapping[str, Any], folder: Path) -> Credential:
    if user.get("username"):
        return Credential(basic=f"{user['username']}:{user.get('password', '')}")
    if user.get("tokenFile"):
        return Credential(file=_file(user["tokenFile"], folder))
    return Credential(
        str(user.get("token") or ""), plugin=None if user.get("token") else user.get("exec"), folder=folder
    )


def _read(file: Path) -> dict[str, Any]:
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415 - takes 20 ms

    if not file.exists():
        return {}
    try:
        found = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise _wrong(f"the kubeconfig {file} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise _wrong(f"the kubeconfig {file} is no mapping")
    return found


def _file(name: object, folder: Path) -> str:
    return str(folder / str(name)) if name else ""


def _data(part: Mapping[str, Any], key: str) -> str:
    return base64.b64decode(str(part.get(key) or "")).decode()


def _wrong(detail: str, hint: str = "") -> ProviderError:
    return ProviderError(detail, service="kubernetes", operation="find the cluster", kind=ErrorKind.INVALID, hint=hint)
