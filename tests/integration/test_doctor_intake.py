"""Doctor, /status and /metrics tell what waits on disk, what was set aside, and how far Twilio has been asked."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from agent.settings import Settings
from agent.store.db import Tx
from agent.store.sweeps import SweptAccount
from agent.types import TenantId
from channels.spool import Spool, Webhook
from jobs.doctor import examine
from jobs.doctor_intake import check_spool, check_sweeps
from tests.conftest import DatabaseUrls

NOW = datetime(2026, 11, 17, 15, tzinfo=UTC)


def webhook(text: str = "x", age: timedelta = timedelta(0)) -> Webhook:
    return Webhook(kind="twilio_message", provider="twilio", body=text.encode(), received_at=NOW - age)


def fill(spool: Spool) -> None:
    for number in range(9):
        spool.append(webhook(str(number)))


@pytest.mark.parametrize(
    ("prepare", "level", "said"),
    [
        (lambda _: None, "ok", "nothing waits"),
        (lambda spool: spool.append(webhook()), "note", "1 webhooks (0.0 MB) wait on disk"),
        (lambda spool: spool.append(webhook(age=timedelta(hours=2))), "bad", "2026-11-17 13:00:00 UTC"),
        (lambda spool: spool.keep_aside(webhook(), "UndefinedTable: x"), "bad", "example: UndefinedTable: x"),
        (fill, "bad", "90% full"),
    ],
    ids=["empty", "waits", "waits for hours", "set aside", "nearly full"],
)
def test_spool_is_examined(settings: Settings, prepare: Callable[[Spool], None], level: str, said: str) -> None:
    small = settings.model_copy(update={"nightshift_spool_max_files": 10, "nightshift_spool_max_mb": 1})
    prepare(Spool.from_settings(small))
    found = check_spool(small, NOW)
    assert any((each.level, said in each.text) == (level, True) for each in found), found
    assert all(each.fix for each in found if each.level != "ok")


def test_spool_on_a_small_disk_is_noted(settings: Settings) -> None:
    vast = settings.model_copy(update={"nightshift_spool_max_mb": 2**40})
    assert ["less than it may take" in each.text for each in check_spool(vast, NOW)] == [True]


def test_spool_that_cannot_be_used_is_bad(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (finding,) = check_spool(settings.model_copy(update={"nightshift_spool": tmp_path / "file" / "spool"}), NOW)
    assert (finding.level, "NIGHTSHIFT_SPOOL" in finding.fix) == ("bad", True)


def account(age: timedelta, problem: str = "") -> SweptAccount:
    return SweptAccount(
        account_id=UUID(int=1),
        tenant_id=TenantId(UUID(int=2)),
        channel="sms",
        address="+12025550112",
        swept_until=NOW - age,
        problem=problem,
    )


@pytest.mark.parametrize(
    ("accounts", "levels"),
    [
        ([], []),
        ([account(timedelta(minutes=6))], ["ok"]),
        ([account(timedelta(minutes=6)), account(timedelta(hours=1))], ["bad"]),
        ([account(timedelta(minutes=6), "HTTP 500")], ["bad"]),
        ([account(timedelta(hours=1), "HTTP 500")], ["bad", "bad"]),
    ],
    ids=["no number", "asked", "one is not asked", "cannot be asked", "cannot be asked for long"],
)
def test_sweeps_are_examined(settings: Settings, accounts: list[SweptAccount], levels: list[str]) -> None:
    twilio = settings.model_copy(update={"twilio_account_sid": "AC1", "twilio_auth_token": SecretStr("t")})
    assert [each.level for each in check_sweeps(twilio, accounts, NOW)] == levels
    assert list(check_sweeps(settings, accounts, NOW)) == []


@pytest.mark.usefixtures("lumen")
async def test_doctor_examines_both(settings: Settings, database_urls: DatabaseUrls, admin: Tx) -> None:
    await admin.execute(
        """update channel_accounts set provider = 'twilio', swept_until = now() - interval '1 day',
               trouble = 'config 21606' where channel = 'sms'"""
    )
    chosen = {
        "twilio_account_sid": "AC1",
        "twilio_auth_token": SecretStr("t"),
        "database_url": SecretStr(database_urls.app_url),
        "database_migration_url": SecretStr(database_urls.admin_url),
    }
    found = {each.subject: each for each in await examine(settings.model_copy(update=chosen))}
    assert found["spool"].level == "ok"
    assert "nightshift clock" in found["missed messages"].fix
    assert "config, code 21606" in found["sms +12025550112"].text
    assert "provider's console" in found["sms +12025550112"].fix


@pytest.mark.usefixtures("lumen")
async def test_status_and_metrics_tell_how_far_the_provider_has_been_asked(
    client: httpx.AsyncClient, admin: Tx, settings: Settings
) -> None:
    await admin.execute("update channel_accounts set provider = 'twilio', sweep_problem = 'x' where channel = 'sms'")
    told = (await client.get("/status")).json()["missed_messages"]
    assert (told["numbers"], told["not_asked"]) == (1, 1)
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families((await client.get("/metrics")).text)
        for sample in family.samples
    }
    assert samples["nightshift_sweep_problems"] == 1
    assert "nightshift_sweep_age_seconds" in samples
