"""What comes with a message, from the webhook's fields to what a turn knows of it."""

import httpx

from agent.message_details import Details
from agent.store.db import Tx
from agent.tenant.file import TenantFile
from agent.types import ConversationId
from tests.doubles.twilio_webhooks import ACCOUNT_SID, post_inbound
from tests.integration.agents import Agent
from tests.integration.conftest import PUBLIC_URL

SID = "SM11111111111111111111111111111111"


async def test_webhook_keeps_kind_details_and_files(client: httpx.AsyncClient, lumen: TenantFile, admin: Tx) -> None:
    ours = next(each.address for each in lumen.channels if each.channel == "whatsapp")
    fields = {"MessageSid": SID, "AccountSid": ACCOUNT_SID, "From": "whatsapp:+34600111222", "To": f"whatsapp:{ours}"}
    file = {"NumMedia": "1", "MediaUrl0": "https://api.twilio.com/x", "MediaContentType0": "image/jpeg"}
    extra = {"MessageType": "image", "Forwarded": "true", "ReferralSourceId": "12", "ReferralHeadline": "Ven"}
    for _ in range(2):  # the second is a duplicate
        answer = await post_inbound(client, PUBLIC_URL, {**fields, **file, **extra})
        assert answer.status_code == 200
    (message,) = await (await admin.execute("select id, kind, body, details from messages")).fetchall()
    assert (message["kind"], message["body"]) == ("image", "[image]")
    assert message["details"] == {
        "forwarded": "once",
        "referral": {"headline": "Ven", "source_id": "12"},
        "wordless": True,
    }
    (kept,) = await (await admin.execute("select * from media")).fetchall()
    assert (kept["message_id"], kept["url"], kept["state"]) == (message["id"], file["MediaUrl0"], "pending")
    jobs = await (await admin.execute("select args from jobs.procrastinate_jobs where task_name = 'media'")).fetchall()
    assert [job["args"]["message_id"] for job in jobs] == [str(message["id"])]


async def quote(agent: Agent, provider_id: str) -> ConversationId:
    return await agent.hear("el segundo", details=Details(reply_to=provider_id))


async def test_reply_is_read_with_what_it_answers(agent: Agent) -> None:
    agent.models.texts = ("Son {price:EN-INT}. ¿Mañana o tarde?", "Hay plazas en los dos turnos.")
    await agent.answer(await agent.hear("¿cuánto cuesta el intensivo?"))
    first = await agent.value("select provider_id from messages where direction = 'outbound'")
    await agent.answer(await agent.hear("¿y hay plazas?"))
    turn = (await agent.claim(await quote(agent, first))).turn
    assert turn.context is not None
    assert "¿Mañana o tarde?" in turn.context
    assert turn.inbound[0].details.quotes_us


async def test_message_that_quotes_what_we_do_not_have_quotes_nothing(agent: Agent) -> None:
    turn = (await agent.claim(await quote(agent, SID))).turn
    assert turn.inbound[0].details == Details(reply_to=SID)
    assert turn.context is None


async def test_nobody_quotes_a_message_of_another_conversation(agent: Agent) -> None:
    await agent.answer(await agent.hear("hola", sender="+34600999888"))
    theirs = await agent.value("select provider_id from messages where direction = 'outbound'")
    assert (await agent.claim(await quote(agent, theirs))).turn.inbound[0].details.quoted == ""
