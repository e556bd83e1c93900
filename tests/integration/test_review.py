"""The review card: what it shows, and what becomes of a draft that is approved, edited, rejected or written anew."""

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from html import unescape
from itertools import pairwise
from typing import Any

import httpx
import pytest

from agent.models.desk import ClaudeDesk
from agent.models.providers import build_gateway
from agent.ports import Deps, StaffDeps, Translated
from agent.prompts import Prompts
from agent.staff.sending import UNDO
from agent.store.members import insert_member
from agent.types import Claim, ConversationId, ModelTier, Tenant
from channels.inbox.routes import build_inbox
from channels.web import create_app
from channels.webhooks import WebhookKeys
from tests.conftest import FakeClock
from tests.doubles.claude import REFUSAL, ClaudeDouble
from tests.doubles.models import a_call
from tests.integration.agents import Agent
from tests.integration.conftest import PUBLIC_URL
from tests.integration.gateways import settings_for
from tests.integration.late_replies import decide_late, publish
from tests.integration.staff import StaffBrowser, sign_in

ARTFUL = "Te garantizamos que apruebas. <script>alert(1)</script>"
"""A draft that promises too much, and tries to run."""
HONEST = "¿Qué horario te viene mejor?"
ANYWAY = {"why": "It is right: I have checked"}


class Parrot:
    """Translates by saying the language; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    async def translate(
        self, texts: Sequence[str], language: str, tenant: Tenant, *, tier: ModelTier = "fast"
    ) -> Translated:
        self.asked.append(tuple(texts))
        call = replace(a_call(), task="translate")
        return Translated(texts=tuple(f"{language}: {text}" for text in texts), model="m", calls=(call,))


@dataclass(slots=True, kw_only=True)
class Desk:
    """A seller at their desk, and the agent whose drafts they review."""

    agent: Agent
    ana: StaffBrowser
    parrot: Parrot

    async def escalate(self, draft: str = ARTFUL, text: str = "¿Seguro que apruebo?", **fields_: Any) -> ConversationId:
        """Have a prospect write something that the agent drafts `draft` for; it is held."""
        self.agent.models.texts = (draft,)
        conversation_id = await self.agent.hear(text, **fields_)
        await self.agent.answer(conversation_id)
        return conversation_id

    async def card(self, conversation_id: ConversationId) -> str:
        """Return the card on the conversation's page."""
        answer = await self.ana.get(f"/inbox/conversations/{conversation_id}/review", **{"hx-request": "true"})
        assert answer.status_code == 200, answer.text
        return answer.text

    async def act(
        self, conversation_id: ConversationId, deed: str, seen: str | None = None, **more: Any
    ) -> httpx.Response:
        """Send a form of the card, as it was when it was `seen`."""
        hidden = form_of(seen or await self.card(conversation_id))
        path = f"/inbox/conversations/{conversation_id}/review/{deed}"
        return await self.ana.post(path, {**hidden, **more}, **{"hx-request": "true"})


def form_of(card: str) -> dict[str, str]:
    """Return the hidden fields of a card's first form."""
    first = card[card.index("<form") :].partition("</form>")[0]
    found = dict(re.findall(r'<input type="hidden" name="(request|digest|seen_seq|place)" value="([^"]*)"', first))
    return {**found, "warned": re.findall(r'name="warned" value="([^"]*)"', card)}


@pytest.fixture(scope="module")
def claude() -> Any:
    """A stand-in for the Claude API."""
    with ClaudeDouble() as double:
        yield double


@pytest.fixture
async def desk(agent: Agent, clock: FakeClock, claude: ClaudeDouble) -> AsyncIterator[Desk]:
    """Ana at her desk, with models."""
    parrot = Parrot()
    writer = ClaudeDesk(build_gateway(settings_for(claude), now=clock), prompts=Prompts.load(), now=clock, timeout_s=30)
    async with browse(agent, translator=parrot, redrafter=writer) as http:
        yield Desk(agent=agent, ana=await sign_in(http, agent.deps, agent.tenant_id), parrot=parrot)
    await writer.aclose()


