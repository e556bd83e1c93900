"""The command about files. What it asks is in `agent/store/media.py`."""

import json
from dataclasses import asdict

from rich.console import Console

from agent.settings import Settings
from agent.store.media import SentFile, list_files
from channels.media_links import MediaKey, media_link
from jobs.contacts import find_named
from jobs.wiring import open_tenant, utc_now


async def run_list(settings: Settings, slug: str, contact: str, out: Console, *, as_json: bool) -> None:
    """Print a tenant's newest files, or a contact's, each with a link to the web process.

    Raises:
        NightshiftError: there is no such tenant or contact.
    """
    async with open_tenant(settings, slug) as opened:
        files = await list_files(opened.tx, await find_named(opened.tx, contact) if contact else None)
    key = MediaKey.load(settings.nightshift_home)
    links = [_link(file, key, settings) for file in files]
    if as_json:
        shown = [{**asdict(file), "link": link} for file, link in zip(files, links, strict=True)]
        out.print_json(json.dumps(shown, default=str))
        return
    for file, link in zip(files, links, strict=True):
        out.print(_line(file, link), markup=False)


def _link(file: SentFile, key: MediaKey, settings: Settings) -> str:
    if file.state != "stored":
        return ""
    return f"{settings.public_url}{media_link(key, file.tenant_id, file.id, utc_now())}"


def _line(file: SentFile, link: str) -> str:
    name = " · ".join(filter(None, (file.contact_address, file.content_type, file.filename)))
    fate = link or f"{file.state}{f': {file.reason}' if file.reason else ''}"
    heard = f"\n    heard: {file.transcript[:200]}" if file.transcript else ""
    return f"{file.created_at:%Y-%m-%d %H:%M} {name}\n    {fate}{heard}"
