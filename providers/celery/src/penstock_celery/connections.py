"""The options of the executor, read and checked."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from penstock.errors import ConfigError
from penstock.spec.fields import Connection

BROKER_URL = "CELERY_BROKER_URL"
"""The variable of the environment that names the broker before the settings do, as for any program that uses Celery."""
SCHEMES = ("redis", "rediss", "sentinel", "amqp", "amqps", "pyamqp")
"""Brokers of which it is known that a worker can hold back messages for which it has no slot."""
_TLS = ("ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname")
"""Options of TLS in a broker's URL, as Celery has them."""
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_VERIFIED = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}


@dataclass(frozen=True)
class BrokerOptions:
    """How to reach the broker.

    Attributes:
        broker: Its URL.
        username: Who logs in; the URL's unless given.
        password: The password; the URL's unless given.
        queue_prefix: What the names of queues begin with at the broker.
        publish_timeout_s: Seconds to wait for the broker with each message.
        transport_options: Further options of Celery's ``broker_transport_options``.
    """

    broker: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    queue_prefix: str = ""
    publish_timeout_s: float = 10.0
    transport_options: Mapping[str, Any] = field(default_factory=dict)

    def queue(self, name: str) -> str:
        """Name of a queue at the broker."""
        return f"{self.queue_prefix}{name}"


def read_options(options: Mapping[str, Any], name: str, connection: Connection | None = None) -> BrokerOptions:
    """Read the table of an executor in the settings.

    Args:
        options: The table.
        name: Of the executor.
        connection: The connection that it names, of one of `SCHEMES`; None for none.

    Raises:
        ConfigError: An option is wrong.
    """
    twice = [key for key in ("broker", "username", "password") if connection is not None and options.get(key)]
    if given := os.environ.get(BROKER_URL):
        options = {**options, "broker": given}
    elif connection is not None:
        options = {**options, "broker": broker_url(connection)}
    known = {each.name for each in fields(BrokerOptions)}
    problems = [f"{key!r} is no option of it" for key in options if key not in known]
    problems += [f"{' and '.join(twice)} and conn_id exclude each other"] if twice else []
    texts = [
        key for key in ("broker", "username", "password", "queue_prefix") if not isinstance(options.get(key, ""), str)
    ]
    problems += [f"{key} is to be a text" for key in texts]
    timeout_s = options.get("publish_timeout_s", 10.0)
    if not isinstance(timeout_s, int | float) or isinstance(timeout_s, bool) or timeout_s <= 0:
        problems.append("publish_timeout_s is to be a number above 0")
    if not isinstance(options.get("transport_options", {}), Mapping):
        problems.append("transport_options is to be a table")
    broker = options.get("broker", "")
    if isinstance(broker, str) and broker and not _is_url(broker):
        problems.append(f"broker is to be a URL that begins with one of {', '.join(SCHEMES)}")
    if problems:
        raise ConfigError(f"[executors.{name}]: {'; '.join(problems)}.")
    return BrokerOptions(**{key: value for key, value in options.items() if key in known})


def _is_url(broker: str) -> bool:
    try:
        parts = [urlsplit(each) for each in broker.split(";")]
        return parts[0].scheme in SCHEMES and all(each.port != 0 for each in parts)
    except ValueError:  # such as of a port that is no number
        return False


def broker_url(connection: Connection) -> str:
    """The URL of the broker that a connection means: its schema is the number of a database, or a virtual host."""
    login = f"{quote(connection.login, safe='')}:{quote(connection.password, safe='')}@" if connection.password else ""
    if connection.login and not connection.password:
        login = f"{quote(connection.login, safe='')}@"
    host = f"[{connection.host}]" if ":" in connection.host else connection.host
    place = f"{host}:{connection.port}" if connection.port else host
    query = f"?{urlencode(connection.extra)}" if connection.extra else ""
    return f"{connection.conn_type}://{login}{place}/{quote(connection.schema, safe='')}{query}"


def with_login(url: str, username: str, password: str) -> str:
    """Put a user and a password into each URL of a broker, several of them with ``;`` between."""
    if not (username or password):
        return url
    made = []
    for each in url.split(";"):
        parts = urlsplit(each)
        user = username or unquote(parts.username or "")
        secret = password or unquote(parts.password or "")
        place = parts.netloc.rpartition("@")[2]
        made.append(urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(secret, safe='')}@{place}")))
    return ";".join(made)


def verified_tls(url: str, name: str) -> tuple[str, dict[str, Any] | None]:
    """A broker's URL, and Celery's ``broker_use_ssl``, by which its certificate is verified unless the URL has it otherwise.

    Kombu verifies no certificate behind ``rediss`` and no host name behind ``amqps`` unless it is told to, and reads of the latter no
    ``ssl_...`` in a URL.

    Args:
        url: Of the broker.
        name: Of the executor in the settings.

    Raises:
        ConfigError: The URL has an option of TLS that there is not.
    """
    parts = [urlsplit(each) for each in url.split(";")]
    given = {key: value for key, value in parse_qsl(parts[0].query) if key.startswith("ssl_")}
    verified = _VERIFIED.get(given.get("ssl_cert_reqs", "required").lower().removeprefix("cert_"))
    wrong = [key for key in given if key not in _TLS] + (["ssl_cert_reqs"] if verified is None else [])
    if wrong:
        known = ", ".join([*_TLS[1:], f"ssl_cert_reqs ({', '.join(_VERIFIED)})"])
        raise ConfigError(f"[executors.{name}]: {' and '.join(wrong)} of the broker's URL is wrong; TLS has {known}.")
    if parts[0].scheme == "rediss" and "ssl_cert_reqs" not in given:
        return ";".join(_with_query(each, {"ssl_cert_reqs": "required"}) for each in parts), None
    if parts[0].scheme != "amqps":
        return url, None
    options: dict[str, Any] = {"cert_reqs": verified}
    if verified and given.get("ssl_check_hostname", "true").lower() != "false":
        # None has Kombu take each broker's own name, but 127.0.0.1 for localhost: a single one is named here.
        options["server_hostname"] = parts[0].hostname if len(parts) == 1 else None
    options |= {key.removeprefix("ssl_"): value for key, value in given.items() if key in _FILES}
    return ";".join(_with_query(each, {}) for each in parts), options


def _with_query(parts: SplitResult, added: Mapping[str, str]) -> str:
    """A URL with more options of TLS; with none where none are added."""
    kept = [(key, value) for key, value in parse_qsl(parts.query) if added or not key.startswith("ssl_")]
    return urlunsplit(parts._replace(query=urlencode([*kept, *added.items()])))


def without_password(url: str) -> str:
    """A broker's URL as it may be shown."""
    shown = []
    for each in url.split(";"):
        parts = urlsplit(each)
        user = f"{parts.username}@" if parts.username else ""
        shown.append(urlunsplit(parts._replace(netloc=f"{user}{parts.netloc.rpartition('@')[2]}", query="")))
    return ";".join(shown)
