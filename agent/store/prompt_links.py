"""Which version in Langfuse a prompt of ours is. Belongs to no tenant."""

from dataclasses import dataclass

from agent.store.db import Tx


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptLink:
    """A prompt's version here, a hash of its text, and there, a number."""

    project: str
    """Public key."""
    name: str
    version: str
    number: int


async def list_links(tx: Tx) -> list[PromptLink]:
    """Return every link."""
    cursor = await tx.execute("select project, name, version, number from prompt_links order by 1, 2, 3")
    return [PromptLink(**row) for row in await cursor.fetchall()]


async def save_link(tx: Tx, link: PromptLink) -> None:
    """Keep a link, in place of what was known of that version."""
    await tx.execute(
        """insert into prompt_links (project, name, version, number) values (%s, %s, %s, %s)
           on conflict (project, name, version) do update set number = excluded.number""",
        (link.project, link.name, link.version, link.number),
    )
