"""Translations made for staff, by a hash of the original and the language: asked of a model once for each tenant."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from agent.store.db import Tx
from agent.types import TenantId


def hash_of(text: str) -> bytes:
    """Return how a text is looked up."""
    return sha256(text.encode("utf-8", "replace")).digest()


async def find_translations(tx: Tx, texts: Sequence[str], language: str) -> Mapping[str, str]:
    """Return the translations there are, by original."""
    wanted = {hash_of(text): text for text in texts}
    cursor = await tx.execute(
        """select text_hash, text from translations
           where text_hash = any(%s) and language = %s and tenant_id = (select current_tenant())""",
        (list(wanted), language),
    )
    return {wanted[bytes(row["text_hash"])]: row["text"] for row in await cursor.fetchall()}


async def keep_translations(
    tx: Tx, tenant_id: TenantId, translations: Mapping[str, str], language: str, model: str
) -> None:
    """Keep translations by original, for whoever looks next."""
    for original, text in translations.items():
        await tx.execute(
            """insert into translations (tenant_id, text_hash, language, text, model) values (%s, %s, %s, %s, %s)
               on conflict do nothing""",
            (tenant_id, hash_of(original), language, text, model),
        )
