"""Which values are secrets, by their names alone; their text decides nothing."""

from collections.abc import Iterator

import msgspec

_WORDS = ("password", "passwd", "secret", "token", "private_key", "passphrase", "api_key", "apikey", "credential")


def is_secret_name(name: str) -> bool:
    """Whether the value of this name is taken for a secret: if the name contains one of a few words, in any case."""
    return any(word in name.lower() for word in _WORDS)


def secrets_in(value: object, *, secret: bool = False) -> Iterator[str]:
    """Strings under secret names, at any depth: a key file is a dict within a connection's ``extra``.

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
    elif secret and isinstance(value, str) and value:
        yield value


def variable_secrets(key: str, text: str | None) -> tuple[str, ...]:
    """What of a Variable must not appear in a log: its text if its key is a secret name, and secrets within its JSON."""
    secret = is_secret_name(key)
    if not text or not (secret or any(word in text.lower() for word in _WORDS)):
        return ()
    try:
        within = secrets_in(msgspec.json.decode(text), secret=secret)
        return tuple(dict.fromkeys([*([text] if secret else []), *within]))
    except msgspec.DecodeError:
        return (text,) if secret else ()
