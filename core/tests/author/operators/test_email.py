"""Mails over a real socket, to a server that speaks just enough SMTP."""

import socket
import threading
from email import message_from_bytes, policy

import pytest

from penstock import EmailOperator
from penstock.author.operators.email import SmtpHook
from penstock.errors import FailTask, ProviderError
from penstock.testing import runtime


class MailServer(threading.Thread):
    """Takes one session after another; ``refuses`` are the answers to commands by their first word."""

    def __init__(self, refuses):
        super().__init__(daemon=True)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.refuses, self.mails, self.receivers = refuses, [], []
        self.start()

    def run(self):
        while True:
            try:
                session, _ = self.listening.accept()
            except OSError:
                return
            with session, session.makefile("rb") as lines:
                session.sendall(b"220 here\r\n")
                self._serve(session, lines)

    def _serve(self, session, lines):
        for line in lines:
            word = line.split()[0].upper().decode()
            if word == "RCPT":
                self.receivers.append(line.decode().partition("<")[2].partition(">")[0])
            if word == "DATA" and word not in self.refuses:
                session.sendall(b"354 go on\r\n")
                mail = b"".join(iter(lines.readline, b".\r\n"))
                self.mails.append(message_from_bytes(mail, policy=policy.default))
            answer = {"EHLO": "250-here\r\n250 AUTH PLAIN", "AUTH": "235 welcome", "QUIT": "221 bye"}.get(
                word, "250 fine"
            )
            session.sendall(f"{self.refuses.get(word, answer)}\r\n".encode())


@pytest.fixture
def serve():
    servers = []

    def run(**refuses):
        servers.append(MailServer(refuses))
        return servers[-1]

    yield run
    for server in servers:
        server.listening.close()


def smtp_runtime(server, **extra):
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": server.port, "login": "me@x.org", "password": "pw"}
    return runtime(connections={"smtp_default": {**connection, "extra": {"starttls": False, "timeout": 5, **extra}}})


def test_a_mail_has_its_receivers_both_bodies_and_its_attachments(serve, tmp_path):
    (tmp_path / "report.csv").write_text("a,b\n")
    server = serve()
    task = EmailOperator(
        task_id="t", to="a@x.org; b@x.org", bcc=["c@x.org"], subject="Two\nlines", html_content="<b>hi</b>",
        text_content="hi", files=[str(tmp_path / "report.csv")],
    )  # fmt: skip
    with smtp_runtime(server):
        task.execute({})
    (mail,) = server.mails
    assert (mail["From"], mail["To"], mail["Subject"], mail["Bcc"]) == (
        "me@x.org",
        "a@x.org, b@x.org",
        "Two lines",
        None,
    )
    assert server.receivers == ["a@x.org", "b@x.org", "c@x.org"]
    assert mail.get_body(("html",)).get_content().strip() == "<b>hi</b>"
    assert mail.get_body(("plain",)).get_content().strip() == "hi"
    assert [part.get_filename() for part in mail.iter_attachments()] == ["report.csv"]


@pytest.mark.parametrize(
    ("refuses", "kind"),
    [
        pytest.param({"AUTH": "535 no"}, "auth", id="credentials"),
        pytest.param({"DATA": "554 no"}, "invalid", id="for good"),
        pytest.param({"DATA": "451 later"}, "transient", id="for now"),
        pytest.param({"MAIL": "421 closing"}, "transient", id="busy"),
    ],
)
def test_what_the_server_says_decides_about_a_retry(serve, refuses, kind):
    with smtp_runtime(serve(**refuses)), pytest.raises(ProviderError) as caught:
        EmailOperator(task_id="t", to="a@x.org", subject="s").execute({})
    assert caught.value.kind == kind
    assert "pw" not in str(caught.value)


def test_a_mail_without_receivers_or_with_a_missing_file_fails_for_good(tmp_path):
    with pytest.raises(FailTask, match="names no receiver"):
        EmailOperator(task_id="t", to=" ; ", subject="s").message("me@x.org")
    with pytest.raises(FailTask, match="cannot be attached: No such file"):
        EmailOperator(task_id="t", to="a@x.org", subject="s", files=[str(tmp_path / "no")]).message("me@x.org")


def test_a_server_without_tls_is_told_in_one_sentence_with_the_remedy(serve):
    with smtp_runtime(serve(), starttls=True), pytest.raises(ProviderError) as caught:
        EmailOperator(task_id="t", to="a@x.org", subject="s").execute({})
    assert 'not supported by server. Set "starttls": false in the connection' in str(caught.value)


def test_the_connection_test_tells_what_it_found(serve):
    with smtp_runtime(serve()):
        assert SmtpHook().test_connection()[:2] == (True, "me@x.org")
    with smtp_runtime(serve(AUTH="535 no")):
        report = SmtpHook().test_connection()
    assert not report.ok
    assert "Check login and password of the connection 'smtp_default'" in report.detail
