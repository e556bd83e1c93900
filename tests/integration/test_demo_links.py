"""The links to the inbox that `nightshift up` prints beside the simulator's address."""

from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from agent.ports import Deps
from agent.settings import Settings
from agent.store.db import Database
from agent.store.members import find_member_by_email, insert_member, list_members
from agent.store.sessions import use_signin_link
from agent.tenant.file import TenantFile
from jobs.up import make_demo_links
from tests.conftest import DatabaseUrls


@pytest.fixture
def stored(settings: Settings, database_urls: DatabaseUrls) -> Settings:
    """Settings of the test's database."""
    return settings.model_copy(update={"database_url": SecretStr(database_urls.app_url)})


async def test_each_start_gives_a_fresh_link_to_the_same_manager(
    stored: Settings, deps: Deps, db: Database, lumen: TenantFile
) -> None:
    made = [await make_demo_links(stored) for _ in range(2)]
    assert [[name for name, _ in links] for links in made] == [[lumen.tenant.name]] * 2
    secrets = [parse_qs(urlsplit(links[0][1]).query)["token"][0] for links in made]
    assert len(set(secrets)) == 2
    found = [await use_signin_link(db, secret, deps.now()) for secret in secrets]
    assert [member and (member.email, member.role) for member in found] == [("manager@lumen.example", "manager")] * 2
    async with db.tenant(lumen.tenant.id) as tx:
        assert len(await list_members(tx)) == 1


async def test_a_demo_with_members_of_its_own_gets_no_manager(
    stored: Settings, db: Database, lumen: TenantFile
) -> None:
    async with db.tenant(lumen.tenant.id) as tx:
        await insert_member(tx, lumen.tenant.id, email="ana@lumen.example", name="Ana", role="reviewer")
    assert await make_demo_links(stored) == []
    async with db.tenant(lumen.tenant.id) as tx:
        assert await find_member_by_email(tx, "manager@lumen.example") is None
