"""What an operator must hear of: the one place where notifications begin."""

from collections.abc import Mapping
from typing import Any

import structlog

from agent.store.db import Tx
from agent.store.events import insert_system_event

log = structlog.get_logger(__name__)


async def alert(tx: Tx, kind: str, data: Mapping[str, Any], *, fix: str) -> None:
    """Tell operators, by a system event and the log; `fix` says what they can do. No text of a prospect in `data`."""
    await insert_system_event(tx, kind, data)
    log.warning(kind, **data, fix=fix)
