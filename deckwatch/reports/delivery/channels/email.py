"""By mail: the summary as HTML with a plain-text alternative, and the report attached.

TLS is as in Alertmanager: from the start on port 465, otherwise by STARTTLS, unless the receiver has `tls: false`.
"""

from __future__ import annotations

import smtplib
import ssl
from email.errors import HeaderParseError, MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, getaddresses, make_msgid
from typing import TYPE_CHECKING, Any

from deckwatch.core.connection_failure import describe_failure
from deckwatch.core.problems import DeckwatchError
from deckwatch.reports.delivery.message import one_line, read_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from deckwatch.reports.delivery.message import Message

_TIMEOUT_SECONDS = 30.0  # of each answer of the server
_TLS_PORT = 465
_LOCAL = ("localhost", "127.0.0.1", "::1", "[::1]")


def send(options: Mapping[str, Any], message: Message, folder: Path) -> None:
    """Send a mail; raises DeckwatchError if the server does not accept it for every recipient."""
    recipients = options["to"] if isinstance(options["to"], list) else [options["to"]]
    mail = build_mail(message, options["from"], recipients)
    server, use_tls = options["server"], options.get("tls", True)
    host, _, port = server.rpartition(":")
    login = None
    if "user" in options:
        login = options["user"], read_secret(options["password_file"], folder, "a password")
        if not "".join(login).isascii():  # smtplib
            raise DeckwatchError("email: expected a user and a password of ASCII letters")
        if not use_tls and int(port) != _TLS_PORT and host not in _LOCAL:
            raise DeckwatchError(f"the password is not sent to {server} without TLS: remove tls: false")
    try:
        refused = _send_mail(mail, host.strip("[]"), int(port), login, use_tls=use_tls)
    except (smtplib.SMTPException, OSError, ValueError) as error:
        reason = _describe_error(error, f"//{server}")
        raise DeckwatchError(f"{server} {_hide_password(reason, login)}") from None
    if refused:
        reasons = "; ".join(f"{name}: {_describe_reply(*reply)}" for name, reply in sorted(refused.items()))
        raise DeckwatchError(f"{server} refuses {_hide_password(reasons, login)}; the others have received the mail")


def build_mail(message: Message, sender: str, recipients: list[str]) -> EmailMessage:
    """Return the mail; raises DeckwatchError for what is not an address."""
    mail = EmailMessage(policy=SMTP)
    origin = list(_read_addresses([sender], "from"))
    if len(origin) != 1:
        raise DeckwatchError("email: from: expected one address, such as deckwatch@example.com")
    mail["From"] = origin[0]
    mail["To"] = list(_read_addresses(recipients, "to"))
    mail["Subject"] = one_line(message.subject)
    mail["Date"] = formatdate(localtime=True)
    mail["Message-ID"] = make_msgid(domain=origin[0].domain)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic replies
    attached = f"The whole report is attached: {one_line(message.file_name)}"
    mail.set_content(_replace_surrogates(f"{message.text}\n{attached}\n"))
    mail.add_alternative(_replace_surrogates(message.html), subtype="html")
    kind, _, subtype = message.file_type.partition("/")
    mail.add_attachment(message.content, maintype=kind, subtype=subtype, filename=one_line(message.file_name))
    return mail


def _replace_surrogates(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _read_addresses(texts: list[str], key: str) -> Iterator[Address]:
    """Yield the addresses in texts such as `Operations <operations@example.com>, a@example.com`."""
    for text in texts:
        found = getaddresses([text]) if one_line(text, len(text)) == text.strip() else []
        for name, address in found or [("", "")]:
            parsed = _parse_address(name, address)
            if parsed is None:
                shown = one_line(text)
                raise DeckwatchError(f"email: {key}: {shown!r} is not an address such as operations@example.com")
            yield parsed


def _parse_address(name: str, address: str) -> Address | None:
    local, _, domain = address.rpartition("@")
    if not local or not domain:
        return None
    try:
        return Address(name, addr_spec=address)
    except (ValueError, HeaderParseError, MessageError, IndexError):
        return None


def _send_mail(
    mail: EmailMessage, host: str, port: int, login: tuple[str, str] | None, *, use_tls: bool
) -> dict[str, tuple[int, bytes]]:
    """Send a mail and return the recipients that the server refuses, with its replies."""
    context = ssl.create_default_context()
    if port == _TLS_PORT:
        client: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT_SECONDS, context=context)
    else:
        client = smtplib.SMTP(host, port, timeout=_TIMEOUT_SECONDS)
    with client:
        if use_tls and port != _TLS_PORT:
            client.starttls(context=context)
        if login:
            client.login(*login)
        return _send_unchanged(client, mail)


def _send_unchanged(client: smtplib.SMTP, mail: EmailMessage) -> dict[str, tuple[int, bytes]]:
    """Send a mail; `send_message` would write >From where a line of the text begins with From."""
    sender, *recipients = (address.addr_spec for name in ("From", "To") for address in mail[name].addresses)
    is_international = not "".join([sender, *recipients]).isascii()
    content = mail.as_bytes(policy=SMTP.clone(utf8=is_international))
    options = ["SMTPUTF8", "BODY=8BITMIME"] if is_international else []
    return client.sendmail(sender, recipients, content, options)


def _describe_error(error: Exception, base: str) -> str:
    match error:
        case smtplib.SMTPRecipientsRefused():
            refused = "; ".join(f"{name}: {_describe_reply(*reply)}" for name, reply in error.recipients.items())
            return f"refuses {refused}"
        case smtplib.SMTPAuthenticationError():
            return f"refuses the login: {_describe_reply(error.smtp_code, error.smtp_error)}"
        case smtplib.SMTPResponseException() if error.smtp_code < 0:  # no reply of this protocol
            return "does not answer as a mail server"
        case smtplib.SMTPResponseException():
            return f"says {_describe_reply(error.smtp_code, error.smtp_error)}"
        case smtplib.SMTPNotSupportedError():
            return (
                "does not offer TLS: choose another port, or state tls: false"
                if "STARTTLS" in str(error)
                else str(error)
            )
        case smtplib.SMTPServerDisconnected() if isinstance(error.__context__, OSError):
            return f"does not answer: {describe_failure([error.__context__], base)}"
        case smtplib.SMTPException():
            return "does not answer as a mail server: " + one_line(str(error))
        case _:
            return f"does not answer: {describe_failure([error], base)}"


def _describe_reply(code: int, text: bytes | str) -> str:
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return one_line(f"{code} {shown}")


def _hide_password(text: str, login: tuple[str, str] | None) -> str:
    """Return a text without the password, which a server may repeat."""
    return text.replace(login[1], "*" * 8) if login else text
