"""The environment that processes with code of authors and providers begin with."""

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from penstock.model.secret import variable_secrets

_WITHHELD = frozenset({"PENSTOCK_SECRET_KEY", "PENSTOCK_DATABASE__URL"})
_CONNECTION, _VARIABLE, _OURS = "PENSTOCK_CONN_", "PENSTOCK_VAR_", "PENSTOCK_"


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Leave out what user code has no need of: keys, tokens, the database, connections, and settings and Variables that hold secrets.

    A task asks its supervisor for connections and Variables, who also hides their secrets in its log.
    """
    return {name: value for name, value in environ.items() if not _is_withheld(name, value)}


def withheld(environ: Mapping[str, str]) -> tuple[str, ...]:
    """What `without_secrets` leaves out, for a mask: the values, and passwords in those that are URLs."""
    values = [value for name, value in environ.items() if _is_withheld(name, value)]
    values += environ.get("PENSTOCK_SECRET_KEY", "").replace(",", " ").split()
    return (*values, *(found for value in values if (found := _password(value))))


def _password(url: str) -> str:
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        return ""


def _is_withheld(name: str, value: str) -> bool:
    return (
        name in _WITHHELD
        or name.startswith(_CONNECTION)
        or (name.startswith(_OURS) and bool(variable_secrets(_own_name(name), value)))
    )


def _own_name(name: str) -> str:
    """The key of a Variable; of a setting, or what has no table such as ``PENSTOCK_TOKEN``, its last part."""
    return name.removeprefix(_VARIABLE) if name.startswith(_VARIABLE) else name.removeprefix(_OURS).rpartition("__")[2]
