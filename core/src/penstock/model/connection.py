"""A connection: where an external service is and how to log in, as a URI or as JSON."""

import re
from collections.abc import Collection
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import msgspec

from penstock.decoders import convert, decode_json
from penstock.errors import ConfigError, as_sentence
from penstock.model.secret import secrets_in


class Connection(msgspec.Struct, frozen=True, omit_defaults=True):
    """An external service's address and credentials; field names are Airflow's.

    Attributes:
        conn_id: The name by which DAGs ask for it.
        conn_type: The connection type of a provider, such as ``aws``.
        extra: Further fields of the connection type.
    """

    conn_id: str
    conn_type: str
    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = ""
    schema: str = ""
    extra: dict[str, Any] = {}
    description: str = ""

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """The same as ``extra``, under Airflow's name."""
        return self.extra

    def __repr__(self) -> str:
        """The connection without its secrets."""
        return f"Connection({self.conn_id!r}, {self.conn_type!r}, host={self.host!r})"

    def secrets(self, marked: Collection[str] = ()) -> tuple[str, ...]:
        """Every value that must not appear in a log: the password, and each string of ``extra``'s secret-looking keys.

        The text of a value decides nothing; a key counts as secret if it contains one of a few words, so that a
        provider's own field list (which marks secrets exactly) and this rule are both applied.

        Args:
            marked: Names of the fields that the connection type's provider marks as secret, whatever they are called.
        """
        found = [self.password, *(getattr(self, name) for name in ("host", "login", "schema") if name in marked)]
        for name, value in self.extra.items():
            plain = isinstance(value, int | float) and not isinstance(value, bool)
            if name in marked:
                found += [str(value)] if plain else secrets_in(value, secret=True)
        return tuple(dict.fromkeys(each for each in (*found, *secrets_in(self.extra)) if each))

    def to_uri(self) -> str:
        """The connection as a URI that `parse_connection` reads back unchanged."""
        auth = quote(self.login, safe="")
        if self.password:
            auth += ":" + quote(self.password, safe="")
        netloc = (auth + "@" if auth else "") + quote(self.host, safe=".-_~[]:")
        if self.port is not None:
            netloc += f":{self.port}"
        path = "/" + quote(self.schema, safe="")
        query = urlencode(
            {k: v if isinstance(v, str) else msgspec.json.encode(v).decode() for k, v in self.extra.items()},
            quote_via=quote,
        )
        return f"{self.conn_type.replace('_', '-')}://{netloc}{path}" + (f"?{query}" if query else "")


_SCHEME = re.compile("[A-Za-z][A-Za-z0-9+._-]*")
_CHARACTERS = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]*")
_ENCODE = "Percent-encode login, password and schema (@ is %40, / is %2F, : is %3A), or give the connection as JSON."


def parse_connection(conn_id: str, text: str) -> Connection:
    """The connection written in ``text``, a URI such as ``aws://KEY:SECRET@/?region_name=eu-west-1`` or a JSON object.

    Every part of a URI is percent-decoded. Raises `penstock.errors.ConfigError`; its message never holds the text,
    which may contain a password.
    """
    if text.lstrip().startswith("{"):
        try:
            fields = decode_json(text, dict[str, Any])
            return convert({**fields, "conn_id": conn_id}, Connection)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise ConfigError(f"connection {conn_id!r}: the JSON is no connection: {as_sentence(error)}") from None
    scheme, separator, rest = text.partition("://")
    if not separator or not _SCHEME.fullmatch(scheme):
        raise ConfigError(
            f"connection {conn_id!r}: found neither a URI nor JSON. Write type://login:password@host:port/schema?extra=value"
        )
    _check_encoded(conn_id, rest)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        # Its own words would hold what stands at the port's place, which may be a part of the password.
        raise ConfigError(f"connection {conn_id!r}: the URI's host or port cannot be read. {_ENCODE}") from None
    return Connection(
        conn_id=conn_id,
        conn_type=scheme.lower().replace("-", "_"),
        host=_host(parts.netloc),
        port=port,
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        schema=unquote(parts.path.removeprefix("/")),
        extra={
            key: _extra_value(value)
            for key, value in parse_qsl(parts.query.replace("+", "%2B"), keep_blank_values=True)
        },
    )


def _check_encoded(conn_id: str, rest: str) -> None:
    """Refuse what comes after ``://`` if a part of it is not percent-encoded, so that a password could be cut short.

    A password that holds one of ``@ / ? #`` ends too early and goes on as host, schema or extra (RFC 3986, 3.2): what is left
    of it shows as an ``@`` where none belongs.
    """
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    if not _CHARACTERS.fullmatch(rest):
        raise ConfigError(f"connection {conn_id!r}: the URI holds a control character. {_ENCODE}")
    if "#" in rest or rest.count("@") > ("@" in authority):
        raise ConfigError(f"connection {conn_id!r}: a part of the URI holds one of @ / ? # as it is. {_ENCODE}")
    if re.search("%(?![0-9A-Fa-f]{2})", rest):
        raise ConfigError(f"connection {conn_id!r}: the URI has a % that encodes nothing. {_ENCODE}")


def _host(netloc: str) -> str:
    """The host with its case kept, which `urlsplit` folds."""
    host = netloc.rpartition("@")[2]
    if host.startswith("["):
        return host[: host.index("]") + 1]
    return unquote(host.partition(":")[0])


def _extra_value(text: str) -> Any:  # noqa: ANN401 - an extra field is any JSON value
    """JSON objects, lists, numbers and booleans as such, everything else as the text it is."""
    if text[:1] in "{[" or text in ("true", "false", "null"):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text
    return text
