"""The answer cache on pairs of questions: re-wordings should share an answer, look-alikes must not.

`python -m tests.benchmarks.answer_cache` prints the hit rate, every false hit, and what the parts of the key do alone.
The pairs were written for this. Those of *verdesolar* came after the key: 24 of its 34 re-wordings hit at first sight,
and no look-alike; four more since the key learned a few words from them.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.answers.cache import CLOSE
from agent.answers.key import content_key, normalised
from agent.local.encoder import Encoder, load_encoder
from agent.tenant.file import load_tenant_file
from agent.types import Tenant

REPOSITORY = Path(__file__).parents[2]
PAIRS = REPOSITORY / "tests/unit/data/answer_pairs.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two questions, and whether one answer serves both."""

    tenant: str
    language: str
    a: str
    b: str
    same: bool
    why: str
    other_language: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """A pair as the cache sees it, the intents taken for equal: the worst case."""

    pair: Pair
    same_words: bool
    same_content: bool
    cosine: float

    @property
    def hits(self) -> bool:
        """Whether one would get the answer to the other."""
        return self.same_words or (self.same_content and self.cosine >= CLOSE)


def load_pairs() -> list[Pair]:
    """Return all pairs."""
    return [Pair(**json.loads(line)) for line in PAIRS.read_text("utf-8").splitlines()]


def load_tenants(pairs: Sequence[Pair]) -> dict[str, Tenant]:
    """Return the businesses that the pairs were written to."""
    return {
        slug: load_tenant_file(REPOSITORY / f"agent/example_tenants/{slug}.yaml").tenant
        for slug in {pair.tenant for pair in pairs}
    }


def compare(pair: Pair, tenant: Tenant, encoder: Encoder) -> Compared:
    """Compare the questions of a pair. An empty key, as greetings have, needs no cosine."""
    in_one_language = pair.other_language in {"", pair.language}
    key = content_key(pair.a, pair.language, tenant.catalogue)
    first, second = encoder.embed([pair.a, pair.b])
    return Compared(
        pair=pair,
        same_words=in_one_language and normalised(pair.a) == normalised(pair.b),
        same_content=in_one_language and key == content_key(pair.b, pair.language, tenant.catalogue),
        cosine=float(first @ second) if key else 1.0,
    )


def report(found: Sequence[Compared]) -> Iterator[tuple[str, str]]:
    """Yield figures: what, and how much."""
    alike = [each for each in found if each.pair.same]
    different = [each for each in found if not each.pair.same]
    for slug in sorted({each.pair.tenant for each in found}):
        mine = [each for each in alike if each.pair.tenant == slug]
        yield f"re-wordings, {slug}", f"{sum(each.hits for each in mine)} of {len(mine)} hit"
    yield (
        "look-alikes",
        f"{sum(each.hits for each in different)} of {len(different)} hit (each would be a wrong answer)",
    )
    for threshold in (0.8, 0.9):
        right, wrong = (sum(each.cosine >= threshold for each in group) for group in (alike, different))
        yield f"cosine ≥ {threshold} alone, for comparison", f"{right} right, {wrong} wrong"
    key_alone = sum(each.same_content for each in alike), sum(each.same_content for each in different)
    yield "content key alone, for comparison", f"{key_alone[0]} right, {key_alone[1]} wrong"


def run() -> list[tuple[str, str]]:
    """Measure; return lines of a table."""
    pairs = load_pairs()
    tenants, encoder = load_tenants(pairs), load_encoder()
    found = [compare(pair, tenants[pair.tenant], encoder) for pair in pairs]
    lines = [(f"answer cache: {what}", figure) for what, figure in report(found)]
    wrong = [each.pair for each in found if each.hits and not each.pair.same]
    return lines + [("answer cache: FALSE HIT", f"{pair.a} / {pair.b}") for pair in wrong]


if __name__ == "__main__":
    for what, figure in run():
        print(f"{what:60} {figure}")  # noqa: T201 — its output
