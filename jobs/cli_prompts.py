"""`nightshift prompts …`: our prompts, and Langfuse's copies of them."""

from typing import Annotated

import typer
from rich.console import Console

from jobs.cli_templates import ReadSettings, Run

Tenant = Annotated[str, typer.Option("--tenant", metavar="SLUG", help="In this tenant's own Langfuse project.")]
Label = Annotated[str, typer.Option("--label", help="Langfuse's label of the versions in use.")]


def build_prompts_app(run: Run, settings: ReadSettings, out: Console) -> typer.Typer:
    """Return the commands."""
    app = typer.Typer(
        help="Prompts: the files in `prompts/` are the truth; Langfuse has copies to read.", no_args_is_help=True
    )

    @app.command("push")
    def push(*, tenant: Tenant = "", label: Label = "production") -> None:
        """Write to Langfuse what it lacks, and label what is in use. Workers link generations to it within a minute."""
        from jobs.prompt_sync import run_push

        run(run_push(settings(), tenant, label, out))

    @app.command("diff")
    def diff(*, tenant: Tenant = "", label: Label = "production") -> None:
        """Show how Langfuse's copies differ from the files here. Exit code 1: some do."""
        from jobs.prompt_sync import run_diff

        async def compare() -> None:
            if await run_diff(settings(), tenant, label, out):
                raise typer.Exit(1)

        run(compare())

    return app
