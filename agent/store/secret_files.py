"""Files that only their owner may read, written whole or not at all."""

import os
import secrets
import tempfile
from pathlib import Path


def write_secret(path: Path, text: str) -> None:
    """Write or replace a file (mode 0600); after a crash it holds the old text or the new."""
    _write_beside(path, text).replace(path)


def keep_secret(path: Path) -> str:
    """Return the random text kept in a file, making it (mode 0600) the first time.

    Of several processes that come first at once, all get the same text.
    """
    if not path.exists():
        fresh = _write_beside(path, secrets.token_urlsafe(24))
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            pass  # somebody was faster: theirs counts
        finally:
            fresh.unlink()
    return path.read_text(encoding="utf-8")


def _write_beside(path: Path, text: str) -> Path:
    """Write a file of a passing name in the same directory, safe on disk."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)
