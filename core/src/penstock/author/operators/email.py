"""Mail as a task, over SMTP."""

import smtplib
import ssl
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from mimetypes import guess_type
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from penstock.author.hook import ConnectionReport, Hook
from penstock.author.operator import Operator
from penstock.errors import ErrorKind, FailTask, ProviderError

if TYPE_CHECKING:
    from penstock.author.run.context import Context

_TIMEOUT_S = 30.0
_STARTTLS_PORT, _TLS_PORT = 587, 465


class SmtpHook(Hook):
    """A client of a mail server; connection type ``smtp``.

    ``extra`` may hold ``ssl`` (TLS from the start; the default for port 465), ``starttls`` (default for other ports),
    ``timeout`` in seconds (30) and ``from_email``.
    """

    connection_type: ClassVar[str] = "smtp"
    default_conn_id: ClassVar[str] = "smtp_default"

    @property
    def sender(self) -> str:
        """The address mails come from: ``from_email`` of the connection, else its login."""
        return str(self.connection.extra.get("from_email", "")) or self.connection.login

    def send(self, message: EmailMessage) -> None:
        """Send a mail.

        Raises:
            penstock.errors.ProviderError: The server cannot be reached or refuses the mail or one of its receivers.
        """
        try:
            with self._open() as server:
                refused = server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise self._mapped("send", error) from error
        if refused:
            detail = "; ".join(
                f"{who}: {code} {text.decode(errors='replace')}" for who, (code, text) in refused.items()
            )
            raise ProviderError(f"refused: {detail}", service="smtp", operation="send", kind=ErrorKind.INVALID)

    def test_connection(self) -> ConnectionReport:
        """Log in and say NOOP."""
        from time import perf_counter  # noqa: PLC0415 - a duration, not the time

        endpoint = f"{self.connection.host}:{self._port()}"
        started = perf_counter()
        try:
            with self._open() as server:
                server.noop()
        except (OSError, smtplib.SMTPException) as error:
            return ConnectionReport(
                False, "", endpoint, (perf_counter() - started) * 1e3, str(self._mapped("login", error))
            )
        return ConnectionReport(
            True, self.connection.login, endpoint, (perf_counter() - started) * 1e3, "The server answers."
        )

    def _port(self) -> int:
        return self.connection.port or _STARTTLS_PORT

    def _open(self) -> smtplib.SMTP:
        connection, extra, port = self.connection, self.connection.extra, self._port()
        timeout = float(extra.get("timeout", _TIMEOUT_S))
        if extra.get("ssl", port == _TLS_PORT):
            tls = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(connection.host, port, timeout=timeout, context=tls)
        else:
            server = smtplib.SMTP(connection.host, port, timeout=timeout)
        try:
            if not isinstance(server, smtplib.SMTP_SSL) and extra.get("starttls", True):
                server.starttls(context=ssl.create_default_context())
            if connection.login:
                server.login(connection.login, connection.password)
        except BaseException:
            server.close()
            raise
        return server

    def _mapped(self, operation: str, error: Exception) -> ProviderError:
        kind, code, hint = ErrorKind.TRANSIENT, "", ""
        if isinstance(error, smtplib.SMTPAuthenticationError):
            kind, hint = ErrorKind.AUTH, f"Check login and password of the connection {self.conn_id!r}."
        elif isinstance(error, smtplib.SMTPNotSupportedError):
            kind, hint = (
                ErrorKind.INVALID,
                f'Set "starttls": false in the connection {self.conn_id!r} if that is meant.',
            )
        elif isinstance(error, TimeoutError):
            kind = ErrorKind.TIMEOUT
        elif (
            isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500
        ):  # 5yz: permanent, RFC 5321 4.2.1
            kind = ErrorKind.INVALID
        if isinstance(error, smtplib.SMTPResponseException):
            code = str(error.smtp_code)
        return ProviderError(
            str(error).rstrip("."), service="smtp", operation=operation, kind=kind, code=code, hint=hint
        )


class EmailOperator(Operator):
    """Sends a mail. A retry after the server took it sends it again: mail has no way to ask.

    Args:
        to: Receivers: a list, or text with commas or semicolons.
        subject: The subject.
        html_content: The body as HTML; a ``.html`` file beside the DAG file is read.
        text_content: The body as plain text, for readers without HTML.
        files: Paths of files to attach.
        cc, bcc: Further receivers.
        from_email: The sender; that of the connection unless given.
        conn_id: Connection of type ``smtp``.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("to", "subject", "html_content", "text_content", "files", "cc", "bcc")
    template_ext: ClassVar[Sequence[str]] = (".html",)

    def __init__(  # noqa: PLR0913 - the parts of a mail, each by name
        self,
        *,
        to: str | Sequence[str],
        subject: str,
        html_content: str = "",
        text_content: str = "",
        files: Sequence[str] = (),
        cc: str | Sequence[str] = (),
        bcc: str | Sequence[str] = (),
        from_email: str = "",
        conn_id: str = "smtp_default",
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.to, self.cc, self.bcc, self.subject = to, cc, bcc, subject
        self.html_content, self.text_content, self.files = html_content, text_content, files
        self.from_email, self.conn_id = from_email, conn_id

    def execute(self, context: "Context") -> None:  # noqa: ARG002 - the operator's interface
        """Write the mail and send it."""
        hook = SmtpHook(self.conn_id)
        hook.send(self.message(self.from_email or hook.sender))

    def message(self, sender: str) -> EmailMessage:
        """Build the mail.

        Raises:
            FailTask: It has no receiver or a file is missing.
        """
        if not _addresses(self.to):
            raise FailTask(f"{self}: `to` names no receiver: {self.to!r}")
        mail = new_mail(sender, self.subject, {"To": self.to, "Cc": self.cc, "Bcc": self.bcc})
        mail.set_content(self.text_content)
        if self.html_content:
            mail.add_alternative(self.html_content, subtype="html")
        for path in self.files:
            self._attach(mail, Path(path))
        return mail

    def _attach(self, mail: EmailMessage, path: Path) -> None:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise FailTask(f"{self}: the file {str(path)!r} cannot be attached: {error.strerror}") from None
        main, _, sub = (guess_type(path.name)[0] or "application/octet-stream").partition("/")
        mail.add_attachment(data, maintype=main, subtype=sub, filename=path.name)


def new_mail(
    sender: str, subject: str, receivers: Mapping[str, str | Sequence[str]], *, message_id: str = ""
) -> EmailMessage:
    """Make a mail without a body.

    Args:
        sender: Whom it is from.
        subject: The subject, which becomes one line.
        receivers: By header, such as ``To``, a list of addresses or text with commas or semicolons.
        message_id: Names it; a new one unless given.
    """
    mail = EmailMessage()
    mail["From"], mail["Subject"] = sender, " ".join(subject.splitlines())
    for header, given in receivers.items():
        if found := _addresses(given):
            mail[header] = ", ".join(found)
    mail["Date"], mail["Message-ID"] = formatdate(), message_id or make_msgid(domain="penstock.invalid")
    return mail


def _addresses(value: str | Sequence[str]) -> list[str]:
    parts = value.replace(";", ",").split(",") if isinstance(value, str) else value
    return [part.strip() for part in parts if part.strip()]
