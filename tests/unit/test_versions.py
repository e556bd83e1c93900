"""Versions: the same content has the same name, any change another, and a policy survives the way there and back."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.rollouts.versions import Release, Version, policy_of, release_of, shipped_prompts, version_of, with_version
from agent.settings import Settings
from agent.types import Policy
from tests.factories import make_tenant

RELEASE = Release(prompts={"reply/system.md": "Be kind."}, models={"fast": "claude-haiku-5-5"})
POLICY = Policy(
    min_confidence=0.6,
    classify_locally_above=0.9,
    human_intents=frozenset({"complaint", "payment"}),
    tiers={"draft": "expert"},
    strictness={"tone": "hold"},
    reuse_answers=False,
)


def test_same_content_in_another_order_has_the_same_name() -> None:
    again = Release(prompts=dict(RELEASE.prompts), models=dict(RELEASE.models))
    shuffled = replace(POLICY, human_intents=frozenset({"payment", "complaint"}))
    assert version_of(again, shuffled).digest == version_of(RELEASE, POLICY).digest
    assert len(version_of(RELEASE, POLICY).digest) == 12


@pytest.mark.parametrize(
    "change",
    [
        lambda: version_of(replace(RELEASE, prompts={"reply/system.md": "Be brief."}), POLICY),
        lambda: version_of(replace(RELEASE, models={"fast": "claude-sonnet-5-5"}), POLICY),
        lambda: version_of(RELEASE, replace(POLICY, min_confidence=0.61)),
        lambda: version_of(RELEASE, replace(POLICY, human_intents=frozenset({"complaint"}))),
    ],
    ids=["a prompt", "a model", "a threshold", "a policy"],
)
def test_any_change_has_another_name(change: Callable[[], Version]) -> None:
    assert change().digest != version_of(RELEASE, POLICY).digest


def test_what_binds_every_version_is_no_part_of_one() -> None:
    other = replace(POLICY, max_per_day=1, sla_minutes=5, quiet_s=9)
    assert version_of(RELEASE, other).digest == version_of(RELEASE, POLICY).digest
    taken = policy_of(version_of(RELEASE, POLICY), replace(Policy(), max_per_day=1))
    assert taken == replace(POLICY, max_per_day=1)


def test_tenant_that_behaves_so_already_stays_the_same_value() -> None:
    tenant = make_tenant(policy=POLICY)
    assert with_version(tenant, version_of(RELEASE, POLICY)) is tenant
    assert with_version(tenant, version_of(RELEASE, Policy())).policy == Policy()


def test_value_of_a_newer_release_is_left_alone() -> None:
    version = replace(version_of(RELEASE, POLICY), policies={"unheard_of": 1, "reuse_answers": True})
    assert policy_of(version, POLICY) == replace(POLICY, reuse_answers=True)


def test_release_without_models_is_the_local_engine() -> None:
    release = release_of(Settings(_env_file=None))
    assert release.models == {}
    assert release.prompts == shipped_prompts()
    assert "reply/system.md" in release.prompts
