"""The secrets backend: connections and Variables that Secret Manager keeps, each as a secret of its own.

Names are letters, digits, ``-`` and ``_``, 255 of them at most (resource "Secret" of its REST API). An id with other signs is
in none, and is not asked for.
"""

import re

from penstock import Connection
from penstock.spec.named_secrets import NamedSecrets
from penstock_gcp.hooks import SecretManagerHook

_IDS = re.compile(r"[A-Za-z0-9_-]{1,255}")


class CloudSecretManagerBackend(NamedSecrets):
    """Connections and Variables in Secret Manager of Google Cloud, one a secret: a URI, JSON or text.

    Args:
        connections_prefix: What the names of secrets with connections begin with, before a hyphen; "" for none.
        variables_prefix: The same of Variables.
        connections_lookup_pattern: Only ids in which this regular expression is found are asked for; each question that
            is asked is billed.
        variables_lookup_pattern: The same of Variables.
        list_names: Whether names are listed for people, which takes ``secretmanager.secrets.list``.
        gcp_conn_id: A connection of the environment; Application Default Credentials decide unless given.
        project: The project of the secrets; that of the connection or of the credentials unless given.
    """

    def __init__(
        self,
        *,
        connections_prefix: str = "penstock-connections",
        variables_prefix: str = "penstock-variables",
        connections_lookup_pattern: str = "",
        variables_lookup_pattern: str = "",
        list_names: bool = False,
        gcp_conn_id: str = "",
        project: str = "",
    ) -> None:
        if gcp_conn_id and project:
            raise ValueError("project stands for itself or in the connection of gcp_conn_id; give one of the two")
        own = Connection("", "gcp", extra={"project": project} if project else {})
        super().__init__(
            SecretManagerHook(gcp_conn_id) if gcp_conn_id else SecretManagerHook(connection=own),
            ids=_IDS, separator="-", connections_prefix=connections_prefix, variables_prefix=variables_prefix,
            connections_lookup_pattern=connections_lookup_pattern, variables_lookup_pattern=variables_lookup_pattern,
            list_names=list_names,
        )  # fmt: skip
