"""Who vouches for a sender: headers of a trusted server, SendGrid's verdicts, and what follows from them."""

import pytest

from agent.mail.sender_trust import MAY, Trust, may
from channels.email_auth import read_auth, sendgrid_auth
from channels.email_mime import read_mime

ANA = "ana@ruiz.example"
GOOGLE = (
    "mx.google.com;\r\n       dkim=pass header.i=@ruiz.example header.s=s1 header.b=abc;\r\n       spf=pass "
    "(google.com: domain"
    " of ana@ruiz.example designates 192.0.2.1 as permitted sender; really) smtp.mailfrom=ana@ruiz.example;\r\n"
    "       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=ruiz.example"
)


def trust(*headers: str, ids: tuple[str, ...] = ("mx.google.com",), sender: str = ANA) -> Trust:
    raw = "".join(f"Authentication-Results: {each}\r\n" for each in headers) + f"From: {sender}\r\n\r\nhola"
    return read_auth(read_mime(raw.encode()), sender=sender, authserv_ids=ids).trust


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (GOOGLE, "proven"),
        ("mx.google.com; dmarc=pass header.from=ruiz.example", "proven"),
        ("mx.google.com 1; dkim=pass header.d=mail.ruiz.example", "proven"),
        ("MX.GOOGLE.COM; spf=pass smtp.mailfrom=bounce@ruiz.example", "proven"),
        ("mx.google.com; spf=pass smtp.mailfrom=bounce@esp.example; dkim=pass header.d=esp.example", "unknown"),
        ("mx.google.com; dkim=pass header.d=notruiz.example", "unknown"),
        ("mx.google.com; dkim=fail header.d=ruiz.example; spf=softfail smtp.mailfrom=ruiz.example", "unknown"),
        ("mx.google.com; dkim=none; spf=none; dmarc=none", "unknown"),
        ("mx.google.com; none", "unknown"),
        ("mx.google.com; spf=fail smtp.mailfrom=ruiz.example", "failed"),
        (
            "mx.google.com; dmarc=fail (p=REJECT) header.from=ruiz.example; spf=pass smtp.mailfrom=x@esp.example",
            "failed",
        ),
        ("mx.google.com; dkim=pass header.d=ruiz.example; dmarc=fail header.from=ruiz.example", "failed"),
        ("mx.google.com; dmarc=pass header.from=other.example", "unknown"),
        ("mx.evil.example; dmarc=pass header.from=ruiz.example", "unknown"),
        ("dmarc=pass header.from=ruiz.example", "unknown"),
        ("mx.google.com; dkim=fail header.d=a.example; dkim=pass header.d=ruiz.example", "proven"),
        ("", "unknown"),
        ("\x00;;=;(((;" * 50, "unknown"),
    ],
)
def test_verdicts_of_the_trusted_server_decide(results: str, expected: Trust) -> None:
    assert trust(results) == expected


def test_header_of_anybody_else_is_reported_and_not_believed() -> None:
    mail = read_mime(f"Authentication-Results: {GOOGLE}\r\nFrom: {ANA}\r\n\r\nhola".encode())
    auth = read_auth(mail, sender=ANA)
    assert (auth.spf, auth.dkim, auth.dmarc, auth.authserv_id) == ("pass", "pass", "pass", "mx.google.com")
    assert (auth.trusted, auth.trust) == (False, "unknown")


def test_forged_header_below_that_of_the_trusted_server_changes_nothing() -> None:
    assert trust("mx.google.com; dmarc=fail header.from=ruiz.example", GOOGLE) == "failed"


def test_verdict_of_spf_without_other_headers_is_reported() -> None:
    mail = read_mime(b"Received-SPF: Pass (mx: domain designates)\r\nFrom: a@b.example\r\n\r\nhola")
    auth = read_auth(mail, sender="a@b.example", authserv_ids=["mx"])
    assert (auth.spf, auth.trust) == ("pass", "unknown")


@pytest.mark.parametrize(
    ("spf", "dkim", "envelope_from", "expected"),
    [
        ("pass", "{@ruiz.example : pass}", ANA, "proven"),
        ("none", "{@mail.ruiz.example : pass, @esp.example : fail}", "x@esp.example", "proven"),
        ("pass", "none", ANA, "proven"),
        ("pass", "{@esp.example : pass}", "bounce@esp.example", "unknown"),
        ("pass", "none", "", "unknown"),
        ("softfail", "none", ANA, "unknown"),
        ("fail", "none", ANA, "failed"),
        ("fail", "{@ruiz.example : pass}", ANA, "proven"),
        ("", "", None, "unknown"),
    ],
)
def test_verdicts_of_sendgrid_decide(spf: str, dkim: str, envelope_from: str | None, expected: Trust) -> None:
    assert sendgrid_auth(spf, dkim, sender=ANA, envelope_from=envelope_from).trust == expected


def test_anybody_may_make_us_silent_and_nobody_unproven_may_make_us_write() -> None:
    assert {each for each in ("proven", "replying", "unknown", "failed") if may("opt_out", each)} == MAY["opt_out"]
    assert len(MAY["opt_out"]) == 4
    assert not may("opt_in", "unknown")
    assert not may("opt_in", "failed")
    assert not may("answer", "failed")
    assert not may("join_thread", "unknown")
