"""The mails we write: threaded, marked as automatic, and closed to injection."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Misconfigured, Permanent
from agent.types import MessageId, OutboundMessage, TenantId
from channels.email_body import body_text
from channels.email_outbound import SmtpServer, compose, parse_smtp_url

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
ID = MessageId(UUID("01932c8e-0000-7000-8000-000000000001"))
OUTLOOK_ID = "<AM9PR04MB8300A1B2C3D4E5F60718293A4B5C6D7E8F90123456789@AM9PR04MB8300.eurprd04.prod.outlook.example>"


def outbound(**changes: Any) -> OutboundMessage:
    values: dict[str, Any] = {
        "id": ID,
        "tenant_id": TenantId(UUID(int=1)),
        "provider": "email",
        "channel": "email",
        "sender": "hola@lumen.example",
        "recipient": "ana@ruiz.example",
        "text": "¡Hola, Ana!\n\nEl B2 cuesta 120 €.\n.\nLumen <escuela>",
        "subject": "¿Curso B2?",
        "in_reply_to": "<b@ruiz.example>",
        "references": ("<a@lumen.example>", "<b@ruiz.example>"),
    }
    return OutboundMessage(**(values | changes))


def written(**changes: Any) -> EmailMessage:
    """The mail as it leaves, read again by the standard library."""
    return message_from_bytes(compose(outbound(**changes), NOW).as_bytes(), policy=policy.default)


def test_reply_is_threaded_and_marked_as_automatic() -> None:
    mail = written()
    assert dict(mail.items()) == {
        "From": "hola@lumen.example",
        "To": "ana@ruiz.example",
        "Subject": "Re: ¿Curso B2?",
        "Date": "Sat, 21 Nov 2026 03:00:00 +0000",
        "Message-ID": f"<{ID}@lumen.example>",
        "In-Reply-To": "<b@ruiz.example>",
        "References": "<a@lumen.example> <b@ruiz.example>",
        "Auto-Submitted": "auto-replied",
        "X-Auto-Response-Suppress": "All",
        "MIME-Version": "1.0",
        "Content-Type": mail["Content-Type"],
    }
    assert mail.get_content_type() == "multipart/alternative"


def test_first_touch_has_no_thread_and_keeps_its_subject() -> None:
    mail = written(in_reply_to=None, references=())
    assert mail["Subject"] == "¿Curso B2?"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "References" not in mail
    assert "In-Reply-To" not in mail


def test_both_bodies_say_the_same_and_html_is_escaped() -> None:
    mail = written()
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().splitlines() == ["¡Hola, Ana!", "", "El B2 cuesta 120 €.", ".", "Lumen <escuela>"]
    assert "<p>El B2 cuesta 120 €.<br>\r\n.<br>\r\nLumen &lt;escuela&gt;</p>" in html.get_content()
    assert body_text(mail).strip() == "¡Hola, Ana!\n\nEl B2 cuesta 120 €.\n.\nLumen <escuela>"


def test_what_leaves_is_plain_ascii_in_short_lines() -> None:
    raw = compose(outbound(text="ção " * 2_000, references=(OUTLOOK_ID,) * 3), NOW).as_bytes()
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 300


def test_long_message_ids_are_written_as_they_are() -> None:
    raw = compose(outbound(in_reply_to=OUTLOOK_ID, references=("<a@b.example>", OUTLOOK_ID)), NOW).as_bytes()
    assert f"In-Reply-To: {OUTLOOK_ID}\r\n".encode() in raw
    assert f"References: <a@b.example>\r\n {OUTLOOK_ID}\r\n".encode() in raw


def test_long_thread_keeps_its_first_and_latest_mails() -> None:
    references = tuple(f"<{n}@lumen.example>" for n in range(100))
    ids = written(references=references)["References"].split()
    assert len(ids) == 20
    assert (ids[0], ids[-2], ids[-1]) == ("<0@lumen.example>", "<99@lumen.example>", "<b@ruiz.example>")


@pytest.mark.parametrize(
    ("subject", "expected"),
    [("Curso", "Re: Curso"), ("Re: Curso", "Re: Curso"), ("RES: Curso", "RES: Curso"), ("re : x", "re : x"),
     ("Regalo", "Re: Regalo"), ("", "Re:"), (None, "Re:"), ("a\r\nBcc: x@y.example", "Re: a Bcc: x@y.example")],
)  # fmt: skip
def test_subject_is_that_of_the_thread(subject: str | None, expected: str) -> None:
    assert written(subject=subject)["Subject"] == expected


@given(
    st.text(max_size=80),
    st.text(max_size=80),
    st.lists(st.text(max_size=80), max_size=3),
    st.text(max_size=200),
)
def test_no_text_can_add_a_header(subject: str, parent: str, references: list[str], text: str) -> None:
    mail = written(
        subject=f"x\r\nBcc: evil@x.example\r\n\r\n{subject}",
        in_reply_to=f"<b@ruiz.example>\r\nBcc: evil@x.example{parent}",
        references=tuple(f"<c@d.example>\nBcc: {each}" for each in references),
        text=text,
    )
    assert {name.lower() for name in mail} <= {
        "from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted",
        "x-auto-response-suppress", "mime-version", "content-type",
    }  # fmt: skip
    assert not mail.defects


@pytest.mark.parametrize(
    "address",
    ["ana", "ana@", "ana@ruiz.example\r\nBcc: x@y.example", "a@b.example, c@d.example", "josé@ruiz.example", "",
     "ana@" + "ñ" * 70 + ".example"],
)  # fmt: skip
def test_address_we_cannot_write_to_is_permanent(address: str) -> None:
    with pytest.raises(Permanent, match="not an e-mail address") as refusal:
        compose(outbound(recipient=address), NOW)
    assert refusal.value.code == "5.1.3"


def test_international_domain_is_written_in_ascii() -> None:
    assert written(recipient="ana@ñandú.example")["To"] == "ana@xn--and-6ma2c.example"


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", SmtpServer(host="mail.example", port=587, tls="always")),
        ("smtps://mail.example", SmtpServer(host="mail.example", port=465, tls="implicit")),
        ("smtp://127.0.0.1:1025", SmtpServer(host="127.0.0.1", port=1025, tls="auto")),
        ("smtp://relay:25?starttls=never", SmtpServer(host="relay", port=25, tls="never")),
        (
            "smtp://us%40er:p%3Aw%2F@mail.example:2525?starttls=auto",
            SmtpServer(host="mail.example", port=2525, tls="auto", username="us@er", password="p:w/"),
        ),
    ],
)
def test_smtp_url_is_read(url: str, server: SmtpServer) -> None:
    assert parse_smtp_url(url) == server


@pytest.mark.parametrize(
    "url", ["", "mail.example:25", "http://mail.example", "smtp://", "smtp://x:secret@", "smtp://h:port", "smtp://h:99999",
            "smtp://u:secret@h?starttls=perhaps", "smtp://[::1"]
)  # fmt: skip
def test_bad_smtp_url_names_the_fix_and_not_the_password(url: str) -> None:
    with pytest.raises(Misconfigured) as problem:
        parse_smtp_url(url)
    assert "SMTP_URL" in str(problem.value)
    assert "secret" not in str(problem.value)
