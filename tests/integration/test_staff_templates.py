"""Templates that staff choose when a reply window has closed: filled, bound by all rules, sent once."""

from datetime import timedelta
from html import unescape

import httpx
import pytest

from agent.ports import Deps
from agent.staff.sending import UNDO
from agent.store.templates import replace_templates
from agent.store.tenants import save_tenant_file
from agent.tenant.file import ChannelAccount, TenantFile
from agent.types import Policy
from tests.conftest import FakeClock
from tests.factories import make_tenant
from tests.integration.agents import OURS, Agent
from tests.integration.staff import StaffBrowser, sign_in
from tests.template_samples import PRICE_TEMPLATE, PRICE_USE, make_template, make_use, sid, sources

GIVEN = make_template("Hola, {{1}}. {{2}} Su clase es {{3}}.", number=3, name="school_class")
GIVEN_USE = make_use(
    name="school_class",
    purpose="appointment",
    variables=sources(_1="contact.first_name|qué tal", _2="tenant.disclosure", _3="given"),
)


@pytest.fixture
async def ana(agent: Agent, inbox: httpx.AsyncClient, deps: Deps, clock: FakeClock) -> StaffBrowser:
    """A reviewer, at a school with three templates whose only conversation has been silent for two days."""
    uses = (make_use(), PRICE_USE, GIVEN_USE)
    tenant = make_tenant(id=agent.tenant_id, policy=Policy(quiet_s=0, max_wait_s=0), templates=uses)
    file = TenantFile(tenant=tenant, channels=(ChannelAccount(channel="whatsapp", address=OURS, provider="simulator"),))
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        await save_tenant_file(tx, file)
        await replace_templates(tx, agent.tenant_id, (make_template(), PRICE_TEMPLATE, GIVEN), clock())
    await agent.answer(await agent.hear("¿Cuánto cuesta?"))
    clock.now += timedelta(days=2)
    return await sign_in(inbox, deps, agent.tenant_id)


async def path_of(agent: Agent) -> str:
    return f"/inbox/conversations/{await agent.value('select id from conversations')}"


async def send(agent: Agent, ana: StaffBrowser, number: int, **form: str) -> str:
    seen = await agent.value("select max(seq) from messages")
    answer = await ana.post(f"{await path_of(agent)}/template", {"sid": sid(number), "seen_seq": str(seen), **form})
    return unescape(answer.text)


async def test_free_text_is_refused_and_templates_are_offered_filled(agent: Agent, ana: StaffBrowser) -> None:
    path = await path_of(agent)
    refused = await ana.post(f"{path}/send", {"text": "Hola", "seen_seq": "9"})
    assert "No reason overrides it" in refused.text
    assert "reply_window" in refused.text
    shown = unescape((await ana.get(f"{path}/templates")).text)
    assert "Nos escribiste hace unos días a Escuela Ejemplo" in shown
    assert "there is no item.name" in shown
    assert "399,00 €" in unescape((await ana.get(f"{path}/templates?item=EN-INT")).text)


async def test_template_leaves_in_the_members_name_and_can_be_taken_back(
    agent: Agent, ana: StaffBrowser, clock: FakeClock
) -> None:
    assert "Undo" in await send(agent, ana, 2, item="EN-INT")
    clock.now += UNDO
    await agent.send_all()
    message = agent.sender.taken[-1]
    assert message.template
    assert message.template.variables["3"] == "399,00 €"
    (row,) = await agent.rows("select author, member_id from messages where id = %s", message.id)
    assert (row["author"], row["member_id"]) == ("staff", ana.member_id)


async def test_second_template_waits_for_an_answer(agent: Agent, ana: StaffBrowser) -> None:
    assert "Undo" in await send(agent, ana, 2, item="EN-INT")
    assert "already gone out" in await send(agent, ana, 2, item="EN-INT")


async def test_what_is_typed_into_a_place_is_checked_too(agent: Agent, ana: StaffBrowser) -> None:
    assert "there is no given" in await send(agent, ana, 3)
    assert "a rule forbids it" in await send(agent, ana, 3, **{"given:3": "por 12 € al mes"})
    assert "Undo" in await send(agent, ana, 3, **{"given:3": "como quedamos"})


async def test_unknown_template_and_moved_thread_are_refused(agent: Agent, ana: StaffBrowser) -> None:
    assert "no such template" in await send(agent, ana, 9)
    assert "has moved on" in await send(agent, ana, 2, item="EN-INT", seen_seq="0")
