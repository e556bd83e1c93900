"""A mail's way into a conversation: its thread, its sender's proof and what that may trigger; reports about ours."""

import pytest

from agent.errors import UnknownRecipient
from agent.language import LanguageDetector
from agent.store import mail
from agent.store.db import Database
from channels.email_threads import reply_address, split_token
from tests.conftest import FakeClock
from tests.doubles.sendgrid_webhooks import make_mail
from tests.integration.agents import Agent
from tests.integration.mail_agents import (
    ANA,
    FAILED,
    OURS,
    PROVEN,
    answered_mail,
    build_mail_agent,
    hear_mail,
    message_row,
)
from tests.unit.mail_reports import ARF, DELAYED, EXIM, POSTFIX
from tests.unit.mail_reports import OURS as REPORTED


@pytest.fixture
async def school(db: Database, clock: FakeClock, detector: LanguageDetector) -> Agent:
    return await build_mail_agent(db, clock, detector)


def mail_of(text: str, verdict: str = "", **headers: str) -> bytes:
    return make_mail(text, **({"Authentication-Results": verdict} if verdict else {}), **headers)


async def escalations(agent: Agent) -> list[str]:
    return [row["reason"] for row in await agent.rows("select reason from escalations order by created_at")]


class TestThread:
    async def test_reply_from_the_same_address_goes_on_in_its_conversation(self, school: Agent) -> None:
        conversation, ours = await answered_mail(school)
        received = await hear_mail(school, mail_of("Gracias", **{"In-Reply-To": ours}))
        assert received.conversation_id == conversation
        assert (await message_row(school, received))["trust"] == "replying"

    async def test_mail_that_names_nothing_of_ours_stays_unproven(self, school: Agent) -> None:
        await answered_mail(school)
        received = await hear_mail(school, mail_of("Hola", **{"In-Reply-To": "<guess@lumen.example>"}))
        assert (await message_row(school, received))["trust"] == "unknown"

    async def test_token_leads_to_the_thread_whatever_the_local_part_and_case(self, school: Agent) -> None:
        conversation, _ = await answered_mail(school)
        async with school.deps.db.tenant(school.tenant_id) as tx:
            token = await mail.get_token(tx, conversation, "reply")
            assert await mail.get_token(tx, conversation, "reply") == token
        for to in (reply_address(OURS, token), f"Reply+{token.upper()}@in.elsewhere.example"):
            received = await hear_mail(school, mail_of("Gracias"), to=to)
            assert received.conversation_id == conversation
            assert (await message_row(school, received))["trust"] == "replying"

    async def test_token_that_nobody_gave_leads_nowhere(self, school: Agent) -> None:
        await answered_mail(school)
        with pytest.raises(UnknownRecipient):
            await hear_mail(school, make_mail("¿Y el B1?"), to=f"otra+{'a' * 26}@lumen.example")

    async def test_address_with_a_tag_of_its_own_is_the_tenants(self, school: Agent) -> None:
        received = await hear_mail(school, mail_of("Hola"), to="hola+promo@lumen.example")
        assert received.outcome == "stored"

    async def test_another_sender_in_a_thread_gets_a_conversation_of_their_own_and_a_person(
        self, school: Agent
    ) -> None:
        conversation, ours = await answered_mail(school)
        reply = mail_of("Lo cogemos", PROVEN, From="luis@ruiz.example", **{"In-Reply-To": ours})
        received = await hear_mail(school, reply)
        assert received.conversation_id not in (conversation, None)
        assert ANA in (await message_row(school, received))["hold"]
        assert received.conversation_id
        await school.answer(received.conversation_id)
        (reason,) = await escalations(school)
        assert "comes from another address" in reason

    @pytest.mark.parametrize(("verdict", "joins"), [(PROVEN, True), ("", False)], ids=["proven", "unproven"])
    async def test_second_address_of_a_contact_joins_their_thread_if_it_is_proven(
        self, school: Agent, verdict: str, joins: bool
    ) -> None:
        conversation, ours = await answered_mail(school)
        await school.change(
            """insert into contact_points (id, tenant_id, contact_id, kind, address, normalised)
               select gen_random_uuid(), tenant_id, contact_id, 'email', 'ana@trabajo.ruiz.example',
                      'ana@trabajo.ruiz.example' from conversations where id = %s""",
            conversation,
        )
        reply = mail_of("Gracias", verdict, From="ana@trabajo.ruiz.example", **{"In-Reply-To": ours})
        received = await hear_mail(school, reply)
        assert (received.conversation_id == conversation) is joins
        assert ((await message_row(school, received))["hold"] == "") is joins

    @pytest.mark.parametrize(
        ("address", "base", "token"),
        [
            ("hola+abcdefghijklmnopqrstuvwxyz@lumen.example", "hola@lumen.example", "abcdefghijklmnopqrstuvwxyz"),
            ("reply+AbC123xyz@in.lumen.example", "reply@in.lumen.example", "abc123xyz"),
            ("hola+promo@lumen.example", "hola+promo@lumen.example", None),
            ("hola@lumen.example", "hola@lumen.example", None),
            ("+@x", "+@x", None),
        ],
    )
    def test_token_is_read_from_an_address(self, address: str, base: str, token: str | None) -> None:
        assert split_token(address) == (base, token)


