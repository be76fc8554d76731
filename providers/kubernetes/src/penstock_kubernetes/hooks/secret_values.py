"""The values of Secrets, each by ``secret/key``."""

import base64
from collections.abc import Iterator

from penstock.errors import ErrorKind, ProviderError
from penstock_kubernetes.errors import odd_answer
from penstock_kubernetes.hooks.kubernetes import KubernetesHook


class SecretValues:
    """What the keys of Secrets hold, as text.

    Args:
        hook: The client.
        namespace: Of the Secrets; the connection's unless given.
    """

    def __init__(self, hook: KubernetesHook, namespace: str = "") -> None:
        self._hook, self._namespace = hook, namespace

    def value(self, name: str) -> str | None:
        """The text of a key, ``secret/key``; None if there is no such Secret or key.

        Raises:
            ProviderError: It may not be read, or holds no text.
        """
        secret, _, key = name.partition("/")
        found = self._data(secret).get(key)
        if found is None:
            return None
        try:
            return base64.b64decode(found, validate=True).decode()
        except (TypeError, ValueError) as error:
            raise ProviderError(
                f"{secret}: the key {key} holds bytes and no text", service="kubernetes", operation="get secrets",
                kind=ErrorKind.INVALID, hint="Store a URI, JSON or text",
            ) from error  # fmt: skip

    def names(self, prefix: str) -> Iterator[str]:
        """The names that begin with ``secret/``."""
        secret, _, begin = prefix.partition("/")
        yield from (f"{secret}/{key}" for key in self._data(secret) if key.startswith(begin))

    def _data(self, secret: str) -> dict[str, str]:
        found = (self._hook.get("secrets", secret, self._namespace) or {}).get("data", {})
        if not isinstance(found, dict):
            raise odd_answer(f"a Secret whose data are {type(found).__name__}", operation="get secrets", what=secret)
        return found
