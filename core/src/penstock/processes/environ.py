"""The environment: secrets that lie in files, and what processes with code of authors and providers begin with."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from penstock.errors import ConfigError, as_sentence
from penstock.model.secret import variable_secrets

_WITHHELD = frozenset(
    {"PENSTOCK_SECRET_KEY", "PENSTOCK_DATABASE__URL", "PENSTOCK_DATABASE__URL_FILE", "PENSTOCK_TICKET"}
)
_CONNECTION, _VARIABLE, _OURS = "PENSTOCK_CONN_", "PENSTOCK_VAR_", "PENSTOCK_"
_SUFFIX = "_FILE"


def with_secret_files(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with what files hold: ``PENSTOCK_SECRET_KEY_FILE`` names one with the value of ``PENSTOCK_SECRET_KEY``.

    A Variable may have any key, so that none of ``PENSTOCK_VAR_`` is taken for a file; a connection is in one if its value is an
    absolute path.

    Args:
        environ: The environment.

    Raises:
        ConfigError: A file cannot be read, or its variable is set as well.
    """
    found = dict(environ)
    for name, value in environ.items():
        if not _names_file(name, value):
            continue
        variable = name.removesuffix(_SUFFIX)
        if variable in environ:
            raise ConfigError(f"{name} and {variable} are both set, and may differ. Unset one of them.")
        try:
            found[variable] = Path(value).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise ConfigError(f"{name}: {value} cannot be read: {as_sentence(error)}") from None
        del found[name]
    return found


def _names_file(name: str, value: str) -> bool:
    if not name.startswith(_OURS) or not name.endswith(_SUFFIX) or name.startswith(_VARIABLE):
        return False
    return value.startswith("/") or not name.startswith(_CONNECTION)


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Leave out what user code has no need of: keys, tokens, the database, connections, and settings and Variables that hold secrets.

    A task asks its supervisor for connections and Variables, who also hides their secrets in its log.
    """
    return {name: value for name, value in environ.items() if not _is_withheld(name, value)}


def withheld(environ: Mapping[str, str]) -> tuple[str, ...]:
    """What `without_secrets` leaves out, for a mask: the values, those of secret files too, and passwords in those that are URLs.

    Raises:
        ConfigError: A secret file cannot be read.
    """
    environ = with_secret_files(environ)
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
