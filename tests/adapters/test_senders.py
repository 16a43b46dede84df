"""Messages leave through a real local mail server or into files, once, and faults leave nothing behind."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.message import Message as Letter
from email.policy import default
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from adapters import smtp
from adapters.outbox import FileOutbox
from contracts.errors import SendError, SettingsError
from contracts.messages import Recipient, Sender, Text
from engines import email, linkedin
from settings import Settings

KEY = UUID(int=7)
ADA = Recipient(UUID(int=1), "ada@example.com", {"first_name": "Ada"})
MESSAGE = email.prepare(Text("Grüße, {first_name}. Shall we talk?", subject="{first_name}, a thought – für Sie"), ADA)


class Mailbox:
    """A mail server's handler that keeps what it takes. answers: to DATA, in order; then it takes everything."""

    def __init__(self) -> None:
        self.taken: list[Letter] = []
        self.answers: list[str] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("nobody"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answers:
            return self.answers.pop(0)
        self.taken.append(message_from_bytes(envelope.content, policy=default))
        return "250 taken"


def password(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    fits = isinstance(data, LoginPassword) and data.login == b"ada" and data.password == b"s3cr@t"
    return AuthResult(success=fits, handled=fits)


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    controller = Controller(
        box, hostname="127.0.0.1", port=port, authenticator=password, auth_require_tls=False, enable_SMTPUTF8=True
    )
    controller.start()
    yield box, port
    controller.stop()


def sender(port: int, login: str = "") -> Sender:
    found = smtp.from_settings(
        Settings(smtp_url=f"smtp://{login}127.0.0.1:{port}", mail_from="Ben of Acme <ben@acme.example>")
    )
    assert found is not None
    return found


def test_a_mail_server_takes_the_message_as_prepared(mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    receipt = sender(port, "ada:s3cr%40t@").send(MESSAGE, key=KEY)
    (letter,) = box.taken
    assert receipt.final
    assert letter["Message-ID"] == receipt.reference == f"<{KEY}@acme.example>"
    assert letter["Subject"] == MESSAGE.subject
    assert letter["To"] == "ada@example.com"
    assert letter["From"] == "Ben of Acme <ben@acme.example>"
    assert "unsubscribe" in letter["List-Unsubscribe"]
    assert letter.get_content().splitlines() == MESSAGE.body.splitlines()  # type: ignore[attr-defined]


def test_a_second_attempt_is_the_same_message_to_mailboxes(mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    box.answers = ["451 greylisted, come back"]
    with pytest.raises(SendError, match=r"451, which refuses .* for now"):
        sender(port).send(MESSAGE, key=KEY)
    assert box.taken == []
    assert sender(port).send(MESSAGE, key=KEY) == sender(port).send(MESSAGE, key=KEY)
    assert len({letter["Message-ID"] for letter in box.taken}) == 1


def test_refusals_are_sentences_without_secrets(mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    with pytest.raises(SendError, match="refuses the name or password") as wrong:
        sender(port, "ada:hunter2@").send(MESSAGE, key=KEY)
    assert "hunter2" not in str(wrong.value)
    with pytest.raises(SendError, match="refuses the recipient"):
        sender(port).send(replace(MESSAGE, to="nobody@example.com"), key=KEY)
    box.answers = ["554 spam"]
    with pytest.raises(SendError, match="for good"):
        sender(port).send(MESSAGE, key=KEY)
    with pytest.raises(SendError, match="cannot be reached"):
        sender(1).send(MESSAGE, key=KEY)
    assert "hunter2" not in repr(sender(port, "ada:hunter2@"))


@pytest.mark.parametrize("url", ["http://mail.example", "smtp://", "smtp://host:port", "ben@acme.example:s3cret"])
def test_addresses_that_are_no_mail_server(url: str) -> None:
    with pytest.raises(SettingsError, match="LEARNBACK_SMTP_URL") as told:
        smtp.from_settings(Settings(smtp_url=url, mail_from="ben@acme.example"))
    assert "s3cret" not in str(told.value)


def test_without_a_server_there_is_no_sender_and_without_a_name_none_either() -> None:
    assert smtp.from_settings(Settings(smtp_url="")) is None
    with pytest.raises(SettingsError, match="LEARNBACK_MAIL_FROM is not set"):
        smtp.from_settings(Settings(smtp_url="smtp://mail.example", mail_from=""))


def test_the_outbox_holds_each_touch_once_for_people_to_send(tmp_path: Path) -> None:
    outbox: Sender = FileOutbox(tmp_path / "outbox")
    ada = Recipient(UUID(int=1), "linkedin.com/in/ada", {})
    message = linkedin.prepare(Text("Hello"), ada)
    receipt = outbox.send(message, key=KEY)
    assert outbox.send(message, key=KEY) == receipt
    assert not receipt.final
    (path,) = (tmp_path / "outbox").rglob("*.json")
    assert str(path) == receipt.reference
    assert path.stat().st_mode & 0o077 == 0
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "touch_id": str(KEY),
        "channel": "linkedin",
        "to": "linkedin.com/in/ada",
        "subject": None,
        "body": "Hello",
        "template_id": message.template_id,
    }


def test_messages_with_faults_never_leave(tmp_path: Path) -> None:
    faulty = email.prepare(Text("", subject="x"), ADA)
    with pytest.raises(ValueError, match="not to be sent: The text is empty"):
        FileOutbox(tmp_path).send(faulty, key=KEY)
    with pytest.raises(ValueError, match="not to be sent"):
        sender(25).send(faulty, key=KEY)
    with pytest.raises(ValueError, match="is not e-mail"):
        sender(25).send(linkedin.prepare(Text("Hello"), replace(ADA, address="linkedin.com/in/ada")), key=KEY)
    assert list(tmp_path.iterdir()) == []


def test_an_outbox_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SendError, match="cannot be written"):
        FileOutbox(tmp_path / "file").send(MESSAGE, key=KEY)