class TestUnprovenSenders:
    @pytest.mark.parametrize("verdict", [PROVEN, "", FAILED], ids=["proven", "unknown", "failed"])
    async def test_anybodys_opt_out_is_heeded(self, school: Agent, verdict: str) -> None:
        received = await hear_mail(school, mail_of("BAJA", verdict))
        assert received.conversation_id
        await school.answer(received.conversation_id)
        assert await school.value("select count(*) from suppressions where lifted_at is null") == 1

    @pytest.mark.parametrize(
        ("verdict", "lifted"), [(PROVEN, 1), ("", 0), (FAILED, 0)], ids=["proven", "unknown", "failed"]
    )
    async def test_only_a_proven_sender_gives_consent_again(self, school: Agent, verdict: str, lifted: int) -> None:
        for text, said_by in (("BAJA", ""), ("START", verdict)):
            received = await hear_mail(school, mail_of(text, said_by))
            assert received.conversation_id
            await school.answer(received.conversation_id)
        assert await school.value("select count(*) from suppressions where lifted_at is not null") == lifted

    async def test_forged_mail_gets_no_answer_and_a_person_sees_it(self, school: Agent) -> None:
        received = await hear_mail(school, mail_of("¿Cuánto cuesta?", FAILED))
        assert received.conversation_id
        await school.answer(received.conversation_id)
        assert await school.value("select count(*) from messages where direction = 'outbound'") == 0
        (reason,) = await escalations(school)
        assert "may be forged" in reason


class TestHeldForAPerson:
    async def test_encrypted_mail_is_kept_and_handed_over_with_a_notice(self, school: Agent) -> None:
        raw = (
            b"From: ana@ruiz.example\r\nMessage-ID: <1@x>\r\nContent-Type: application/pkcs7-mime; name=smime.p7m\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\nAAAA"
        )
        received = await hear_mail(school, raw)
        assert received.conversation_id
        await school.answer(received.conversation_id)
        (reason,) = await escalations(school)
        assert "S/MIME" in reason
        assert await school.value("select count(*) from messages where direction = 'outbound'") == 1
        async with school.deps.db.tenant(school.tenant_id) as tx:
            assert await mail.find_original(tx, received.message_id) == raw

    async def test_seventh_mail_within_an_hour_is_not_answered_but_shown(self, school: Agent, clock: FakeClock) -> None:
        for n in range(7):
            clock.advance(60)
            received = await hear_mail(school, mail_of(f"¿Y el nivel {n}?"))
            assert received.conversation_id
            await school.answer(received.conversation_id)
            if await escalations(school):
                break
        assert await school.value("select count(*) from messages where direction = 'outbound'") <= 6
        assert len(await escalations(school)) == 1


class TestReports:
    @pytest.mark.parametrize("report", [POSTFIX, EXIM], ids=["by-the-book", "prose"])
    async def test_bounce_fails_our_mail_and_is_no_message(self, school: Agent, report: bytes) -> None:
        _, ours = await answered_mail(school)
        raw = report.replace(REPORTED.encode(), ours.encode())
        for _ in range(2):
            received = await hear_mail(school, raw, envelope_from="")
            assert received.outcome == "report"
        states = await school.rows("select state, error_code from messages where direction = 'outbound'")
        assert states == [{"state": "failed", "error_code": "5.1.1"}]
        assert await school.value("select count(*) from contacts") == 1

    async def test_bounce_finds_our_mail_by_our_own_id_in_its_message_id(self, school: Agent) -> None:
        await answered_mail(school)
        own = await school.value("select id from messages where direction = 'outbound'")
        raw = POSTFIX.replace(REPORTED.encode(), f"<{own}@lumen.example>".encode())
        assert (await hear_mail(school, raw, envelope_from="")).message_id == own

    async def test_delay_changes_no_state(self, school: Agent) -> None:
        _, ours = await answered_mail(school)
        before = await school.value("select state from messages where direction = 'outbound'")
        received = await hear_mail(school, DELAYED.replace(REPORTED.encode(), ours.encode()), envelope_from="")
        assert received.outcome == "report"
        assert await school.value("select state from messages where direction = 'outbound'") == before

    async def test_complaint_suppresses_the_contact(self, school: Agent) -> None:
        _, ours = await answered_mail(school)
        await hear_mail(school, ARF.replace(REPORTED.encode(), ours.encode()), envelope_from="")
        assert await school.value("select reason from suppressions") == "complained about our mail"

    async def test_report_about_a_mail_we_never_sent_is_kept_and_never_answered(self, school: Agent) -> None:
        received = await hear_mail(school, POSTFIX, envelope_from="")
        assert received.outcome == "stored"
        assert received.conversation_id
        await school.answer(received.conversation_id)
        assert await school.value("select count(*) from messages where direction = 'outbound'") == 0
        assert await escalations(school) == []
