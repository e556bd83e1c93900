"""Reports about our own mails: by the book, in prose, and what only resembles them."""

import pytest

from agent.mail.arriving import Bounce, InboundMail
from channels.email_inbound import parse_mime
from tests.unit.mail_reports import EXIM, OURS, POSTFIX, RECIPIENT, REPORTS


def read(raw: bytes, envelope_from: str | None = None) -> InboundMail:
    return parse_mime(raw, envelope_from=envelope_from, envelope_to=["hola@lumen.example"])


@pytest.mark.parametrize(("raw", "action", "status"), REPORTS.values(), ids=REPORTS.keys())
def test_report_tells_which_mail_of_ours_fared_how(raw: bytes, action: str, status: str | None) -> None:
    inbound = read(raw)
    assert inbound.message.automatic
    assert inbound.bounce is not None
    assert (
        inbound.bounce.action,
        inbound.bounce.status,
        inbound.bounce.recipient,
        inbound.bounce.original_message_id,
    ) == (
        action,
        status,
        RECIPIENT,
        OURS,
    )


def test_report_by_the_book_carries_the_servers_own_words() -> None:
    bounce = read(POSTFIX).bounce
    assert bounce is not None
    assert (bounce.standard, bounce.diagnostic) == (True, "550 5.1.1 <ana@ruiz.example>: User unknown")


def test_report_in_prose_says_that_it_was_read_from_prose() -> None:
    bounce = read(EXIM).bounce
    assert bounce is not None
    assert (bounce.standard, bounce.diagnostic) == (False, "550 No such user here")


def test_worst_of_several_recipients_counts() -> None:
    second = b"Final-Recipient: rfc822; b@x.example\r\nAction: delivered\r\nStatus: 2.0.0\r\n\r\n"
    bounce = read(POSTFIX.replace(b"Final-Recipient", second + b"Final-Recipient", 1)).bounce
    assert bounce is not None
    assert (bounce.action, bounce.recipient) == ("failed", RECIPIENT)


def test_report_without_any_address_in_from_is_still_read() -> None:
    inbound = read(POSTFIX.replace(b"MAILER-DAEMON@mx.lumen.example", b"MAILER-DAEMON"))
    assert inbound.bounce is not None
    assert inbound.message.sender == "mailer-daemon@unknown.invalid"


@pytest.mark.parametrize(
    "raw",
    [
        b"From: ana@ruiz.example\r\nSubject: Undelivered Mail\r\n\r\nI got 'message could not be delivered'. Why?",
        b"From: ana@ruiz.example\r\nSubject: Delivery status\r\n\r\nWhen will my order be delivered?",
        b"From: mailer-daemon@ruiz.example\r\nSubject: Monthly summary\r\n\r\nAll queues are empty.",
    ],
    ids=["a person asks about a bounce", "a person asks about a parcel", "a machine tells something else"],
)
def test_mail_that_reports_nothing_of_ours_is_no_bounce(raw: bytes) -> None:
    assert read(raw, "ana@ruiz.example").bounce is None


def test_out_of_office_notice_is_no_bounce() -> None:
    raw = (
        b"From: ana@ruiz.example\r\nReturn-Path: <>\r\nAuto-Submitted: auto-replied\r\n"
        b"Subject: Fuera de la oficina\r\n\r\nVuelvo el lunes."
    )
    inbound = read(raw)
    assert (inbound.message.automatic, inbound.bounce) == (True, None)


def test_bounce_has_no_fields_it_was_not_told() -> None:
    raw = b"From: mailer-daemon@x.example\r\nSubject: Undelivered Mail Returned to Sender\r\n\r\nSorry."
    assert read(raw).bounce == Bounce(action="failed", standard=False)
