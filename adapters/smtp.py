"""E-mail through a mail server: one connection a message, encrypted, with a Message-ID that names its touch.

SMTP cannot promise "exactly once": a server may accept a message and its answer may be lost. The Message-ID follows
from the touch, so that a second attempt is the same message to every mailbox that looks.
"""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit
from uuid import UUID

from contracts.errors import SendError, SettingsError
from contracts.messages import Message, Receipt
from settings import Settings

SENDER = "smtp"
SECONDS = 30.0  # to wait for the server, at every step
PORTS = {"smtp": 587, "smtps": 465}
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts to which an unencrypted connection is allowed, where the server offers no encryption."""


@dataclass(frozen=True, slots=True, repr=False)
class SmtpSender:
    """Sends through one server. repr is off: it would show the password."""

    host: str
    port: int
    sender: Address
    encrypted: bool = False  # from the first byte; otherwise STARTTLS
    name: str = ""
    password: str = ""

    def send(self, message: Message, *, key: UUID) -> Receipt:
        """Hand over one e-mail. Raises ValueError where it has faults, SendError where the server does not take it."""
        if not message.sendable or message.channel != "email":
            raise ValueError(message.because if not message.sendable else f"{message.channel} is not e-mail")
        letter = self.letter(message, key)
        try:
            with self._connected() as server:
                server.send_message(letter)
        except smtplib.SMTPRecipientsRefused:
            raise SendError(f"{self.host} refuses the recipient of touch {key}", do="Check the address") from None
        except smtplib.SMTPAuthenticationError:
            raise SendError(f"{self.host} refuses the name or password", do="Check LEARNBACK_SMTP_URL") from None
        except smtplib.SMTPResponseException as error:
            kind = "for now" if 400 <= error.smtp_code < 500 else "for good"
            raise SendError(f"{self.host} answered {error.smtp_code}, which refuses touch {key} {kind}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise SendError(
                f"{self.host}:{self.port} cannot be reached ({type(error).__name__})",
                do="Check LEARNBACK_SMTP_URL; nothing was sent",
            ) from None
        return Receipt(SENDER, str(letter["Message-ID"]), final=True)

    def letter(self, message: Message, key: UUID) -> EmailMessage:
        """The e-mail with its headers; a List-Unsubscribe that mail programs show as a button."""
        letter = EmailMessage()
        letter["From"] = self.sender
        letter["To"] = Address(addr_spec=message.to)
        letter["Subject"] = message.subject or ""
        letter["Message-ID"] = f"<{key}@{self.sender.domain}>"
        letter["List-Unsubscribe"] = f"<mailto:{self.sender.addr_spec}?subject=unsubscribe>"
        letter.set_content(message.body)
        return letter

    def _connected(self) -> smtplib.SMTP:
        secure = ssl.create_default_context()
        if self.encrypted:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=secure)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=SECONDS)
        try:
            self._introduce(server, secure)
        except BaseException:
            server.close()
            raise
        return server

    def _introduce(self, server: smtplib.SMTP, secure: ssl.SSLContext) -> None:
        server.ehlo()
        if not self.encrypted and server.has_extn("starttls"):
            server.starttls(context=secure)
        elif not self.encrypted and self.host not in LOCAL:
            raise SendError(f"{self.host} offers no encryption", do="Use a server that does, or smtps://")
        if self.name:
            server.login(self.name, self.password)


def from_settings(settings: Settings) -> SmtpSender | None:
    """The mail server of LEARNBACK_SMTP_URL; None where none is set. Raises SettingsError, never with the address."""
    if settings.smtp_url is None:
        return None
    wanted = "smtp://name:password@host:587 is wanted"
    try:
        parts = urlsplit(settings.smtp_url.get_secret_value())
        port = parts.port
    except ValueError:
        raise SettingsError("LEARNBACK_SMTP_URL cannot be read", wanted=wanted) from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise SettingsError("LEARNBACK_SMTP_URL is no address of a mail server", wanted=wanted)
    return SmtpSender(
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        sender=_sender(settings.mail_from),
        encrypted=parts.scheme == "smtps",
        name=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _sender(text: str | None) -> Address:
    name, spec = parseaddr(text or "")
    try:
        return Address(display_name=name, addr_spec=spec)
    except (ValueError, IndexError):
        raise SettingsError(
            f"LEARNBACK_MAIL_FROM is {text or 'not set'}", wanted="a sender such as `Ada <ada@example.com>` is wanted"
        ) from None