@pytest.fixture
async def bare_desk(agent: Agent) -> AsyncIterator[Desk]:
    """Ana at her desk, without any model."""
    async with browse(agent) as http:
        yield Desk(agent=agent, ana=await sign_in(http, agent.deps, agent.tenant_id), parrot=Parrot())


def browse(agent: Agent, **models: Any) -> httpx.AsyncClient:
    """Return a browser at the inbox of the agent's tenant."""
    settings = agent.deps.settings.model_copy(update={"nightshift_public_url": PUBLIC_URL})
    shared = {each.name: getattr(agent.deps, each.name) for each in fields(Deps)} | {"settings": settings}
    deps = StaffDeps(**shared, rules=agent.deps.rules, **models)
    app = create_app(deps, WebhookKeys(twilio=(), email=()), pages=[build_inbox(deps)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url=PUBLIC_URL)


async def reviews_of(agent: Agent) -> list[dict[str, Any]]:
    return await agent.rows("select verdict, reason, distance, sent, overridden from reviews order by created_at")


# --- what it shows -----------------------------------------------------------------------------------------------


async def test_card_shows_draft_marked_and_escaped_with_rule_source_and_effects(desk: Desk) -> None:
    desk.agent.models.draft_fields = {"claims": (Claim(text="apruebas", source="policy:none"),), "confidence": 0.82}
    card = await desk.card(await desk.escalate())
    assert "<script>" not in card
    marked = re.findall(r'<mark class="review-mark"[^>]*>(.*?)</mark>', card, re.DOTALL)
    assert any("garantizamos" in each for each in marked)
    for expected in ("Promises", "Compared with your policies", "Source not found: policy:none", "82 %", "$0.00"):
        assert expected in card
    assert "leaves in 10 seconds" in card
    assert "in Spanish" in card


async def test_page_of_its_own_shows_what_they_wrote(desk: Desk) -> None:
    await desk.escalate(text="¿Seguro & <b>fijo</b>?")
    to_card = await desk.ana.get("/inbox/review")
    page = await desk.ana.get(to_card.headers["location"])
    assert "¿Seguro &amp; &lt;b&gt;fijo&lt;/b&gt;?" in page.text
    assert "1 waits" in page.text


async def test_nothing_to_review_is_said(desk: Desk) -> None:
    assert "Nothing waits for you" in (await desk.ana.get("/inbox/review")).text


def state_address(card: str) -> str:
    """Where a card asks whether it is out of date."""
    found = re.search(r'hx-get="([^"]+/state[^"]+)"', card)
    assert found
    return unescape(found[1])


async def test_state_says_when_the_card_is_out_of_date(desk: Desk) -> None:
    conversation_id = await desk.escalate()
    card = await desk.card(conversation_id)
    state = state_address(card)
    assert "data-moved" not in (await desk.ana.get(state)).text
    await desk.agent.hear("¿Hola?")
    assert "data-moved" in (await desk.ana.get(state)).text


async def test_page_of_a_settled_request_is_not_out_of_date_whatever_else_is_asked_there(desk: Desk) -> None:
    conversation_id = await desk.escalate()
    address = (await desk.ana.get("/inbox/review")).headers["location"]
    before = state_address((await desk.ana.get(address)).text)
    assert "data-moved" not in (await desk.ana.get(before)).text
    await desk.act(conversation_id, "reject", reason="not_needed")
    assert "data-moved" in (await desk.ana.get(before)).text
    settled = state_address((await desk.ana.get(address)).text)
    assert "data-moved" not in (await desk.ana.get(settled)).text


# --- deciding ----------------------------------------------------------------------------------------------------


async def test_approving_a_warned_draft_needs_a_reason_and_records_it(desk: Desk, clock: FakeClock) -> None:
    conversation_id = await desk.escalate(draft="Te garantizamos que apruebas.")
    other = await desk.escalate(sender="+34600111333")
    refused = await desk.act(conversation_id, "send")
    assert "Why send it anyway?" in refused.text
    assert await reviews_of(desk.agent) == []
    sent = await desk.act(conversation_id, "send", **ANYWAY)
    assert sent.headers["hx-redirect"].startswith(f"/inbox/conversations/{other}?sent=")
    (review,) = await reviews_of(desk.agent)
    assert (review["verdict"], review["distance"]) == ("approved", 0)
    assert [each["rule"] for each in review["overridden"]] == ["promises"]
    assert await desk.agent.value("select owner from conversations where id = %s", conversation_id) == "agent"
    clock.now += UNDO
    before = len(desk.agent.sender.taken)
    await desk.agent.send_all()
    assert [each.text for each in desk.agent.sender.taken[before:]] == [review["sent"]]


async def test_an_edited_draft_says_how_much_was_changed_and_why(desk: Desk) -> None:
    conversation_id = await desk.escalate()
    await desk.act(conversation_id, "send", text=HONEST, why_edited="wrong_facts")
    (review,) = await reviews_of(desk.agent)
    assert (review["verdict"], review["reason"], review["sent"]) == ("edited", "wrong_facts", HONEST)
    assert 0 < review["distance"] <= 1
    event = await desk.agent.value("select data from events where kind = 'draft.reviewed'")
    assert (event["verdict"], HONEST in json.dumps(event)) == ("edited", False)


async def test_what_was_sent_from_the_card_can_be_taken_back(desk: Desk) -> None:
    conversation_id = await desk.escalate()
    sent = await desk.act(conversation_id, "send", text=HONEST)
    message_id = sent.headers["hx-redirect"].partition("sent=")[2]
    back = await desk.ana.post(f"/inbox/review/undo/{message_id}")
    assert "review-card" in (await desk.ana.get(back.headers["location"])).text
    assert await desk.agent.value("select state from escalations") == "open"


async def test_nothing_is_sent_over_a_message_that_has_come_since(desk: Desk) -> None:
    conversation_id = await desk.escalate()
    seen = await desk.card(conversation_id)
    await desk.agent.hear("Espera, tengo otra duda")
    refused = await desk.act(conversation_id, "send", seen, text=HONEST)
    assert "Espera, tengo otra duda" in refused.text
    assert HONEST in refused.text
    assert await reviews_of(desk.agent) == []


async def test_a_draft_that_has_been_replaced_is_not_sent(desk: Desk) -> None:
    conversation_id = await desk.escalate()
    seen = await desk.card(conversation_id)
    await desk.agent.change("update escalations set draft = 'Otro texto' where state = 'open'")
    refused = await desk.act(conversation_id, "send", seen, **ANYWAY)
    assert "while you looked" in refused.text
    assert await reviews_of(desk.agent) == []


@pytest.mark.parametrize(
    ("reason", "state", "owner"),
    [
        ("wrong_facts", "open", "agent"),
        ("wrong_tone", "open", "agent"),
        ("wrong_language", "open", "agent"),
        ("not_needed", "resolved", "agent"),
        ("needs_person", "open", "staff"),
        ("other", "open", "agent"),
    ],
)
async def test_a_rejected_draft_is_gone_but_the_prospect_is_not_forgotten(
    bare_desk: Desk, reason: str, state: str, owner: str
) -> None:
    desk = bare_desk
    conversation_id = await desk.escalate()
    assert (await desk.act(conversation_id, "reject", reason=reason, comment="no")).status_code == 204
    (row,) = await desk.agent.rows("select state, draft from escalations order by created_at desc limit 1")
    (talk,) = await desk.agent.rows("select owner, assignee_id from conversations")
    assert (row["state"], talk["owner"]) == (state, owner)
    assert (row["draft"] is None, talk["assignee_id"] == desk.ana.member_id) == (state == "open", state == "open")
    (review,) = await reviews_of(desk.agent)
    assert (review["verdict"], review["reason"], review["sent"]) == ("rejected", f"{reason}: no", None)


async def test_a_draft_is_rejected_once_and_only_for_a_known_reason(bare_desk: Desk) -> None:
    conversation_id = await bare_desk.escalate()
    seen = await bare_desk.card(conversation_id)
    assert (await bare_desk.act(conversation_id, "reject", seen, reason="bad mood")).status_code == 400
    await bare_desk.act(conversation_id, "reject", seen, reason="other")
    assert "while you looked" in (await bare_desk.act(conversation_id, "reject", seen, reason="other")).text
    assert len(await reviews_of(bare_desk.agent)) == 1


async def test_taking_over_and_handing_back_from_the_card(bare_desk: Desk) -> None:
    conversation_id = await bare_desk.escalate()
    taken = await bare_desk.act(conversation_id, "take-over")
    assert taken.headers["hx-redirect"] == f"/inbox/conversations/{conversation_id}"
    assert await bare_desk.agent.value("select owner from conversations") == "staff"
    await bare_desk.act(conversation_id, "hand-back")
    assert await bare_desk.agent.value("select owner from conversations") == "agent"
    assert await bare_desk.agent.value("select resolution from escalations") == "handed_back"


async def test_next_passes_over_what_colleagues_mind(bare_desk: Desk) -> None:
    agent = bare_desk.agent
    first, second, third = [await bare_desk.escalate(sender=f"+3460011100{n}") for n in range(3)]
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        leo = await insert_member(tx, agent.tenant_id, email="leo@x.example", name="Leo", role="reviewer")
        await tx.execute("update conversations set assignee_id = %s where id = %s", (leo, second))
    gone_on = await bare_desk.act(first, "reject", reason="not_needed")
    assert gone_on.headers["hx-redirect"] == f"/inbox/conversations/{third}"


async def test_a_request_can_be_skipped_and_the_only_one_comes_back(bare_desk: Desk) -> None:
    for number in range(2):
        await bare_desk.escalate(sender=f"+3460011100{number}")
    first = (await bare_desk.ana.get("/inbox/review")).headers["location"]
    second = (await bare_desk.ana.get(f"/inbox/review?after={first[-36:]}")).headers["location"]
    assert first != second
    await bare_desk.agent.change("update escalations set state = 'resolved' where id = %s", first[-36:])
    assert (await bare_desk.ana.get(f"/inbox/review?after={second[-36:]}")).headers["location"] == second


async def test_a_stopped_contact_cannot_be_written_to_whatever_is_clicked(bare_desk: Desk) -> None:
    conversation_id = await bare_desk.escalate()
    seen = await bare_desk.card(conversation_id)
    await bare_desk.agent.change(
        """insert into suppressions (id, tenant_id, contact_id, kind, normalised, reason, created_at)
           select gen_random_uuid(), tenant_id, contact_id, kind, normalised, 'STOP', now() from contact_points"""
    )
    refused = await bare_desk.act(conversation_id, "send", seen, **ANYWAY)
    assert "asked us not to write" in refused.text
    assert await reviews_of(bare_desk.agent) == []


async def test_a_template_that_is_proposed_for_a_closed_window_is_sent_from_the_card_once(
    bare_desk: Desk, clock: FakeClock
) -> None:
    agent = bare_desk.agent
    await publish(agent, clock)
    conversation_id = await decide_late(agent, clock)
    bea = await sign_in(bare_desk.ana.http, agent.deps, agent.tenant_id, name="Bea")
    desk = replace(bare_desk, ana=bea)
    seen = await desk.card(conversation_id)
    for expected in ("An approved template can go out instead", "Send the template"):
        assert expected in seen
    assert (await desk.act(conversation_id, "proposal", seen)).headers["hx-redirect"] == "/inbox/review"
    assert "no open request" in (await desk.act(conversation_id, "proposal", seen)).text
    (row,) = await agent.rows("select member_id, template->>'name' as name from messages where template is not null")
    assert (row["member_id"], row["name"]) == (bea.member_id, "school_price")
    (request,) = await agent.rows("select resolution, resolved_by from escalations")
    assert (request["resolution"], request["resolved_by"]) == ("answered", bea.member_id)


# --- translations ------------------------------------------------------------------------------------------------


async def test_card_is_translated_once_for_everybody(desk: Desk) -> None:
    conversation_id = await desk.escalate()
    path = f"/inbox/conversations/{conversation_id}/review/translation"
    first, second = [(await desk.ana.get(path)).text for _ in range(2)]
    assert "en: ¿Seguro que apruebo?" in first
    assert first == second
    assert len(desk.parrot.asked) == 1
    (call,) = await desk.agent.rows("select cost_microusd, turn_id from model_calls where task = 'translate'")
    assert call["cost_microusd"] == 120
    spent = await desk.agent.value("select cost_microusd from spending where scope = 'tenant_day'")
    assert spent >= 120


async def test_an_edited_text_is_translated_back(desk: Desk) -> None:
    conversation_id = await desk.escalate()
    shown = await desk.act(conversation_id, "preview", text=HONEST, wish="back")
    assert f"en: {HONEST}" in shown.text
    assert "No rule objects" in shown.text
    theirs = await desk.act(conversation_id, "preview", text="Which time suits you?", wish="theirs")
    assert "es: Which time suits you?" in theirs.text


async def test_without_models_the_card_says_what_it_cannot_do(bare_desk: Desk) -> None:
    conversation_id = await bare_desk.escalate()
    assert "Writing a draft anew needs a model" in await bare_desk.card(conversation_id)
    path = f"/inbox/conversations/{conversation_id}/review/translation"
    assert "Translations need a model" in (await bare_desk.ana.get(path)).text
    answer = await bare_desk.act(conversation_id, "redraft", instruction="shorter")
    assert "needs a model" in json.loads(answer.text)["problem"]


# --- writing anew ------------------------------------------------------------------------------------------------


def lines_of(answer: httpx.Response) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_a_draft_is_written_anew_streamed_checked_and_kept_with_the_wish(
    desk: Desk, claude: ClaudeDouble
) -> None:
    conversation_id = await desk.escalate()
    lines = lines_of(await desk.act(conversation_id, "redraft", instruction="Offer <Thursday>"))
    assert lines[-1] == {"done": True}
    texts = [line["text"] for line in lines[:-1]]
    assert len(texts) > 1
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    asked = claude.requests[-1].user
    assert "Offer \\u003cThursday>" in asked
    (row,) = await desk.agent.rows("select draft, verdicts, redraft from escalations where state = 'open'")
    assert row["redraft"]["instruction"] == "Offer <Thursday>"
    assert {each["rule"] for each in row["verdicts"]} >= {"pricing", "promises", "consent"}
    card = await desk.card(conversation_id)
    assert "Written anew for Ana" in card
    assert row["draft"].split("{")[0] in card
    (call,) = await desk.agent.rows("select turn_id, outcome from model_calls where task = 'redraft'")
    assert (call["outcome"], call["turn_id"] is not None) == ("ok", True)


async def test_a_spent_budget_stops_translating_and_writing_anew(desk: Desk, claude: ClaudeDouble) -> None:
    conversation_id = await desk.escalate()
    await desk.agent.change("update spending set cost_microusd = 1000000000 where scope = 'tenant_day'")
    before = len(claude.requests)
    path = f"/inbox/conversations/{conversation_id}/review/translation"
    assert "budget for models is spent" in (await desk.ana.get(path)).text
    (line,) = lines_of(await desk.act(conversation_id, "redraft", instruction="shorter"))
    assert "budget for models is spent" in line["problem"]
    assert (desk.parrot.asked, len(claude.requests)) == ([], before)


async def test_a_model_that_fails_leaves_the_draft_as_it_was(desk: Desk, claude: ClaudeDouble) -> None:
    conversation_id = await desk.escalate()
    claude.script(REFUSAL)
    lines = lines_of(await desk.act(conversation_id, "redraft", instruction="shorter"))
    assert "No model has answered" in lines[-1]["problem"]
    assert await desk.agent.value("select redraft from escalations where state = 'open'") is None
    assert await desk.agent.value("select outcome from model_calls where task = 'redraft'") == "refused"
