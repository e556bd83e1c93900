"""SendGrid Inbound Parse: the form byte for byte, and its signature."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import BadRequest
from channels import email_sendgrid
from channels.email_sendgrid import PostedMail, parse_multipart, parse_sendgrid_form
from channels.email_signature import MAX_AGE_S, sign_sendgrid, verify_sendgrid
from tests.doubles.sendgrid_webhooks import generate_keypair

FORM = "multipart/form-data; boundary=xYzZY"
NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))


def form(fields: dict[str, bytes], boundary: bytes = b"xYzZY") -> bytes:
    parts = [
        b"--" + boundary + b'\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n\r\n' + value
        for name, value in fields.items()
    ]
    return b"\r\n".join([*parts, b"--" + boundary + b"--\r\n"])


@given(st.dictionaries(st.sampled_from(["email", "envelope", "to", "dkim"]), st.binary(max_size=300), min_size=1))
def test_form_fields_come_back_byte_for_byte(fields: dict[str, bytes]) -> None:
    boundary = "a-boundary-that-no-generated-value-contains"
    body = form(fields, boundary.encode())
    assert parse_multipart(f"multipart/form-data; boundary={boundary}", body) == fields


def test_files_and_other_part_headers_do_not_matter() -> None:
    body = (
        b'--xYzZY\r\nContent-Type: message/rfc822\r\nCONTENT-disposition: form-data; filename="a"; name="email"\r\n\r\n'
        b"\xff\xfe\r\n--xYzZ\r\n--xYzZY--"
    )
    assert parse_multipart('Multipart/Form-Data; Boundary="xYzZY"', body) == {"email": b"\xff\xfe\r\n--xYzZ"}


def test_of_a_repeated_field_the_first_counts() -> None:
    body = form({"email": b"one"}).removesuffix(b"--xYzZY--\r\n") + form({"email": b"two"})
    assert parse_multipart(FORM, body) == {"email": b"one"}


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("", b"", 415),
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"", 415),
        ("multipart/form-data; boundary=" + "x" * 500, b"", 400),
        ("multipart/form-data; boundary=ñ€", b"", 400),
        (FORM, b"", 400),
        (FORM, b"no boundary at all", 400),
        (FORM, form({"email": b"cut off"})[:-12], 400),
        (FORM, b"--xYzZY\r\nContent-Disposition: form-data\r\n\r\nx\r\n--xYzZY--", 400),
        (FORM, b"--xYzZY\r\nContent-Disposition\r\n\r\nx\r\n--xYzZY--", 400),
        (FORM, form({f"f{n}": b"" for n in range(101)}), 413),
    ],
    ids=["none", "json", "no-boundary", "long-boundary", "odd-boundary", "empty", "prose", "cut", "nameless", "header",
         "parts"],
)  # fmt: skip
def test_other_and_broken_forms_are_refused(content_type: str, body: bytes, status: int) -> None:
    with pytest.raises(BadRequest) as refusal:
        parse_multipart(content_type, body)
    assert refusal.value.status == status


def test_form_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email_sendgrid, "MAX_FORM_BYTES", 100)
    with pytest.raises(BadRequest, match="the limit is 100") as refusal:
        parse_multipart(FORM, form({"email": b"x" * 100}))
    assert refusal.value.status == 413


@given(st.binary(max_size=300))
def test_any_bytes_are_a_form_or_refused(noise: bytes) -> None:
    try:
        fields = parse_multipart(FORM, b"--xYzZY\r\n" + noise + b"\r\n--xYzZY--")
    except BadRequest:
        return
    assert all(isinstance(value, bytes) for value in fields.values())


@pytest.mark.parametrize("name", ["email", "rawEmail"])
def test_raw_mode_gives_mail_and_envelope(name: str) -> None:
    envelope = json.dumps({"from": "", "to": ["a@lumen.example", "b@lumen.example"]}).encode()
    posted = parse_sendgrid_form({name: b"From: x\xff", "envelope": envelope, "SPF": b"pass"})
    assert posted == PostedMail(
        raw=b"From: x\xff", envelope_from="", envelope_to=["a@lumen.example", "b@lumen.example"], spf="pass"
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "raw, full MIME"),
        ({"text": b"parsed mode", "envelope": b"{}"}, "raw, full MIME"),
        ({"email": b"x"}, "is not JSON"),
        ({"email": b"x", "envelope": b"\xff"}, "is not JSON"),
        ({"email": b"x", "envelope": b"[" * 100_000}, "is not JSON"),
        ({"email": b"x", "envelope": b"[]"}, "no list `to`"),
        ({"email": b"x", "envelope": b'{"to": "a@b.example"}'}, "no list `to`"),
        ({"email": b"x", "envelope": b'{"to": [1]}'}, "no list `to`"),
    ],
)
def test_form_without_mail_or_envelope_is_refused(fields: dict[str, bytes], reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        parse_sendgrid_form(fields)


def test_signature_is_accepted_with_the_key_as_base64_and_as_pem() -> None:
    private, public = generate_keypair()
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    body = b"binary \xff\x00 body"
    signature = sign_sendgrid(private, STAMP, body)
    assert verify_sendgrid(public, STAMP, signature, body, now=NOW)
    assert verify_sendgrid(pem.decode(), STAMP, signature, body, now=NOW)
    assert verify_sendgrid(public[:64] + "\n" + public[64:] + "\n", STAMP, signature, body, now=NOW)


def test_signature_of_another_body_time_or_key_is_refused() -> None:
    private, public = generate_keypair()
    signature = sign_sendgrid(private, STAMP, b"body")
    assert not verify_sendgrid(public, STAMP, signature, b"other", now=NOW)
    assert not verify_sendgrid(public, str(int(STAMP) + 1), signature, b"body", now=NOW)
    assert not verify_sendgrid(generate_keypair()[1], STAMP, signature, b"body", now=NOW)


@pytest.mark.parametrize(
    ("age", "accepted"),
    [(timedelta(0), True), (timedelta(seconds=MAX_AGE_S), True), (timedelta(seconds=MAX_AGE_S + 1), False),
     (timedelta(seconds=-300), True), (timedelta(seconds=-301), False)],
)  # fmt: skip
def test_signature_counts_for_a_bounded_time(age: timedelta, accepted: bool) -> None:
    private, public = generate_keypair()
    assert verify_sendgrid(public, STAMP, sign_sendgrid(private, STAMP, b""), b"", now=NOW + age) is accepted


@pytest.mark.parametrize("kind", ["p384", "rsa"])
def test_key_of_another_kind_is_refused(kind: str) -> None:
    other = ec.generate_private_key(ec.SECP384R1()) if kind == "p384" else rsa.generate_private_key(65537, 2048)
    pem = other.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert not verify_sendgrid(pem.decode(), STAMP, "AAAA", b"", now=NOW)


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=60), st.booleans())
def test_garbage_is_refused_and_never_raises(key: str, stamp: str, signature: str, real: bool) -> None:
    known = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE" + "A" * 88
    assert not verify_sendgrid(known if real else key, STAMP if real else stamp, signature, b"body", now=NOW)
