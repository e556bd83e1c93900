"""Tokens as the double for Claude counts them: text by its bytes, prompts through a prompt cache.

The cache follows the vendor's rules: the longest prefix that ends at a mark and is still alive is read, what follows up
to the last mark is written, reading renews its life, and a prefix below the model's minimum is not cached.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.doubles.claude_rules import HAIKU, OPUS, SONNET

BYTES_PER_TOKEN = 3.1
"""Of the newer tokenizer, in a mix of Spanish, Portuguese, English and JSON."""
MESSAGE_TOKENS = 8
"""What a message costs besides its text."""
MIN_CACHED = {HAIKU: 512, OPUS: 512, SONNET: 1024}
"""Sonnet's is not published; this is the double's guess."""
LIFE_S = {"5m": 300.0, "1h": 3600.0}


def count_tokens(text: str) -> int:
    """Return how many tokens a text has."""
    return -(-len(text.encode("utf-8", "replace")) * 10 // round(BYTES_PER_TOKEN * 10))


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A piece of a prompt, and how long what ends with it is to be cached."""

    text: str
    ttl: str | None = None

    @property
    def tokens(self) -> int:
        return count_tokens(self.text)


def blocks_of(body: Mapping[str, Any]) -> list[Block]:
    """Return a prompt's blocks in the order that counts: tools, system, messages."""
    blocks = list(_blocks(body))
    if mark := body.get("cache_control"):  # at the top level: the last block is marked
        blocks[-1] = Block(text=blocks[-1].text, ttl=mark.get("ttl", "5m"))
    return blocks


def _blocks(body: Mapping[str, Any]) -> Iterator[Block]:
    schema = (body.get("output_config") or {}).get("format")
    if schema or body.get("tools"):
        yield Block(text=json.dumps([schema, body.get("tools")]))
    contents: list[Any] = [body.get("system") or [], *(message["content"] for message in body["messages"])]
    for content in contents:
        pieces: list[Any] = [{"text": content}] if isinstance(content, str) else content
        for block in pieces:
            mark = block.get("cache_control")
            yield Block(text=block.get("text") or json.dumps(block), ttl=mark.get("ttl", "5m") if mark else None)


class PromptCache:
    """Prefixes that have been written, and until when they live."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._alive_until: dict[str, float] = {}

    def count(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the usage of a prompt, and remember what it writes."""
        written = {"5m": 0, "1h": 0}
        digest = hashlib.sha256(str(body["model"]).encode())
        total = read = reached = 0
        for block in blocks_of(body):
            total += block.tokens
            digest.update(block.text.encode("utf-8", "replace") + b"\0")
            if block.ttl is None or total < MIN_CACHED[body["model"]]:
                continue
            key = digest.hexdigest()
            if self._alive_until.get(key, 0) > self._clock():
                read, written = total, {"5m": 0, "1h": 0}
            else:
                written[block.ttl] += total - max(reached, read)
            reached = total
            self._alive_until[key] = self._clock() + LIFE_S[block.ttl]
        fresh = total - read - sum(written.values())
        return {
            "input_tokens": fresh + MESSAGE_TOKENS * len(body["messages"]),
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": sum(written.values()),
            "cache_creation": {f"ephemeral_{ttl}_input_tokens": tokens for ttl, tokens in written.items()},
            "inference_geo": "global",
            "service_tier": "standard",
        }
