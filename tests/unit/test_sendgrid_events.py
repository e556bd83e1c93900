"""SendGrid's events as ours: kinds, classes of failures, and everything strange that may be posted."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import BadRequest
from agent.mail.events import MailEvent
from agent.mail.failures import mail_failure
from agent.types import MessageId, TenantId
from channels.sendgrid_events import parse_events

TENANT, MESSAGE = UUID(int=1), UUID(int=2)
EVENT = {
    "email": "ana@ruiz.example",
    "timestamp": 1_795_000_000,
    "event": "delivered",
    "smtp-id": f"<{MESSAGE}@lumen.example>",
    "sg_event_id": "ZGVsaXZlcmVk",
    "sg_message_id": "abc.recvd-1",
    "response": "250 OK",
    "nightshift_tenant": str(TENANT),
    "nightshift_message": str(MESSAGE),
}


def parsed(**changes: Any) -> list[MailEvent]:
    fields = {name: value for name, value in {**EVENT, **changes}.items() if value is not None}
    return parse_events(json.dumps([fields]).encode())


def test_event_is_read_whole() -> None:
    assert parsed() == [
        MailEvent(
            id="ZGVsaXZlcmVk",
            kind="delivered",
            tenant_id=TenantId(TENANT),
            message_id=MessageId(MESSAGE),
            at=datetime.fromtimestamp(1_795_000_000, UTC),
            reason="250 OK",
        )
    ]


@pytest.mark.parametrize(
    ("event", "fields", "kind", "failure"),
    [
        ("processed", {}, "accepted", None),
        ("deferred", {"response": "451 4.7.1 Greylisted", "attempt": "3"}, "deferred", None),
        ("bounce", {"type": "bounce", "status": "5.1.1"}, "failed", "bad_address"),
        ("bounce", {"type": "bounce", "status": "5.0.0", "bounce_classification": "Invalid Address"}, "failed",
         "bad_address"),
        ("bounce", {"type": "bounce", "status": "5.2.2", "bounce_classification": "Mailbox Unavailable"}, "failed",
         "unknown"),
        ("bounce", {"type": "bounce", "status": "5.7.1", "bounce_classification": "Reputation"}, "failed", "unknown"),
        ("bounce", {"type": "bounce", "status": "5.6.0", "bounce_classification": "Content"}, "failed", "content"),
        ("bounce", {"type": "blocked", "status": "5.1.1"}, "failed", "unknown"),
        ("bounce", {}, "failed", "unknown"),
        ("dropped", {"reason": "Bounced Address"}, "failed", "bad_address"),
        ("dropped", {"reason": "Invalid"}, "failed", "bad_address"),
        ("dropped", {"reason": "Invalid SMTPAPI header"}, "failed", "unknown"),
        ("dropped", {"reason": "Unsubscribed Address"}, "failed", "opt_out"),
        ("dropped", {"reason": "Spam Reporting Address"}, "failed", "opt_out"),
        ("dropped", {"reason": "Spam Content (if Spam Checker app is enabled)"}, "failed", "content"),
        ("dropped", {"reason": "Recipient List over Package Quota"}, "failed", "unknown"),
        ("spamreport", {}, "complaint", None),
        ("unsubscribe", {}, "unsubscribe", None),
        ("group_unsubscribe", {"asm_group_id": 10}, "unsubscribe", None),
    ],
)  # fmt: skip
def test_kinds_and_classes(event: str, fields: dict[str, Any], kind: str, failure: str | None) -> None:
    (found,) = parsed(event=event, **fields)
    assert (found.kind, found.failure) == (kind, failure)


@pytest.mark.parametrize(
    "changes",
    [
        {"event": "open"}, {"event": "click"}, {"event": "group_resubscribe"}, {"event": "new_one"}, {"event": 7},
        {"nightshift_tenant": None}, {"nightshift_message": None}, {"nightshift_message": "1'; drop table"},
        {"sg_event_id": None}, {"sg_event_id": ["x"]}, {"timestamp": None}, {"timestamp": "soon"},
        {"timestamp": -1}, {"timestamp": 10**30},
    ],
    ids=str,
)  # fmt: skip
def test_event_that_is_none_of_ours_is_left_out(changes: dict[str, Any]) -> None:
    assert parsed(**changes) == []


def test_words_of_mail_servers_are_bounded_and_clean() -> None:
    (found,) = parsed(event="bounce", reason="x\x00\ud800 y\r\n" * 1_000, status="5.1.1" * 100)
    assert len(found.reason) <= 300
    assert "\x00" not in found.reason
    assert len(found.code) <= 20


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"nonsense", b"\xff", b"null", b"[" * 100_000], ids=lambda body: str(body[:8])
)
def test_body_that_is_no_batch_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_events(body)


@given(
    st.lists(
        st.dictionaries(st.sampled_from([*EVENT, "reason", "status", "type"]), st.none() | st.integers() | st.text())
    )
)
def test_nothing_strange_stops_a_batch(batch: list[dict[str, Any]]) -> None:
    found = parse_events(json.dumps([*batch, 1, None, [], EVENT]).encode())
    assert found[-1].id == "ZGVsaXZlcmVk"


@pytest.mark.parametrize(
    ("code", "failure"),
    [("5.1.1", "bad_address"), ("5.1.10", "bad_address"), ("5.1.2", "bad_address"), ("5.2.1", "bad_address"),
     ("5.1.8", "unknown"), ("5.1.7", "unknown"), ("5.2.2", "unknown"), ("5.7.1", "unknown"), ("5.3.4", "content"),
     ("552", "content"), ("550", "unknown"), ("4.1.1", "unknown"), ("", "unknown"), (None, "unknown")],
)  # fmt: skip
def test_code_says_what_it_says_and_no_more(code: str | None, failure: str) -> None:
    assert mail_failure(code) == failure
