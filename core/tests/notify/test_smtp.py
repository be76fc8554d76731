"""Alerts as mails, to a server that speaks just enough SMTP."""

import socket
import threading
from datetime import UTC, datetime
from email import message_from_bytes, policy

import msgspec
import pytest

from penstock.notify.smtp import SmtpNotifier
from penstock.spec.notifier import AlertMessage
from penstock.testing import NotifierSuite, runtime

MESSAGE = AlertMessage("k", "Run r of DAG d failed", "no box\n", datetime(2026, 3, 1, tzinfo=UTC))


@pytest.fixture
def server():
    """Takes mails, one session after the other."""
    listening, mails = socket.create_server(("127.0.0.1", 0)), []

    def serve():
        while True:
            try:
                session, _ = listening.accept()
            except OSError:
                return
            with session, session.makefile("rb") as lines:
                session.sendall(b"220 here\r\n")
                for line in lines:
                    if line.upper().startswith(b"DATA"):
                        session.sendall(b"354 go on\r\n")
                        taken = [each.removeprefix(b".") for each in iter(lines.readline, b".\r\n")]
                        mails.append(message_from_bytes(b"".join(taken), policy=policy.default))
                    session.sendall(b"221 bye\r\n" if line.startswith((b"QUIT", b"quit")) else b"250 fine\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    extra = "starttls=false&from_email=penstock%40acme.example"
    with runtime(connections={"smtp_default": f"smtp://127.0.0.1:{listening.getsockname()[1]}/?{extra}"}):
        yield mails
    listening.close()


def test_a_mail_says_what_happened_and_is_the_same_at_each_attempt(server):
    notifier = SmtpNotifier(to=["ops@acme.example", "boss@acme.example"])
    for _ in range(2):
        notifier.send(MESSAGE)
    notifier.send(msgspec.structs.replace(MESSAGE, to="ann@acme.example"))
    assert [(mail["Subject"], mail["From"], mail["To"], mail.get_content()) for mail in server[1:]] == [
        ("Run r of DAG d failed", "penstock@acme.example", to, "no box\r\n")
        for to in ("ops@acme.example, boss@acme.example", "ann@acme.example")
    ]
    first, second, other = (mail["Message-ID"] for mail in server)
    assert first == second != other


class TestSmtpNotifier(NotifierSuite):
    @pytest.fixture
    def notifier(self, server):
        return SmtpNotifier(to="ops@acme.example")

    @pytest.fixture
    def sent(self, server):
        return lambda: [f"{mail['Subject']}\n{mail.get_content()}".replace("\r\n", "\n") for mail in server]

    @pytest.fixture
    def away(self):
        with runtime(connections={"smtp_default": "smtp://127.0.0.1:9/?starttls=false"}):
            yield SmtpNotifier(to="ops@acme.example")
