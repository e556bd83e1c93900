"""`nightshift versions`, `rollout` and `trust` as an operator uses them, on a real database."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from rich.console import Console
from typer.testing import CliRunner

from agent.errors import BadRequest, NightshiftError
from agent.rollouts.versions import find_version
from agent.settings import Settings
from agent.trust.moving import Place, TrustRefused
from jobs.changes import (
    Asked,
    Changed,
    read_criterion,
    run_add_version,
    run_list_versions,
    run_rollout_status,
    run_set_trust,
    run_show_trust,
    run_start_rollout,
    run_stop_rollout,
)
from jobs.cli import app
from tests.integration.agents import Agent
from tests.integration.trials import evaluated

ASKED = Asked(criteria=("errors", "latency=2"), share_percent=10, hold_hours=48, min_exposed=200)


@pytest.fixture
def settings(agent: Agent) -> Settings:
    return Settings(_env_file=None, database_url=SecretStr(agent.deps.db.url))


@pytest.fixture
def out() -> Console:
    return Console(record=True, width=200)


async def test_version_is_added_evaluated_rolled_out_and_stopped(
    agent: Agent, settings: Settings, out: Console, tmp_path: Path
) -> None:
    (tmp_path / "reply").mkdir()
    (tmp_path / "reply" / "system.md").write_text("Be brief.", "utf-8")
    changed = Changed(prompts=tmp_path, values=("min_confidence=0.7", 'tiers={"draft": "fast"}'), note="brief")
    await run_add_version(settings, "escuela", changed, out)
    digest = out.export_text().split()[0]
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        version = await find_version(tx, agent.tenant_id, digest)
    assert version is not None
    assert (version.prompts["reply/system.md"], version.thresholds["min_confidence"]) == ("Be brief.", 0.7)
    with pytest.raises(NightshiftError, match="has not been evaluated"):
        await run_start_rollout(settings, "escuela", digest, ASKED, out)
    await evaluated(agent, version)
    await run_start_rollout(settings, "escuela", digest, ASKED, out)
    await run_rollout_status(settings, "escuela", out, as_json=False)
    await run_stop_rollout(settings, "escuela", "enough", out)
    await run_rollout_status(settings, "escuela", out, as_json=True)
    await run_list_versions(settings, "escuela", out, as_json=False)
    said = out.export_text()
    assert f"{digest} canary · 10 %" in said
    assert '"state": "stopped"' in said
    assert '"reason": "enough"' in said
    assert "brief" in said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (Changed(), "That is the current version"),
        (Changed(values=("charm=1",)), "no such field"),
        (Changed(values=("min_confidence=much",)), "is not JSON"),
        (Changed(values=("min_confidence=7",)), "does not fit"),
        (Changed(values=('human_intents=["charm"]',)), "does not fit"),
        (Changed(models=("huge=x",)), "no such tier"),
        (Changed(models=("fast=claude-nothing", "standard=x", "expert=x")), "claude-nothing"),
    ],
    ids=["nothing", "field", "no JSON", "out of range", "unknown intent", "tier", "unknown model"],
)
async def test_version_that_means_nothing_is_refused(
    agent: Agent, settings: Settings, out: Console, changed: Changed, said: str
) -> None:
    with pytest.raises(NightshiftError, match=said):
        await run_add_version(settings, "escuela", changed, out)
    assert await agent.rows("select from versions") == []


async def test_dial_is_shown_and_moved(settings: Settings, out: Console) -> None:
    await run_set_trust(settings, "escuela", Place(channel="whatsapp", intent="pricing"), "review", out)
    with pytest.raises(TrustRefused, match=r"20 are needed|evaluated"):
        await run_set_trust(settings, "escuela", Place(channel="whatsapp", intent="pricing"), "canary", out)
    await run_show_trust(settings, "escuela", out, as_json=False)
    said = out.export_text()
    assert "whatsapp pricing: autonomous → review" in said
    assert "(all others)" in said


@pytest.mark.parametrize("text", ["charm", "latency=much", "latency=100", "latency=-1"])
def test_criterion_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        read_criterion(text)


def test_points_are_read_as_a_share() -> None:
    assert read_criterion("latency=2,5").tolerance == pytest.approx(0.025)


@pytest.mark.parametrize("command", [["versions", "add"], ["rollout", "start"], ["trust", "set"]])
def test_commands_explain_themselves(command: list[str]) -> None:
    shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert "--tenant" in shown.output
