"""What `nightshift doctor` says about mail: directions, events and the way out."""

from typing import Any

import pytest

from agent.settings import Settings
from jobs.doctor import check_mail

HTTPS = {"nightshift_public_url": "https://agent.example"}
SMTP, SENDGRID, IMAP = (
    {"smtp_url": "smtp://mail.example"},
    {"sendgrid_api_key": "SG.x"},
    {"imap_url": "imaps://a:b@mail.example"},
)
EVENTS = {"sendgrid_event_public_keys": "MFkw"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param(HTTPS, [], id="no_mail"),
        pytest.param(HTTPS | SMTP | IMAP, [], id="smtp"),
        pytest.param(HTTPS | SENDGRID | IMAP | EVENTS, [], id="sendgrid"),
        pytest.param(HTTPS | SENDGRID | IMAP, ["tells nobody of bounces"], id="sendgrid_without_events"),
        pytest.param(HTTPS | SENDGRID | SMTP | IMAP, [], id="smtp_goes_before_sendgrid"),
        pytest.param(HTTPS | SENDGRID | EVENTS, ["IMAP_URL is not set"], id="nothing_comes"),
        pytest.param(HTTPS | IMAP, ["SENDGRID_API_KEY is not set"], id="nothing_leaves"),
        pytest.param(SMTP | IMAP, ["one-click"], id="no_https"),
    ],
)
def test_what_is_missing_for_mail_is_said(fields: dict[str, Any], said: list[str]) -> None:
    findings = check_mail(Settings(_env_file=None, **fields))
    assert len(findings) == len(said)
    assert all(words in finding.text for words, finding in zip(said, findings, strict=True))
