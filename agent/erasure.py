"""Erasing a contact (GDPR art. 17): all that is held of them goes in one transaction, with their files.

What stays: that something was erased, when and by whom; what models have cost; and, of who has opted out, a hash of
each address, so that they are not written to should they be met again. Traces are the tracing service's: their ids
are handed back to whoever erases, and are kept nowhere.
"""

from dataclasses import asdict, dataclass

from agent.errors import NightshiftError
from agent.store.db import Tx
from agent.store.erasure import Holdings, delete_contact, keep_opt_outs, lock_contact, read_holdings
from agent.store.event_chain import forget_events
from agent.store.events import insert_event
from agent.types import ContactId, TenantId


class CannotErase(NightshiftError):  # noqa: N818 — says what cannot be done
    """Staff act: a contact cannot be erased as asked. The message says why, and what can be done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Erasure:
    """What was erased."""

    holdings: Holdings
    opt_outs: int
    """Addresses of which a hash is kept."""


async def erase_contact(tx: Tx, tenant_id: TenantId, contact_id: ContactId, *, actor: str) -> Erasure:
    """Erase a contact, with everybody who is part of them.

    A turn or a delivery under way finds its rows gone, and writes nothing.

    Raises:
        CannotErase: they are part of another contact.
        LookupError: this tenant has no such contact.
    """
    if keeper := await lock_contact(tx, contact_id):
        raise CannotErase(f"{contact_id} is part of {keeper}: erase that one, or part the two first.")
    holdings = await read_holdings(tx, contact_id)
    opt_outs = await keep_opt_outs(tx, contact_id)
    threads = await forget_events(tx, contact_id)
    await delete_contact(tx, contact_id)
    counts = {name: value for name, value in asdict(holdings).items() if name != "trace_ids"}
    await insert_event(
        tx,
        tenant_id,
        "contact.erased",
        actor=actor,
        # The chain of events needs to know whose data may be missing.
        data={
            "contact": str(contact_id),
            **counts,
            "opt_outs_kept": opt_outs,
            "threads": [str(each) for each in threads],
        },
    )
    return Erasure(holdings=holdings, opt_outs=opt_outs)
