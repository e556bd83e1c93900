"""The mails we write: threaded, marked as automatic, and closed to injection."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Misconfigured, Permanent
from agent.types import Letterhead, MessageId, OutboundMessage, TenantId
from channels.email_body import body_text
from channels.email_letter import MailRoutes, write_letter
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


TOKEN = "abcdefghijklmnopqrstuvwxyz"[:26]
ROUTES = MailRoutes(public_url="https://agent.example", reply_to="plus")
SIGNED = Letterhead(
    sender_name="Lumen Idiomas", language="es", signature="Lumen\nhttps://lumen.example", reply_token=TOKEN
)
PROACTIVE = replace(SIGNED, is_proactive=True, unsubscribe_token=TOKEN[::-1])


def raw(routes: MailRoutes = ROUTES, **changes: Any) -> bytes:
    """The mail as it leaves."""
    return compose(write_letter(outbound(**changes), routes), NOW).as_bytes()


def written(routes: MailRoutes = ROUTES, **changes: Any) -> EmailMessage:
    """The mail as it leaves, read again by the standard library."""
    return message_from_bytes(raw(routes, **changes), policy=policy.default)


def bodies(mail: EmailMessage) -> tuple[str, str]:
    """The plain and the HTML body, with plain line breaks."""
    found = [mail.get_body((kind,)) for kind in ("plain", "html")]
    plain, html = (part.get_content().replace("\r\n", "\n") for part in found if part is not None)
    return plain, html


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
    sent = raw(text="ção " * 2_000, references=(OUTLOOK_ID,) * 3, letterhead=PROACTIVE)
    assert sent.isascii()
    assert max(map(len, sent.split(b"\r\n"))) <= 300


def test_long_message_ids_are_written_as_they_are() -> None:
    sent = raw(in_reply_to=OUTLOOK_ID, references=("<a@b.example>", OUTLOOK_ID))
    assert f"In-Reply-To: {OUTLOOK_ID}\r\n".encode() in sent
    assert f"References: <a@b.example>\r\n {OUTLOOK_ID}\r\n".encode() in sent


def test_id_that_we_gave_to_a_mail_without_one_is_not_referred_to() -> None:
    mail = written(in_reply_to="<00ff@nightshift.invalid>", references=("<00ff@nightshift.invalid>",))
    assert "In-Reply-To" not in mail
    assert "References" not in mail
    assert mail["Auto-Submitted"] == "auto-replied"


def test_long_thread_keeps_its_first_and_latest_mails() -> None:
    references = tuple(f"<{n}@lumen.example>" for n in range(100))
    ids = written(references=references)["References"].split()
    assert len(ids) == 20
    assert (ids[0], ids[-2], ids[-1]) == ("<0@lumen.example>", "<99@lumen.example>", "<b@ruiz.example>")


@pytest.mark.parametrize(
    ("subject", "expected"),
    [("Curso", "Re: Curso"), ("Re: Curso", "Re: Curso"), ("RES: Curso", "RES: Curso"), ("re : x", "re : x"),
     ("Re: RE: Re[2]: AW: Curso", "Re: Curso"), ("RV: Curso", "Re: RV: Curso"),
     ("Regalo", "Re: Regalo"), ("", "Re:"), (None, "Re:"), ("a\r\nBcc: x@y.example", "Re: a Bcc: x@y.example")],
)  # fmt: skip
def test_subject_is_that_of_the_thread(subject: str | None, expected: str) -> None:
    assert written(subject=subject)["Subject"] == expected


@given(
    st.text(max_size=80),
    st.text(max_size=80),
    st.lists(st.text(max_size=80), max_size=3),
    st.text(max_size=200),
    st.text(max_size=80),
)
def test_no_text_can_add_a_header(subject: str, parent: str, references: list[str], text: str, name: str) -> None:
    mail = written(
        letterhead=replace(PROACTIVE, sender_name=f"x\r\nBcc: evil@x.example\r\n{name}", signature=text),
        subject=f"x\r\nBcc: evil@x.example\r\n\r\n{subject}",
        in_reply_to=f"<b@ruiz.example>\r\nBcc: evil@x.example{parent}",
        references=tuple(f"<c@d.example>\nBcc: {each}" for each in references),
        text=text,
    )
    assert {name.lower() for name in mail} <= {
        "from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted",
        "x-auto-response-suppress", "mime-version", "content-type", "reply-to", "list-unsubscribe",
        "list-unsubscribe-post",
    }  # fmt: skip
    assert not mail.defects


@pytest.mark.parametrize(
    "address",
    ["ana", "ana@", "ana@ruiz.example\r\nBcc: x@y.example", "a@b.example, c@d.example", "josé@ruiz.example", "",
     "ana@" + "ñ" * 70 + ".example"],
)  # fmt: skip
def test_address_we_cannot_write_to_is_permanent(address: str) -> None:
    with pytest.raises(Permanent, match="not an e-mail address") as refusal:
        write_letter(outbound(recipient=address), ROUTES)
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


# --- letterhead -------------------------------------------------------------------------------------------------


def test_answer_is_signed_and_names_where_to_write_back() -> None:
    mail = written(letterhead=SIGNED)
    assert mail["From"] == "Lumen Idiomas <hola@lumen.example>"
    assert mail["Reply-To"] == f"hola+{TOKEN}@lumen.example"
    assert "List-Unsubscribe" not in mail
    plain, html = bodies(mail)
    assert plain.endswith("Lumen <escuela>\n\n-- \nLumen\nhttps://lumen.example\n")
    assert '<p>-- <br>\nLumen<br>\n<a href="https://lumen.example">https://lumen.example</a></p>' in html


def test_name_that_is_no_ascii_is_encoded() -> None:
    assert b"From: =?utf-8?b?QcOnYcOt?= <hola@lumen.example>" in raw(letterhead=replace(SIGNED, sender_name="Açaí"))
    mail = written(letterhead=replace(SIGNED, sender_name='Açaí, "Ltda."'))
    (address,) = mail["From"].addresses
    assert (address.display_name, address.addr_spec) == ('Açaí, "Ltda."', "hola@lumen.example")


def test_mail_nobody_asked_for_offers_one_click_and_a_mail_to_leave() -> None:
    sent = raw(letterhead=PROACTIVE, in_reply_to="<b@ruiz.example>")
    url = f"https://agent.example/unsubscribe/{TOKEN[::-1]}"
    mailto = f"<mailto:hola+{TOKEN[::-1]}@lumen.example?subject=unsubscribe>"
    assert f"List-Unsubscribe: <{url}>,\r\n {mailto}\r\n".encode() in sent
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in sent
    mail = message_from_bytes(sent, policy=policy.default)
    assert mail["Auto-Submitted"] == "auto-generated", "it answers nothing, though it stands in a thread"
    plain, html = bodies(mail)
    assert plain.endswith(f"¿No quieres más correos de Lumen Idiomas? Puedes darte de baja aquí: {url}\n")
    assert f'<a href="{url}">{url}</a></small></p>' in html


@pytest.mark.parametrize(
    ("routes", "headers", "reply_to", "words"),
    [
        (
            MailRoutes(public_url="http://127.0.0.1:8000"),
            {"List-Unsubscribe": f"<mailto:hola+{TOKEN[::-1]}@lumen.example?subject=unsubscribe>"},
            f"hola+{TOKEN}@lumen.example",
            "Responde BAJA.",
        ),
        (
            MailRoutes(reply_to="plain"),
            {"List-Unsubscribe": "<mailto:hola@lumen.example?subject=unsubscribe>"},
            None,
            "Responde BAJA.",
        ),
        (
            MailRoutes(reply_to="in.lumen.example"),
            {"List-Unsubscribe": f"<mailto:reply+{TOKEN[::-1]}@in.lumen.example?subject=unsubscribe>"},
            f"reply+{TOKEN}@in.lumen.example",
            "Responde BAJA.",
        ),
    ],
    ids=["no https, no one-click", "no subaddressing", "a domain of ours"],
)
def test_ways_back_follow_the_settings(
    routes: MailRoutes, headers: dict[str, str], reply_to: str | None, words: str
) -> None:
    mail = written(routes, letterhead=PROACTIVE)
    assert {name: value for name, value in mail.items() if name.startswith("List-")} == headers
    assert mail["Reply-To"] == reply_to
    assert words in bodies(mail)[0]


def test_mail_of_a_person_is_not_marked_as_automatic() -> None:
    mail = written(letterhead=replace(SIGNED, is_automatic=False))
    assert "Auto-Submitted" not in mail
    assert "X-Auto-Response-Suppress" not in mail


def test_first_touch_without_a_subject_is_named_after_who_writes() -> None:
    assert written(subject=None, in_reply_to=None, letterhead=SIGNED)["Subject"] == "Lumen Idiomas"
