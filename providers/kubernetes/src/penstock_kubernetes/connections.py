"""The fields of a Kubernetes connection, frozen and validated."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from penstock.spec.fields import CallLimits

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class KubernetesFields(CallLimits):
    """How to reach a cluster: by its address and a token, by a kubeconfig, or as a pod of it.

    Without any of them, a pod of a cluster takes its own service account, and everybody else the kubeconfig that
    ``KUBECONFIG`` names, or ``~/.kube/config``.

    Attributes:
        server: URL of the API server; a token goes with it.
        token: A bearer token; a connection's password.
        token_file: File with the token, which others may renew, in place of it.
        ca_file: File with the certificates that sign the server's; those of the system unless given.
        ca_data: The same certificates themselves, as PEM.
        verify: Whether the server's certificate is verified.
        tls_server_name: The name in the server's certificate, where it is not that of ``server``.
        kubeconfig: Path of a kubeconfig.
        context: Its context; its current one unless given.
        in_cluster: Whether we are a pod and take its service account, whatever else there is.
        namespace: Where objects are unless something else is said; that of the kubeconfig or of the pod, else ``default``.
        connect_timeout_s: Seconds to wait for a connection.
        read_timeout_s: Seconds to wait for each part of an answer.
        deadline_s: Seconds after which a call is not repeated any more.
        max_attempts: Attempts of a call, the first included.
    """

    PARTS: ClassVar[Mapping[str, str]] = {"token": "password"}
    SHOWN: ClassVar[tuple[str, ...]] = ("server", "kubeconfig", "context", "namespace")

    server: str = ""
    token: str = ""
    token_file: str = ""
    ca_file: str = ""
    ca_data: str = ""
    verify: bool = True
    tls_server_name: str = ""
    kubeconfig: str = ""
    context: str = ""
    in_cluster: bool = False
    namespace: str = ""

    def problems(self) -> Iterator[str]:
        """Fields that do not go together or cannot be right."""
        if self.server and not self.server.startswith(("http://", "https://")):
            yield "server must be a URL that begins with https://"
        if self.server and not (self.token or self.token_file):
            yield "server needs a token (its password) or a token_file"
        if (self.token or self.token_file) and not self.server:
            yield "token needs the server that takes it"
        if self.token and self.token_file:
            yield "token and token_file exclude each other"
        ways = [name for name in ("server", "kubeconfig", "in_cluster") if getattr(self, name)]
        if len(ways) > 1:
            yield f"{' and '.join(ways)} exclude each other"
        if self.context and (self.server or self.in_cluster):
            yield "context is one of a kubeconfig"
        if self.ca_file and self.ca_data:
            yield "ca_file and ca_data exclude each other"
        if (self.ca_file or self.ca_data or self.tls_server_name or not self.verify) and not self.server:
            yield "ca_file, ca_data, verify and tls_server_name go with server; a kubeconfig has its own"
        if self.namespace and not _NAMESPACE.fullmatch(self.namespace):
            yield "namespace must be lower-case letters, digits and hyphens, 63 at most"
