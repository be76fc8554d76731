"""Which values are secrets: by their names, and by their place in a URL; no other text decides anything."""

from collections.abc import Iterator

import msgspec

from penstock.model.values.address_secrets import SECRET_WORDS, is_secret_name, url_secrets


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
        yield from url_secrets(value)


def variable_secrets(key: str, text: str | None) -> tuple[str, ...]:
    """What of a Variable must not appear in a log: its text if its key is a secret name, and secrets within its JSON."""
    secret = is_secret_name(key)
    if not text or not (secret or "://" in text or any(word in text.lower() for word in SECRET_WORDS)):
        return ()
    try:
        within = secrets_in(msgspec.json.decode(text), secret=secret)
        return tuple(dict.fromkeys([*([text] if secret else []), *within]))
    except msgspec.DecodeError:
        return tuple(dict.fromkeys(secrets_in(text, secret=secret)))
