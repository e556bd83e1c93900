"""Outcomes from the webhook, HubSpot and CSV: stored once, attributed to the answer before them, corrected, counted."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from pydantic import SecretStr
from rich.console import Console

from agent.erasure import erase_contact
from agent.settings import Settings
from agent.store.contacts import find_contact
from agent.store.figures import count_hours
from agent.store.merges import merge_contacts, unmerge_contacts
from agent.store.outcomes import replace_secret
from agent.turn import receive
from agent.types import ContactId
from channels import hubspot
from channels.outcome_webhooks import sign
from jobs.outcomes import match_all, run_import, run_list, run_secret
from tests.conftest import DatabaseUrls, FakeClock
from tests.factories import make_inbound
from tests.integration.agents import Agent
from tests.integration.conftest import PUBLIC_URL

SECRET = "a secret of the tenant's"
PATH = "/webhooks/outcomes"
ANA = "+34600000001"


@pytest.fixture
async def ana(agent: Agent, clock: FakeClock) -> Agent:
    """A school that has answered Ana a minute ago."""
    await agent.answer(await agent.hear("¿Cuánto cuesta el curso?", sender=ANA))
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        await replace_secret(tx, agent.tenant_id, "webhook", SECRET, old_until=clock.now)
        await replace_secret(tx, agent.tenant_id, "hubspot", SECRET, old_until=clock.now)
        await tx.execute("update turns set created_at = %s", (clock.now,))
    clock.advance(60)
    return agent


async def report(web: httpx.AsyncClient, fields: Any, clock: FakeClock, tenant: str = "escuela") -> httpx.Response:
    body = json.dumps(fields).encode()
    headers = {"nightshift-signature": sign(SECRET, body, clock.now)}
    return await web.post(f"{PATH}?tenant={tenant}", content=body, headers=headers)


def won(number: str = "1", amount: int = 129900, **more: Any) -> dict[str, Any]:
    return {"id": number, "contact": ANA, "kind": "won", "amount_minor": amount, "currency": "EUR", **more}


async def scores(agent: Agent) -> dict[str, float]:
    found = await agent.rows("select name, number from scores where name in ('booked', 'won', 'lost')")
    return {row["name"]: row["number"] for row in found}


async def figures(agent: Agent, clock: FakeClock) -> dict[str, int]:
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        hours = await count_hours(tx, clock.now - timedelta(days=1), clock.now + timedelta(days=1))
    found = {name: value for hour in hours for name, value in hour.figures.items()}
    return {name: value for name, value in found.items() if name.split(".")[0] == "won" or name in OUTCOMES}


OUTCOMES = ("funnel.booked", "funnel.won", "funnel.lost")


async def test_an_outcome_goes_to_the_last_answer_before_it_once(
    client: httpx.AsyncClient, ana: Agent, clock: FakeClock
) -> None:
    answer = await report(client, won(), clock)
    assert (answer.status_code, answer.json()["status"], answer.json()["matched"]) == (201, "recorded", True)
    again = await report(client, won(), clock)
    assert (again.status_code, again.json()["status"]) == (200, "duplicate")
    assert again.json()["outcome"] == answer.json()["outcome"]

    (turn,) = await ana.rows("select id, conversation_id, version, trace_id from turns")
    (outcome,) = await ana.rows("select * from outcomes")
    told = {name: outcome[name] for name in ("turn_id", "conversation_id", "channel", "version", "amount_minor")}
    assert told == {
        "turn_id": turn["id"],
        "conversation_id": turn["conversation_id"],
        "channel": "whatsapp",
        "version": turn["version"],
        "amount_minor": 129900,
    }
    (event,) = await ana.rows("select actor, turn_id, data from events where kind like 'outcome.%%'")
    assert (event["actor"], event["turn_id"], event["data"]["before"]) == ("webhook", turn["id"], None)
    assert await scores(ana) == {"won": 1}
    assert await figures(ana, clock) == {"funnel.won": 1, "won.EUR": 129900}


async def test_an_outcome_is_of_whoever_its_conversation_is_with(
    client: httpx.AsyncClient, ana: Agent, clock: FakeClock
) -> None:
    await report(client, won(), clock)
    await ana.hear("hola", sender="+34600000002")
    async with ana.deps.db.tenant(ana.tenant_id) as tx:
        owner, other = await find_contact(tx, ANA), await find_contact(tx, "+34600000002")
        assert owner is not None
        assert other is not None
        await merge_contacts(tx, other, owner, actor="staff")
        assert await ana.value("select contact_id from outcomes") == owner  # not committed yet
    assert await ana.value("select contact_id from outcomes") == other
    async with ana.deps.db.tenant(ana.tenant_id) as tx:
        await unmerge_contacts(tx, owner, actor="staff")
    assert await ana.value("select contact_id from outcomes") == owner


async def test_who_has_not_signed_reports_nothing(client: httpx.AsyncClient, ana: Agent, clock: FakeClock) -> None:
    body = json.dumps(won()).encode()
    old = sign(SECRET, body, clock.now - timedelta(minutes=6))
    attempts = [
        (f"{PATH}?tenant=escuela", {}),
        (f"{PATH}?tenant=escuela", {"nightshift-signature": sign("another secret", body, clock.now)}),
        (f"{PATH}?tenant=escuela", {"nightshift-signature": sign(SECRET, body + b" ", clock.now)}),
        (f"{PATH}?tenant=escuela", {"nightshift-signature": old}),
        (f"{PATH}?tenant=nobody", {"nightshift-signature": sign(SECRET, body, clock.now)}),
        (f"{PATH}?tenant=%00", {"nightshift-signature": sign(SECRET, body, clock.now)}),
        (PATH, {"nightshift-signature": sign(SECRET, body, clock.now)}),
    ]
    answers = [await client.post(path, content=body, headers=headers) for path, headers in attempts]
    assert {(each.status_code, each.text) for each in answers} == {(403, answers[0].text)}
    too_large = await client.post(f"{PATH}?tenant=escuela", content=b"x" * 70_000)
    assert too_large.status_code == 413
    for sent, status in ((b"[]", 422), (b"{", 400), (b"[" * 60_000, 400), (b"\xff", 400)):
        headers = {"nightshift-signature": sign(SECRET, sent, clock.now)}
        answer = await client.post(f"{PATH}?tenant=escuela", content=sent, headers=headers)
        assert answer.status_code == status
    assert await ana.rows("select from outcomes") == []


async def test_a_correction_replaces_and_a_reversal_takes_back(
    client: httpx.AsyncClient, ana: Agent, clock: FakeClock
) -> None:
    await report(client, won(), clock)
    clock.advance(3600)
    corrected = {"id": "2", "kind": "won", "amount_minor": 99900, "currency": "EUR", "corrects": "1"}
    assert (await report(client, corrected, clock)).status_code == 201
    assert (await report(client, corrected, clock)).json()["status"] == "duplicate"
    assert await scores(ana) == {"won": 1}
    lost = {"id": "3", "kind": "lost", "reason": "Withdrew", "corrects": "2"}
    assert (await report(client, lost, clock)).status_code == 201
    assert await scores(ana) == {"won": 0, "lost": 1}
    assert await ana.rows("select distinct occurred_at, turn_id from outcomes offset 1") == []
    async with ana.deps.db.tenant(ana.tenant_id) as tx:
        hours = await count_hours(tx, clock.now - timedelta(days=1), clock.now + timedelta(days=1))
    by_hour = [{name: value for name, value in hour.figures.items() if name in OUTCOMES} for hour in hours]
    assert by_hour[-2:] == [{"funnel.won": 1}, {"funnel.won": -1, "funnel.lost": 1}]
    assert (await report(client, {"id": "4", "kind": "reversed", "corrects": "3"}, clock)).status_code == 201
    assert await scores(ana) == {"won": 0, "lost": 0}
    for fields, says in (
        ({"id": "5", "kind": "reversed", "corrects": "1"}, "was corrected already"),
        ({"id": "6", "kind": "reversed", "corrects": "4"}, "was corrected already"),
        ({"id": "7", "kind": "reversed", "corrects": "nothing"}, "there is no outcome 'nothing'"),
        (won("1", 5), "belongs to another outcome"),
    ):
        refused = await report(client, fields, clock)
        assert (refused.status_code, says in refused.text) == (409, True), refused.text
    (event,) = await ana.rows("select data from events where kind = 'outcome.corrected' order by id limit 1")
    assert (event["data"]["before"]["amount_minor"], event["data"]["after"]["amount_minor"]) == (129900, 99900)


async def test_an_outcome_of_somebody_unknown_is_kept_and_matched_when_they_write(
    client: httpx.AsyncClient, ana: Agent, clock: FakeClock
) -> None:
    answer = await report(client, {"id": "1", "contact": "+34611111111", "kind": "booked"}, clock)
    assert (answer.status_code, answer.json()["matched"]) == (201, False)
    assert await match_all(ana.deps) == 0
    await receive(make_inbound(sender="+34611111111", recipient="+34910555012"), ana.deps)
    assert await match_all(ana.deps) == 1
    assert await match_all(ana.deps) == 0
    (outcome,) = await ana.rows("select contact_id, turn_id from outcomes")
    assert outcome["contact_id"] is not None
    assert outcome["turn_id"] is None
    ahead = await report(client, won("9", occurred_at=(clock.now + timedelta(days=2)).isoformat()), clock)
    assert (ahead.status_code, "has not come yet" in ahead.text) == (422, True)


async def test_what_happened_before_they_wrote_is_not_ours(
    client: httpx.AsyncClient, ana: Agent, clock: FakeClock
) -> None:
    before = (clock.now - timedelta(days=1)).isoformat()
    await report(client, won(occurred_at=before), clock)
    (outcome,) = await ana.rows("select contact_id is not null as known, conversation_id, turn_id from outcomes")
    assert outcome == {"known": True, "conversation_id": None, "turn_id": None}


async def test_erasing_a_contact_takes_their_outcomes(client: httpx.AsyncClient, ana: Agent, clock: FakeClock) -> None:
    await report(client, won(), clock)
    await report(client, {"id": "2", "kind": "lost", "reason": "x", "corrects": "1"}, clock)
    contact: ContactId = await ana.value("select id from contacts")
    async with ana.deps.db.tenant(ana.tenant_id) as tx:
        await erase_contact(tx, ana.tenant_id, contact, actor="test")
    assert await ana.rows("select from outcomes") == []


async def test_hubspots_deal_becomes_outcomes_whatever_comes_again_or_late(
    client: httpx.AsyncClient, ana: Agent, clock: FakeClock
) -> None:
    async def tell(at: int, **fields: Any) -> tuple[int, str]:
        millis = int(clock.now.timestamp() * 1000)
        body = json.dumps({"dealId": 7, "phone": ANA, "occurredAt": millis + at, **fields}).encode()
        url = f"{PUBLIC_URL}{PATH}/hubspot?tenant=escuela"
        signature = hubspot.sign_v3(SECRET, "POST", url, body, str(millis))
        headers = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": str(millis)}
        answer = await client.post(f"{PATH}/hubspot?tenant=escuela", content=body, headers=headers)
        return answer.status_code, answer.json().get("status", answer.text)

    assert await tell(1, dealstage="appointmentscheduled") == (201, "recorded")
    assert await tell(2, dealstage="closedwon", amount="1299.00") == (201, "recorded")
    assert await tell(2, dealstage="closedwon", amount="1299.00") == (200, "duplicate")
    assert await tell(1, dealstage="closedlost") == (200, "stale")
    clock.advance(1)
    assert await tell(3, dealstage="closedlost", closed_lost_reason="Too dear") == (201, "recorded")
    assert await tell(3, dealstage="qualifiedtobuy") == (200, "ignored")
    assert await scores(ana) == {"booked": 1, "won": 0, "lost": 1}
    assert await figures(ana, clock) == {"funnel.booked": 1, "funnel.lost": 1}
    unsigned = await client.post(f"{PATH}/hubspot?tenant=escuela", content=b"{}")
    assert unsigned.status_code == 403


ROWS = """id;contact;kind;amount_minor;currency;reason;occurred_at
a;+34600000001;won;129900;EUR;;2026-11-17T16:00:00+01:00
b;+34600000001;won;1299.00;EUR;;
c;nobody@x.example;lost;;;Too far away;
d;+34600000001;lost;;;;
e;+34600000001;booked;;;;;;
a;+34600000001;won;129900;EUR;;
"""


async def test_a_file_is_imported_row_by_row_and_nothing_is_lost(
    ana: Agent, clock: FakeClock, database_urls: DatabaseUrls, settings: Settings, tmp_path: Path
) -> None:
    file, out = tmp_path / "outcomes.csv", Console(file=StringIO(), width=200)
    file.write_text(ROWS, "utf-8-sig")
    real = settings.model_copy(update={"database_url": SecretStr(database_urls.app_url)})
    with pytest.raises(typer.Exit):
        await run_import(real, "escuela", file, out, as_json=False)
    assert isinstance(out.file, StringIO)
    said = out.file.getvalue()
    for text in ("line 3: amount_minor", "line 5: lost needs a reason", "line 6: There are more cells", "3 rejected"):
        assert text in said
    assert "2 recorded, 1 known already" in said
    assert "1 of those recorded belong to nobody we know yet" in said
    left = tmp_path / "outcomes.rejected.csv"
    assert [line.split(",")[0] for line in left.read_text("utf-8").splitlines()] == ["id", "b", "d", "e"]
    await run_list(real, "escuela", out, limit=9, unmatched=True, as_json=False)
    assert "nobody we know" in out.file.getvalue()
    await run_secret(real, "escuela", out, hubspot="")
    assert "POST outcomes to https://agent.example/webhooks/outcomes?tenant=escuela" in out.file.getvalue()
