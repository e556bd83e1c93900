"""Builds what a worker needs: models, retrieval, guardrails, senders, tracing. Knows their concrete classes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from agent.answers.cache import AnswerCache
from agent.errors import Misconfigured
from agent.guardrails import build_rules
from agent.language import LanguageDetector
from agent.local.classifier import LocalClassifier
from agent.local.encoder import Encoder, load_encoder
from agent.models.local import LocalModels
from agent.ports import AgentDeps, ChannelSender, Engines, Judge, MediaAccess, ModelHealth, Models, Summariser
from agent.retrieve import TenantRetriever
from agent.settings import Settings
from agent.store.db import Database
from agent.tracing.projects import build_tracer
from agent.types import MediaId, Provider, TenantId
from channels.email_body import read_attachment
from channels.email_letter import MailRoutes
from channels.email_outbound import SmtpSender, parse_smtp_url
from channels.media_fetch import TwilioMediaFetcher
from channels.media_links import MediaKey, media_link
from channels.sendgrid_outbound import SendGridSender
from channels.simulator import SimulatorKeys, SimulatorSender
from channels.transcriber import ApiTranscriber
from channels.twilio_outbound import TwilioSender
from jobs.queue import JobQueue
from jobs.wiring import build_media_store, local_url, open_store, utc_now

if TYPE_CHECKING:
    from agent.models.batches import BatchApi
    from agent.models.claude import ClaudeModels
    from agent.models.engines import ClaudeEngines
    from agent.models.gateway import Gateway


@asynccontextmanager
async def open_agent(settings: Settings) -> AsyncIterator[tuple[AgentDeps, JobQueue]]:
    """Open everything a worker needs: models, retrieval, guardrails, senders, tracing."""
    async with open_store(settings, connections=settings.nightshift_worker_concurrency + 8) as (store, queue):
        detector = await asyncio.to_thread(LanguageDetector.load)
        encoder = await asyncio.to_thread(load_encoder)
        classifier = await asyncio.to_thread(LocalClassifier.load, settings.nightshift_home, encoder)
        retriever = TenantRetriever(encoder)
        local = LocalModels(classifier, retriever, now=utc_now)
        models: Models = local
        judge: Judge | None = None
        health: ModelHealth | None = None
        summariser: Summariser | None = None
        answers: AnswerCache | None = None
        batches: BatchApi | None = None
        engines: Engines | None = None
        if settings.has_models:
            models = claude = load_claude(settings)
            engines = load_engines(settings, claude, local=local, db=store.db, encoder=encoder)
            engine = engines.engine(store.release)
            judge, summariser, answers = engine.judge, engine.summariser, engine.answers
            health = claude.gateway
            batches = find_batches(claude.gateway)
        tracer = build_tracer(settings)
        senders = build_senders(settings, store.db)
        media = build_media_access(settings, shows_images=settings.has_models)
        try:
            yield (
                AgentDeps(
                    settings=settings,
                    db=store.db,
                    tenants=store.tenants,
                    queue=queue,
                    now=utc_now,
                    reach=store.reach,
                    senders=senders,
                    models=models,
                    fallback=local,
                    retriever=retriever,
                    detector=detector,
                    rules=build_rules(detector.detect),
                    tracer=tracer,
                    judge=judge,
                    batches=batches,
                    engines=engines,
                    health=health,
                    summariser=summariser,
                    answers=answers,
                    media=media,
                ),
                queue,
            )
        finally:
            await models.aclose()
            for sender in senders.values():
                await sender.aclose()
            for each in (media.store, media.fetcher, media.transcriber):
                if each is not None:
                    await each.aclose()
            await asyncio.to_thread(tracer.shutdown)


def build_senders(settings: Settings, db: Database) -> Mapping[Provider, ChannelSender]:
    """Return a sender for each provider that is configured."""
    senders: dict[Provider, ChannelSender] = {}
    if settings.twilio_account_sid:
        senders["twilio"] = TwilioSender.from_settings(settings)
    if settings.sends_mail:
        senders["email"] = build_mail_sender(settings)
    if settings.simulator_enabled:
        keys = SimulatorKeys.load(settings.nightshift_home)
        senders["simulator"] = SimulatorSender(
            db, keys, web_url=local_url(settings), public_url=settings.public_url, now=utc_now
        )
    return senders


def build_mail_sender(settings: Settings) -> ChannelSender:
    """Return who carries our mail: the SMTP server where one is set, else SendGrid.

    Raises:
        Misconfigured: SMTP_URL is malformed, or there is neither it nor SENDGRID_API_KEY.
    """
    routes = MailRoutes.from_settings(settings)
    if settings.smtp_url:
        return SmtpSender(parse_smtp_url(settings.smtp_url.get_secret_value()), routes, now=utc_now)
    if settings.sendgrid_api_key is None:
        raise Misconfigured("No mail can leave.", "Set SMTP_URL or SENDGRID_API_KEY.")
    key = settings.sendgrid_api_key.get_secret_value()
    return SendGridSender(key, routes, now=utc_now, base_url=settings.sendgrid_base_url)


def build_media_access(settings: Settings, *, shows_images: bool) -> MediaAccess:
    """Return how files of messages are got, kept and heard. `shows_images`: whether the models look at pictures."""
    return MediaAccess(
        store=build_media_store(settings),
        fetcher=TwilioMediaFetcher.from_settings(settings),
        read_part=read_attachment,
        transcriber=ApiTranscriber.from_settings(settings),
        shows_images=shows_images,
        link=build_linker(settings),
    )


def build_linker(settings: Settings) -> Callable[[TenantId, MediaId, datetime], str]:
    """Return where providers fetch files of ours: by links that are good for a few minutes."""
    key = MediaKey.load(settings.nightshift_home)

    def link(tenant_id: TenantId, media_id: MediaId, now: datetime) -> str:
        return f"{settings.public_url}{media_link(key, tenant_id, media_id, now)}"

    return link


def find_batches(gateway: "Gateway") -> "BatchApi | None":
    """Return the batches of the first provider that has them."""
    from agent.models.batches import find_batch_api  # noqa: PLC0415
    from agent.models.pricing import ModelPrices  # noqa: PLC0415

    return find_batch_api(gateway.providers, prices=ModelPrices.load(), now=utc_now)


def load_claude(settings: Settings) -> "ClaudeModels":
    """Return Claude behind the models' port.

    Raises:
        Misconfigured: a provider lacks its key, or a model has no known price or abilities.
    """
    # The SDK takes a second to import, which the local engine need not wait for.
    from agent.models.calibration import Calibrations  # noqa: PLC0415
    from agent.models.claude import ClaudeModels  # noqa: PLC0415
    from agent.models.providers import build_gateway  # noqa: PLC0415
    from agent.prompts import Prompts  # noqa: PLC0415

    return ClaudeModels(
        build_gateway(settings, now=utc_now),
        prompts=Prompts.load(),
        now=utc_now,
        timeout_s=settings.nightshift_model_timeout_s,
        calibrations=Calibrations.load(settings.nightshift_home),
    )


def load_engines(
    settings: Settings, claude: "ClaudeModels", *, local: Models, db: Database, encoder: Encoder
) -> "ClaudeEngines":
    """Return an engine for every version, all behind the gateway of `claude`."""
    from agent.models.calibration import Calibrations  # noqa: PLC0415 — as above
    from agent.models.engines import ClaudeEngines  # noqa: PLC0415

    return ClaudeEngines(
        gateway=claude.gateway,
        calibrations=Calibrations.load(settings.nightshift_home),
        local=local,
        db=db,
        encoder=encoder,
        now=utc_now,
        timeout_s=settings.nightshift_model_timeout_s,
    )
