"""Encryption at rest: Fernet tokens under one or more keys, the first of which writes."""

import hashlib
import hmac
import os
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.errors import ConfigError, as_sentence

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet


class Keyring:
    """The keys that encrypt connections and Variables.

    A list of keys allows rotation: the first encrypts, all of them decrypt. ``cryptography`` is imported on first use.

    Args:
        keys: Fernet keys: 32 bytes in URL-safe base64 each.
        origin: Where they come from, for messages: a file, or the name of an environment variable.

    Attributes:
        missing: Whether there is no key at all, since its file is not there.
    """

    def __init__(self, keys: Sequence[str], origin: str) -> None:
        self.origin = origin
        self._keys, self.missing = tuple(keys), False
        self._fernet: MultiFernet | None = None

    @classmethod
    def of_file(cls, path: Path, *, create: bool = True) -> "Keyring":
        """The keys in a file, one a line, newest first; a missing one is made with a new key, for its owner alone.

        Raises:
            ConfigError: The file cannot be read or made, or others may read it.
        """
        try:
            if create and not path.exists():
                _make(path)
            mode = path.stat().st_mode & 0o077
            text = path.read_text(encoding="ascii")
        except FileNotFoundError:
            raise ConfigError(
                f"{path}: there is no key file. Run `penstock init`, or restore it from a backup."
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: the key file cannot be used: {as_sentence(error)}") from None
        if mode:
            raise ConfigError(f"{path}: others may read the key file. Run: chmod 600 {path}")
        return cls(text.split(), str(path))

    @classmethod
    def without_file(cls, path: Path) -> "Keyring":
        """No key at all, since the file is missing: whoever needs one is told so, others get on."""
        made = cls([], str(path))
        made.missing = True
        return made

    def encrypt(self, data: bytes) -> bytes:
        """Encrypt with the first key; raises ConfigError if there is no usable key."""
        return self._cipher().encrypt(data)

    def decrypt(self, token: bytes, what: str) -> bytes:
        """Decrypt ``what``, such as ``"variable 'x'"``; raises ConfigError if no key fits."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - 50 ms that most commands need not spend

        try:
            return self._cipher().decrypt(token)
        except InvalidToken:
            raise ConfigError(
                f"{what} cannot be decrypted with the key in {self.origin}: it was encrypted with another key. "
                f"Put the right key there, or add it as a further one (the first encrypts, all decrypt)."
            ) from None

    def digest(self, data: bytes) -> str:
        """Digest data with the first key, without which no trying tells what was digested; raises ConfigError if there is none."""
        self._cipher()
        return hashlib.blake2b(data, key=urlsafe_b64decode(self._keys[0]), digest_size=16).hexdigest()

    def seal(self, text: str) -> str:
        """A seal on a text that only who has the key can make, as 32 hexadecimal digits; raises ConfigError if there is none."""
        self._cipher()
        return _seal(self._keys[0], text)

    def is_sealed(self, text: str, seal: str) -> bool:
        """Whether a seal is one of these keys on a text; raises ConfigError if there is none."""
        self._cipher()
        return any(hmac.compare_digest(_seal(key, text).encode(), seal.encode()) for key in self._keys)

    def rotate(self, token: bytes, what: str) -> bytes:
        """Encrypt again with the first key what any of the keys decrypts; raises ConfigError if no key fits."""
        return self.encrypt(self.decrypt(token, what))

    def _cipher(self) -> "MultiFernet":
        if self.missing:
            raise ConfigError(lost_key(self.origin))
        if self._fernet is None:
            from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415 - as above

            try:
                self._fernet = MultiFernet([Fernet(key) for key in self._keys])
            except ValueError:
                raise ConfigError(
                    f"{self.origin}: no usable key. Each must be 32 bytes in URL-safe base64, "
                    "as `penstock init` makes them."
                ) from None
        return self._fernet


def _seal(key: str, text: str) -> str:
    return hashlib.blake2b(
        text.encode(), key=urlsafe_b64decode(key), digest_size=16, person=b"penstock seal"
    ).hexdigest()


def lost_key(path: str) -> str:
    """What to say where there is no key file, but what was encrypted with its key."""
    return (
        f"{path}: the key file is missing, and the database holds secrets that only its key opens. Put the file back from a backup, or "
        "copy it from another machine of this installation, or give its key in PENSTOCK_SECRET_KEY. If it is lost for good, "
        "`penstock db forget-secrets` names what it sealed, deletes that with --yes, and the next command makes a new key."
    )


def new_key() -> str:
    """A fresh random key."""
    from cryptography.fernet import Fernet  # noqa: PLC0415 - as above

    return Fernet.generate_key().decode()


def _make(path: Path) -> None:
    """Make the file whole or not at all: two processes that start together must agree on one key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(new_key() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
