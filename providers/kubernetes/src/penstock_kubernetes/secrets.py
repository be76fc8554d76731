"""The secrets backend: connections and Variables that a cluster keeps, each as a key of one of two Secrets.

Keys are letters, digits, ``-``, ``_`` and ``.``, 253 of them at most ("Secrets", kubernetes.io). An id with other signs is in none,
and is not asked for. Two Secrets by their names: a Role with ``resourceNames`` allows these and no others.
"""

import re

from penstock import Connection
from penstock.spec.named_secrets import NamedSecrets
from penstock_kubernetes.hooks import KubernetesHook, SecretValues

_IDS = re.compile(r"[-._a-zA-Z0-9]{1,253}")


class KubernetesSecretsBackend(NamedSecrets):
    """Connections and Variables in two Secrets of Kubernetes, one a key: a URI, JSON or text.

    Args:
        connections_prefix: The Secret with connections, each under its id; "" for none.
        variables_prefix: The Secret with Variables; "" for none.
        connections_lookup_pattern: Only ids in which this regular expression is found are asked for.
        variables_lookup_pattern: The same of Variables.
        list_names: Whether ids are listed for people.
        kubernetes_conn_id: A connection of the environment; the pod's own account, or the kubeconfig, unless given.
        namespace: The namespace of the Secrets; the connection's unless given.
    """

    def __init__(
        self,
        *,
        connections_prefix: str = "penstock-connections",
        variables_prefix: str = "penstock-variables",
        connections_lookup_pattern: str = "",
        variables_lookup_pattern: str = "",
        list_names: bool = False,
        kubernetes_conn_id: str = "",
        namespace: str = "",
    ) -> None:
        own = Connection("", "kubernetes")
        hook = KubernetesHook(kubernetes_conn_id) if kubernetes_conn_id else KubernetesHook(connection=own)
        super().__init__(
            SecretValues(hook, namespace),
            ids=_IDS, separator="/", connections_prefix=connections_prefix, variables_prefix=variables_prefix,
            connections_lookup_pattern=connections_lookup_pattern, variables_lookup_pattern=variables_lookup_pattern,
            list_names=list_names,
        )  # fmt: skip
