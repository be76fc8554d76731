"""Which values are secrets: by their names, and by their place in a URL; no other text decides anything."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import msgspec

_WORDS = ("password", "passwd", "secret", "token", "private_key", "passphrase", "api_key", "apikey", "credential")
_HIDDEN = "***"
_PASSWORD = re.compile(r"(?<=://)([^\s/?#@:]*:)([^\s/?#]+)(?=@)")
"""The password of a URL (RFC 3986, 3.2.1), up to the last @ before its path: some are written without escapes."""
_QUERY = re.compile(r"([?&;])([^\s?&;=#]{1,100})=([^\s&#'\"]+)")


def is_secret_name(name: str) -> bool:
    """Whether the value of this name is taken for a secret: if the name contains one of a few words, in any case."""
    return any(word in name.lower() for word in _WORDS)


def without_url_secrets(text: str) -> str:
    """The text with ``***`` in place of each URL's password, and of the values of its query that have secret names."""
    if "://" not in text:
        return text
    return _QUERY.sub(_hidden, _PASSWORD.sub(rf"\1{_HIDDEN}", text))


def without_secrets_in_urls(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A value with each of its texts as `without_url_secrets` has it, at any depth."""
    if isinstance(value, str):
        return without_url_secrets(value)
    if isinstance(value, dict):
        return {key: without_secrets_in_urls(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets_in_urls(inner) for inner in value]
    return value


def _hidden(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2]}={_HIDDEN}" if _is_secret_key(found[2]) else found[0]


def _is_secret_key(name: str) -> bool:
    return is_secret_name(name) or "signature" in name.lower()


def _url_secrets(text: str) -> Iterator[str]:
    if "://" in text:
        found = [each[2] for each in _PASSWORD.finditer(text)]
        found += [each[3] for each in _QUERY.finditer(text) if _is_secret_key(each[2])]
        yield from {form for each in found for form in (each, unquote(each))} - {_HIDDEN}


def secrets_in(value: object, *, secret: bool = False) -> Iterator[str]:
    """Strings under secret names, and passwords in URLs, at any depth: a key file is a dict within a connection's ``extra``.

    Args:
        value: A JSON value.
        secret: Whether it stands under a secret name itself.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from secrets_in(inner, secret=secret or is_secret_name(str(key)))
    elif isinstance(value, list):
        for inner in value:
            yield from secrets_in(inner, secret=secret)
    elif isinstance(value, str) and value:
        if secret:
            yield value
        yield from _url_secrets(value)


def variable_secrets(key: str, text: str | None) -> tuple[str, ...]:
    """What of a Variable must not appear in a log: its text if its key is a secret name, and secrets within its JSON."""
    secret = is_secret_name(key)
    if not text or not (secret or "://" in text or any(word in text.lower() for word in _WORDS)):
        return ()
    try:
        within = secrets_in(msgspec.json.decode(text), secret=secret)
        return tuple(dict.fromkeys([*([text] if secret else []), *within]))
    except msgspec.DecodeError:
        return tuple(dict.fromkeys(secrets_in(text, secret=secret)))
