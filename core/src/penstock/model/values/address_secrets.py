"""What a URL in a text gives away, and the text without it."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

SECRET_WORDS = ("password", "passwd", "secret", "token", "private_key", "passphrase", "api_key", "apikey", "credential")
"""What the name of a secret contains, in any case."""
_HIDDEN = "***"
_PASSWORD = re.compile(r"(?<=://)([^\s/?#@:]*:)([^\s/?#]+)(?=@)")
"""The password of a URL (RFC 3986, 3.2.1), up to the last @ before its path: some are written without escapes."""
_QUERY = re.compile(r"([?&;])([^\s?&;=#]{1,100})=([^\s&#'\"]+)")


def is_secret_name(name: str) -> bool:
    """Whether the value of this name is taken for a secret: if the name contains one of a few words, in any case."""
    return any(word in name.lower() for word in SECRET_WORDS)


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


def url_secrets(text: str) -> Iterator[str]:
    """What of a text is hidden in its URLs, as it is written and as it is meant."""
    if "://" in text:
        found = [each[2] for each in _PASSWORD.finditer(text)]
        found += [each[3] for each in _QUERY.finditer(text) if _is_secret_key(each[2])]
        yield from {form for each in found for form in (each, unquote(each))} - {_HIDDEN}
