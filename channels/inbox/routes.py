"""All addresses of the inbox, with the least role that may use each. Tests try every row with everybody else."""

from collections.abc import Mapping, Sequence

from fastapi import APIRouter
from jinja2 import Environment

from agent.ports import StaffDeps
from channels.inbox import (
    evaluation_page,
    foresight_page,
    operations_page,
    queue_actions,
    queue_page,
    replay_page,
    review_models,
    review_page,
    rollouts_page,
    run_page,
    runs_page,
    search_page,
    trust_page,
)
from channels.inbox.conversation_routes import CONVERSATION_PAGES
from channels.inbox.live import Feeds
from channels.inbox.office_routes import OFFICE_PAGES
from channels.inbox.pages import Page, add_pages, build_environments
from channels.inbox.sign_in import SignIn, build_sign_in
from channels.inbox.sign_in_accounts import build_account_sign_in
from channels.inbox.supabase_auth import SupabaseAuth


def list_pages(feeds: Feeds) -> Sequence[Page]:
    """Return every page for signed-in members."""
    return (
        Page(method="GET", path="/inbox", answer=queue_page.show),
        Page(method="POST", path="/inbox/queue", answer=queue_actions.act, role="reviewer"),
        Page(method="GET", path="/inbox/queue/news", answer=queue_page.tell_news),
        Page(method="POST", path="/inbox/queue/alerts", answer=queue_actions.choose_alerts),
        Page(method="POST", path="/inbox/queue/views", answer=queue_actions.keep_view),
        Page(method="POST", path="/inbox/queue/views/{view}/delete", answer=queue_actions.forget_view),
        Page(method="GET", path="/inbox/live", answer=feeds.open),
        *CONVERSATION_PAGES,
        *review_page.PAGES,
        *foresight_page.PAGES,
        *rollouts_page.PAGES,
        *trust_page.PAGES,
        *review_models.PAGES,
        *operations_page.PAGES,
        *runs_page.PAGES,
        *run_page.PAGES,
        *evaluation_page.PAGES,
        *replay_page.PAGES,
        *search_page.PAGES,
        *OFFICE_PAGES,
    )


def build_inbox(deps: StaffDeps, auth: SupabaseAuth | None = None) -> APIRouter:
    """Build the inbox's routes. `auth`: who identifies staff; None: they sign in by one-time links only."""
    router = APIRouter()
    templates: Mapping[str, Environment] = build_environments()
    sign_in = SignIn(deps, templates)
    router.include_router(build_sign_in(deps, templates, sign_in))
    if auth is not None:
        router.include_router(build_account_sign_in(deps, auth, sign_in))
    add_pages(router, list_pages(Feeds(deps)), deps, templates)
    return router
