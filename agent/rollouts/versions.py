"""Versions: all that decides how a turn is answered, in one value that never changes (promise P10).

A version is prompts, models, thresholds and policies; its name is a hash of the four, so that the same content has the
same name everywhere, and another content another. What binds every version alike is no part of one: what a tenant has
published, when and how often it may write, and what it may spend.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter

from agent.prompts import Prompts
from agent.settings import Settings
from agent.store import versions as store
from agent.store.db import Tx
from agent.types import ModelTier, Policy, Tenant, TenantId

THRESHOLDS = ("min_confidence", "sure_above", "classify_locally_above")
"""Fields of `Policy` that say how sure is sure enough."""
POLICIES = (
    *("human_intents", "strictness", "tiers", "reuse_answers", "demand_judging", "send_templates"),
    "max_sms_segments",
)
"""Fields of `Policy` that say who answers, and how."""

_POLICY = TypeAdapter(Policy)


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """What a version thinks with: prompt files by path, and models by tier. No models: the local engine."""

    prompts: Mapping[str, str]
    models: Mapping[ModelTier, str]

    @property
    def key(self) -> str:
        """Return what stands for it: equal for equal content."""
        return digest_of(prompts=self.prompts, models=self.models)


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """One way to answer. `thresholds` and `policies` are JSON-safe values of `Policy`, by field."""

    prompts: Mapping[str, str]
    models: Mapping[ModelTier, str]
    thresholds: Mapping[str, Any]
    policies: Mapping[str, Any]
    digest: str = field(init=False)
    """12 hexadecimal digits: its name."""

    def __post_init__(self) -> None:
        """Name it by its content."""
        parts = {name: getattr(self, name) for name in ("prompts", "models", "thresholds", "policies")}
        object.__setattr__(self, "digest", digest_of(**parts))

    @property
    def release(self) -> Release:
        """Return what it thinks with."""
        return Release(prompts=self.prompts, models=self.models)


def digest_of(**parts: Mapping[Any, Any]) -> str:
    """Return a short hash of JSON-safe values, whatever the order of their keys."""
    text = json.dumps({name: dict(part) for name, part in parts.items()}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


@lru_cache(maxsize=1)
def shipped_prompts() -> Mapping[str, str]:
    """Return the prompt files of this release, by path."""
    return MappingProxyType(dict(Prompts.load().files))


def release_of(settings: Settings) -> Release:
    """Return what this process thinks with where no version says otherwise."""
    models: dict[ModelTier, str] = {}
    if settings.has_models:
        models = {
            "fast": settings.nightshift_model_fast,
            "standard": settings.nightshift_model_standard,
            "expert": settings.nightshift_model_expert,
        }
    return Release(prompts=shipped_prompts(), models=models)


def version_of(release: Release, policy: Policy) -> Version:
    """Return the version that a release and a tenant's policy make."""
    values = _POLICY.dump_python(policy, mode="json")
    values["human_intents"] = sorted(values["human_intents"])
    return Version(
        prompts=dict(release.prompts),
        models=dict(release.models),
        thresholds={name: values[name] for name in THRESHOLDS},
        policies={name: values[name] for name in POLICIES},
    )


def policy_of(version: Version, policy: Policy) -> Policy:
    """Return a tenant's policy with a version's thresholds and policies in it.

    Raises:
        pydantic.ValidationError: the version holds values that no policy has.
    """
    known = {*THRESHOLDS, *POLICIES}
    values = {name: value for name, value in {**version.thresholds, **version.policies}.items() if name in known}
    read = _POLICY.validate_python(values)
    return replace(policy, **{name: getattr(read, name) for name in values})


def with_version(tenant: Tenant, version: Version) -> Tenant:
    """Return a tenant that behaves as a version says; the tenant itself where it does so already."""
    policy = policy_of(version, tenant.policy)
    return tenant if policy == tenant.policy else replace(tenant, policy=policy)


async def current_version(tx: Tx, tenant: Tenant, release: Release) -> Version:
    """Return the version that answers a tenant's prospects, but for those that a rollout tries another on.

    Thresholds and policies are the tenant file's; prompts and models are the release's, or those of the version that a
    rollout has brought to everybody (`pin_version`).
    """
    pinned = await store.find_pinned(tx, tenant.id)
    if pinned is not None:
        release = Release(prompts=pinned.prompts, models=pinned.models)
    return version_of(release, tenant.policy)


async def keep_version(tx: Tx, tenant_id: TenantId, version: Version, note: str = "") -> None:
    """Store a version of a tenant, unless it is stored already. `note` says what it is for."""
    if not await store.has_version(tx, tenant_id, version.digest):
        row = store.VersionRow(
            digest=version.digest,
            prompts=version.prompts,
            models=version.models,
            thresholds=version.thresholds,
            policies=version.policies,
            note=note,
        )
        await store.insert_version(tx, tenant_id, row)


async def find_version(tx: Tx, tenant_id: TenantId, digest: str) -> Version | None:
    """Return a stored version; None: this tenant has none of that name."""
    row = await store.find_version(tx, tenant_id, digest)
    return None if row is None else _version(row)


async def get_version(tx: Tx, tenant_id: TenantId, digest: str) -> Version:
    """Return a stored version.

    Raises:
        LookupError: this tenant has none of that name.
    """
    found = await find_version(tx, tenant_id, digest)
    if found is None:
        raise LookupError(f"version {digest} does not exist for this tenant")
    return found


def _version(row: store.VersionRow) -> Version:
    return Version(prompts=row.prompts, models=row.models, thresholds=row.thresholds, policies=row.policies)
