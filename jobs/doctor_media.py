"""What `nightshift doctor` says of files that come with messages: where they are kept, and who hears voice notes."""

import os
from collections.abc import Iterator
from pathlib import Path

from agent.settings import Settings
from jobs.finding import Finding
from jobs.wiring import media_directory


def check_media(settings: Settings) -> Iterator[Finding]:
    """Look at the media store and the transcriber; neither is called."""
    if settings.supabase_url and not settings.supabase_secret_key:
        yield Finding(
            level="bad",
            subject="files",
            text="SUPABASE_URL is set but SUPABASE_SECRET_KEY is not: files are kept on this host's disk",
            fix="Copy the secret key (sb_secret_…) from the Supabase dashboard, or unset SUPABASE_URL.",
        )
    elif settings.supabase_url:
        yield Finding(level="ok", subject="files", text="kept in Supabase Storage; not called to check")
    else:
        yield _check_disk(media_directory(settings))
    if settings.nightshift_transcriber_url is None:
        yield Finding(
            level="note",
            subject="voice notes",
            text="nobody here can hear them: prospects are asked to write",
            fix="Set NIGHTSHIFT_TRANSCRIBER_URL to have them written down.",
        )


def _check_disk(directory: Path) -> Finding:
    existing = next(each for each in (directory, *directory.parents) if each.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        fix = f"Let the account that runs Nightshift write into {existing}, or set NIGHTSHIFT_HOME."
        return Finding(level="bad", subject="files", text=f"cannot be kept in {directory}", fix=fix)
    text = f"kept in {directory}: web processes and workers must share it"
    return Finding(level="ok", subject="files", text=text)
