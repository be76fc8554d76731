"""Alerts by mail, over the same hook as `penstock.EmailOperator`."""

import hashlib
from collections.abc import Sequence

from penstock.author.operators.email import SmtpHook, new_mail
from penstock.spec.notifier import AlertMessage


class SmtpNotifier:
    """Sends alerts as mails; channels of type ``smtp`` and ``mailto:`` addresses.

    A mail has the same Message-ID at each attempt, by which most mail systems drop a second one.

    Args:
        to: Receivers; those of a message with an address of its own are that address.
        conn_id: Connection of type ``smtp``.
        from_email: The sender; that of the connection unless given.
    """

    def __init__(self, to: str | Sequence[str] = (), conn_id: str = "smtp_default", from_email: str = "") -> None:
        self._to, self._conn_id, self._sender = to, conn_id, from_email

    def send(self, message: AlertMessage) -> None:
        """Send a message; raises ProviderError."""
        hook = SmtpHook(self._conn_id)
        to = message.to or self._to
        name = hashlib.blake2b(f"{message.key}|{message.at}|{to}".encode(), digest_size=16).hexdigest()
        mail = new_mail(self._sender or hook.sender, message.title, {"To": to}, message_id=f"<{name}@penstock.invalid>")
        mail.set_content(message.text)
        hook.send(mail)
