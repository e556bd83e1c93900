"""`nightshift runs …`: turns as operators look at them, on the command line."""

from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from jobs.cli_templates import AsJson, ReadSettings, Run

OfTenant = Annotated[str, typer.Option("--tenant", metavar="SLUG", help="Whose runs.")]
RunId = Annotated[UUID, typer.Argument(help="The run's id, as `list` prints it.")]


def build_runs_app(run: Run, settings: ReadSettings, out: Console) -> typer.Typer:
    """Return the commands."""
    app = typer.Typer(help="Runs: turns of the agent, what became of them, and once more.", no_args_is_help=True)

    @app.command("list")
    def list_(
        *,
        tenant: OfTenant,
        state: Annotated[
            str, typer.Option(help="queued, running, waiting, done, superseded, failed or cancelled.")
        ] = "",
        decision: Annotated[str, typer.Option(help="send, escalate or nothing.")] = "",
        channel: Annotated[str, typer.Option(help="whatsapp, sms or email.")] = "",
        intent: Annotated[str, typer.Option(help="What the prospect wanted.")] = "",
        error: Annotated[str, typer.Option(help="A part of the error's text.")] = "",
        limit: Annotated[int, typer.Option(min=1, max=500, help="How many, the newest.")] = 50,
        as_json: AsJson = False,
    ) -> None:
        """List runs, newest first; those that have not ended come before them."""
        from agent.store.runs import RunFilter
        from jobs.runs import run_list

        wanted = RunFilter(state=state, decision=decision, channel=channel, intent=intent, error=error)
        run(run_list(settings(), tenant, wanted, out, limit=limit, as_json=as_json))

    @app.command("show")
    def show(run_id: RunId, tenant: OfTenant, as_json: AsJson = False) -> None:
        """Show one run: what was said, model calls, requests for a person, hand-overs to the provider, its reports."""
        from jobs.runs import run_show

        run(run_show(settings(), tenant, run_id, out, as_json=as_json))

    @app.command("replay")
    def replay(run_id: RunId, tenant: OfTenant, as_json: AsJson = False) -> None:
        """Think about a past turn with today's version, send nothing, and show what differs. Model calls are real."""
        from jobs.runs import run_replay_now

        run(run_replay_now(settings(), tenant, run_id, out, as_json=as_json))

    @app.command("retry")
    def retry(run_id: RunId, tenant: OfTenant) -> None:
        """Have the messages of a failed or cancelled turn answered after all."""
        from jobs.runs import run_retry

        run(run_retry(settings(), tenant, run_id, out))

    @app.command("cancel")
    def cancel(
        conversation: Annotated[UUID, typer.Argument(help="The conversation whose turn waits.")], tenant: OfTenant
    ) -> None:
        """Let nobody answer what waits in a conversation."""
        from jobs.runs import run_cancel

        run(run_cancel(settings(), tenant, conversation, out))

    return app
