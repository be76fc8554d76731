"""The token of a connection: shared by the threads of a process, and by the processes that share a folder.

A login for each task would meet the limit of logins (3,600 an hour and user, Salesforce Help, "Login rate"), and a refresh token
that was used may be void: whoever renews does so under a lock, and looks first whether another has done it.
"""

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from penstock_salesforce.connections import SalesforceFields
from penstock_salesforce.hooks.grants import Token, log_in


class TokenKeeper:
    """Keeps the token of one connection.

    Args:
        fields: The connection.
    """

    def __init__(self, fields: SalesforceFields) -> None:
        self._fields, self._token = fields, None
        self._renewing = threading.Lock()
        secrets = (fields.client_id, fields.client_secret, fields.private_key, fields.refresh_token, fields.password)
        digest = hashlib.sha256("\0".join((fields.host, fields.username, *secrets)).encode()).digest()
        self._key = base64.urlsafe_b64encode(digest)
        self._name = hashlib.sha256(b"name of " + digest).hexdigest()[:32]

    _token: Token | None

    def get(self) -> Token:
        """The token; the first one asks for it.

        Raises:
            penstock_salesforce.errors.AnswerError: Salesforce refuses.
        """
        return self._token or self.renew(None)

    def renew(self, stale: Token | None) -> Token:
        """Another token than one that is no longer valid.

        Args:
            stale: The token that was refused; None if there was none.

        Raises:
            penstock_salesforce.errors.AnswerError: Salesforce refuses.
        """
        with self._renewing:
            if self._token is not None and self._token != stale:
                return self._token
            with self._folder_locked() as path:
                kept = self._read(path)
                if kept is None or kept == stale:
                    kept = log_in(self._fields, (kept or stale or Token("", "", self._fields.refresh_token)).refresh)
                    self._write(path, kept)
                self._token = kept
                return kept

    @contextlib.contextmanager
    def _folder_locked(self) -> Iterator[Path | None]:
        if not self._fields.token_folder:
            yield None
            return
        folder = Path(self._fields.token_folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / f"{self._name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a process that dies lets it go
            yield folder / f"{self._name}.token"

    def _read(self, path: Path | None) -> Token | None:
        from cryptography.fernet import Fernet, InvalidToken  # noqa: PLC0415 - on first use

        if path is None or not path.exists():
            return None
        try:
            return Token(*json.loads(Fernet(self._key).decrypt(path.read_bytes())))
        except (InvalidToken, ValueError, TypeError):
            return None  # not ours, or damaged: a login makes it anew

    def _write(self, path: Path | None, token: Token) -> None:
        from cryptography.fernet import Fernet  # noqa: PLC0415 - on first use

        if path is None:
            return
        beside = path.with_suffix(".new")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123 - with its mode
            file.write(Fernet(self._key).encrypt(json.dumps(list(token)).encode()))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
