"""An engine for every version in one process: other prompts and models at the same providers, over HTTP to a double."""

from collections.abc import AsyncIterator, Iterator

import pytest

from agent.answers.cache import AnswerCache
from agent.errors import Misconfigured
from agent.local.encoder import Encoder
from agent.models.calibration import Calibrations
from agent.models.claude import ClaudeModels
from agent.models.engines import MOST_ENGINES, ClaudeEngines
from agent.models.providers import build_gateway
from agent.rollouts.versions import Release, release_of, shipped_prompts
from agent.settings import Settings
from agent.store.db import Database
from tests.conftest import FakeClock
from tests.doubles.claude import ClaudeDouble
from tests.doubles.models import ScriptedModels
from tests.factories import make_classification
from tests.integration.gateways import settings_for


@pytest.fixture
def double() -> Iterator[ClaudeDouble]:
    with ClaudeDouble() as double:
        yield double


@pytest.fixture
def settings(double: ClaudeDouble) -> Settings:
    return settings_for(double)


@pytest.fixture
async def engines(settings: Settings, db: Database, clock: FakeClock, encoder: Encoder) -> AsyncIterator[ClaudeEngines]:
    gateway = build_gateway(settings, now=clock)
    yield ClaudeEngines(
        gateway=gateway,
        calibrations=Calibrations.load(),
        local=ScriptedModels(classification=make_classification()),
        db=db,
        encoder=encoder,
        now=clock,
        timeout_s=30,
    )
    await gateway.aclose()


async def test_two_versions_ask_their_own_models_with_their_own_prompts(
    engines: ClaudeEngines, settings: Settings, double: ClaudeDouble
) -> None:
    usual = release_of(settings)
    other = Release(
        prompts={"classify/system.md": "You label messages. Version two."},
        models={**usual.models, "fast": usual.models["standard"]},
    )
    seen = []
    for release in (usual, other):
        models = engines.engine(release).models
        assert isinstance(models, ClaudeModels)
        seen.append((await models.classify_text("¿Cuánto cuesta?")).classification)
    assert [each.model for each in seen] == [usual.models["fast"], usual.models["standard"]]
    assert seen[0].prompt_version != seen[1].prompt_version
    assert "Version two" in str(double.requests[-1])
    assert "Version two" not in str(double.requests[0])


async def test_engine_is_made_once_and_shares_circuits(engines: ClaudeEngines, settings: Settings) -> None:
    usual = release_of(settings)
    briefer = Release(prompts={**shipped_prompts(), "reply/system.md": "Be brief."}, models=usual.models)
    assert engines.engine(usual) is engines.engine(release_of(settings))
    one, other = engines.engine(usual).models, engines.engine(briefer).models
    assert isinstance(one, ClaudeModels)
    assert isinstance(other, ClaudeModels)
    assert one is not other
    assert one.gateway is other.gateway is engines.gateway
    changed = engines.gateway.with_models({**usual.models, "fast": usual.models["standard"]})
    assert changed is not engines.gateway
    assert {each.model for each in changed.health()} == {usual.models["standard"], usual.models["expert"]}


async def test_answers_of_one_engine_are_not_given_by_another(engines: ClaudeEngines, settings: Settings) -> None:
    usual = release_of(settings)
    other = Release(prompts=usual.prompts, models={**usual.models, "standard": usual.models["expert"]})
    caches = [engines.engine(each).answers for each in (usual, other)]
    assert all(isinstance(each, AnswerCache) for each in caches)
    assert caches[0] is not caches[1]


async def test_version_without_models_is_the_local_engine(engines: ClaudeEngines) -> None:
    engine = engines.engine(Release(prompts={}, models={}))
    assert engine.models is engines.local
    assert (engine.judge, engine.answers) == (None, None)


async def test_version_with_an_unknown_or_missing_model_is_refused(engines: ClaudeEngines, settings: Settings) -> None:
    usual = release_of(settings)
    for models in ({**usual.models, "fast": "claude-nothing"}, {"fast": usual.models["fast"]}):
        with pytest.raises(Misconfigured):
            engines.engine(Release(prompts={}, models=models))  # type: ignore[arg-type]  # tiers as keys


async def test_engines_that_are_not_asked_for_are_let_go(engines: ClaudeEngines) -> None:
    first = engines.engine(Release(prompts={"x/y.md": "0"}, models={}))
    for number in range(1, MOST_ENGINES + 1):
        engines.engine(Release(prompts={"x/y.md": str(number)}, models={}))
    assert engines.engine(Release(prompts={"x/y.md": "0"}, models={})) is not first
