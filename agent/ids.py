"""Ids: UUID version 7 (RFC 9562), made in Python because PostgreSQL before 18 cannot."""

from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """Return a fresh UUIDv7: unique, and ordered by creation time to the millisecond."""
    return UUID(bytes=uuid_utils.uuid7().bytes)
