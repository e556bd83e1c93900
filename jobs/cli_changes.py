"""`nightshift versions …`, `rollout …` and `trust …`: changing what answers prospects, with proof and step by step."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from jobs.cli_templates import AsJson, ReadSettings, Run

OfTenant = Annotated[str, typer.Option("--tenant", metavar="SLUG", help="Whose.")]
Digest = Annotated[str, typer.Argument(metavar="DIGEST", help="The version, as `nightshift versions list` names it.")]
ChannelName = Literal["whatsapp", "sms", "email"]
LevelName = Literal["off", "shadow", "review", "canary", "autonomous"]


def add_changes(app: typer.Typer, run: Run, settings: ReadSettings, out: Console) -> None:
    """Add the commands to `app`."""
    app.add_typer(build_versions_app(run, settings, out), name="versions")
    app.add_typer(build_rollout_app(run, settings, out), name="rollout")
    app.add_typer(build_trust_app(run, settings, out), name="trust")


def build_versions_app(run: Run, settings: ReadSettings, out: Console) -> typer.Typer:
    """Return the commands about versions."""
    app = typer.Typer(help="Versions: prompts, models, thresholds and policies that answer.", no_args_is_help=True)

    @app.command("list")
    def list_(tenant: OfTenant, as_json: AsJson = False) -> None:
        """List a tenant's versions, newest first, and which is the current one."""
        from jobs.changes import run_list_versions

        run(run_list_versions(settings(), tenant, out, as_json=as_json))

    @app.command("add")
    def add(
        *,
        tenant: OfTenant,
        prompts: Annotated[
            Path | None, typer.Option(exists=True, file_okay=False, help="A folder laid out like `prompts/`.")
        ] = None,
        model: Annotated[list[str] | None, typer.Option(help="TIER=NAME. Repeatable.")] = None,
        given: Annotated[
            list[str] | None, typer.Option("--set", help="FIELD=VALUE of a threshold or policy, in JSON. Repeatable.")
        ] = None,
        note: Annotated[str, typer.Option(help="What it is for.")] = "",
    ) -> None:
        """Store a version that differs from the current one; nobody has it until it is rolled out."""
        from jobs.changes import Changed, run_add_version

        changed = Changed(prompts=prompts, models=tuple(model or ()), values=tuple(given or ()), note=note)
        run(run_add_version(settings(), tenant, changed, out))

    return app


def build_rollout_app(run: Run, settings: ReadSettings, out: Console) -> typer.Typer:
    """Return the commands about rollouts."""
    app = typer.Typer(help="Rollouts: a version on a share of conversations, back by itself.", no_args_is_help=True)

    @app.command("start")
    def start(
        version: Digest,
        *,
        tenant: OfTenant,
        criterion: Annotated[
            list[str],
            typer.Option(
                help="What must not become worse: errors, latency, cost, escalation, disapproval, complaints, "
                "no_conversion; =POINTS tolerates that many points, as in latency=2. Repeatable."
            ),
        ],
        share: Annotated[int, typer.Option(help="Percent of conversations, 5 to 10.")] = 10,
        hold_hours: Annotated[int, typer.Option(help="48 to 72.")] = 48,
        min_exposed: Annotated[int, typer.Option(help="Conversations it must have answered at least.")] = 200,
    ) -> None:
        """Try an evaluated version. It goes back by itself when a criterion is broken, to everybody when it held."""
        from jobs.changes import Asked, run_start_rollout

        asked = Asked(criteria=tuple(criterion), share_percent=share, hold_hours=hold_hours, min_exposed=min_exposed)
        run(run_start_rollout(settings(), tenant, version, asked, out))

    @app.command("status")
    def status(tenant: OfTenant, as_json: AsJson = False) -> None:
        """Show the rollout under way and those before it, with what the last look found."""
        from jobs.changes import run_rollout_status

        run(run_rollout_status(settings(), tenant, out, as_json=as_json))

    @app.command("stop")
    def stop(
        tenant: OfTenant, reason: Annotated[str, typer.Option(help="Why, for the record.")] = "stopped by an operator"
    ) -> None:
        """End the rollout under way: every conversation has the current version again."""
        from jobs.changes import run_stop_rollout

        run(run_stop_rollout(settings(), tenant, reason, out))

    return app


def build_trust_app(run: Run, settings: ReadSettings, out: Console) -> typer.Typer:
    """Return the commands about the trust dial."""
    app = typer.Typer(
        help="The trust dial: off, shadow, review, canary, autonomous; by channel and intent.", no_args_is_help=True
    )

    @app.command("show")
    def show(tenant: OfTenant, as_json: AsJson = False) -> None:
        """Show where the dial stands, and what staff made of the drafts."""
        from jobs.changes import run_show_trust

        run(run_show_trust(settings(), tenant, out, as_json=as_json))

    @app.command("set")
    def set_(
        level: Annotated[LevelName, typer.Argument(help="off, shadow, review, canary or autonomous.")],
        *,
        tenant: OfTenant,
        channel: Annotated[ChannelName, typer.Option(help="whatsapp, sms or email.")],
        intent: Annotated[str, typer.Option(help="Only this intent. Default: all without a level of their own.")] = "",
    ) -> None:
        """Move the dial: down at once, up one step at a time and with proof."""
        from agent.trust.moving import Place
        from jobs.changes import run_set_trust

        run(run_set_trust(settings(), tenant, Place(channel=channel, intent=intent), level, out))

    return app
