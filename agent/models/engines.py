"""An engine for every version: Claude with other prompts or models, at the same providers, in the same process.

Engines share what is known of providers and models (circuits, pace, retry budget), so that a trial of a version cannot
ask more of a provider than its limits allow.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from agent.answers.cache import AnswerCache
from agent.guardrails.judge import RememberingJudge
from agent.local.encoder import Encoder
from agent.models.calibration import Calibrations
from agent.models.capabilities import get_capabilities
from agent.models.claude import ClaudeModels
from agent.models.gateway import Gateway
from agent.models.pricing import ModelPrices
from agent.models.summaries import ClaudeSummariser
from agent.ports import Clock, Engine, Models
from agent.prompts import Prompts
from agent.rollouts.versions import Release, shipped_prompts
from agent.store.db import Database
from agent.types import ModelTier

MOST_ENGINES = 16
"""Engines that are kept; the one not asked for longest goes first, and is made anew when it is."""
TIERS: tuple[ModelTier, ...] = ("fast", "standard", "expert")


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaudeEngines:
    """Implements `agent.ports.Engines`. A version without models is answered by `local`."""

    gateway: Gateway
    calibrations: Calibrations
    local: Models
    db: Database
    encoder: Encoder
    now: Clock
    timeout_s: float
    _kept: "OrderedDict[str, Engine]" = field(default_factory=OrderedDict)

    def engine(self, release: Release) -> Engine:
        """Return what thinks with these prompts and models.

        A file that the version lacks, because it is older than a feature, is this release's.

        Raises:
            Misconfigured: it names a model whose price or abilities are unknown.
        """
        key = release.key
        if key not in self._kept:
            self._kept[key] = self._build(release, key) if release.models else Engine(models=self.local)
            while len(self._kept) > MOST_ENGINES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _build(self, release: Release, key: str) -> Engine:
        check_models(release, self.now)
        prompts = Prompts({**shipped_prompts(), **release.prompts})
        gateway = self.gateway.with_models(release.models)
        claude = ClaudeModels(
            gateway, prompts=prompts, now=self.now, timeout_s=self.timeout_s, calibrations=self.calibrations
        )
        return Engine(
            models=claude,
            judge=RememberingJudge(claude, now=self.now),
            summariser=ClaudeSummariser(gateway, prompts=prompts, timeout_s=self.timeout_s),
            answers=AnswerCache(self.db, self.encoder, prompt_version=claude.reply_version, engine=key),
        )


def check_models(release: Release, now: Clock) -> None:
    """Make sure that a release has a model for every tier, and that all are known.

    Raises:
        Misconfigured: it lacks one, or names one whose price or abilities are unknown.
    """
    prices = ModelPrices.load()
    for tier in TIERS:
        model = release.models.get(tier, "")
        get_capabilities(model)
        prices.get_price(model, prompt_tokens=0, on=now().date())
