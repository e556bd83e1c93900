"""`nightshift drift …`: whether messages are still what they were."""

from typing import Annotated

import typer
from rich.console import Console

from jobs.cli_templates import AsJson, ReadSettings, Run

OfTenant = Annotated[str, typer.Option("--tenant", metavar="SLUG", help="Whose messages.")]


def build_drift_app(run: Run, settings: ReadSettings, out: Console) -> typer.Typer:
    """Return the commands."""
    app = typer.Typer(
        help="Drift: whether languages, intents, confidence and length of messages are still what they were.",
        no_args_is_help=True,
    )

    @app.command("show")
    def show(tenant: OfTenant, as_json: AsJson = False) -> None:
        """Show how far the last week is from the baseline: steady, shifting (PSI 0.1) or drifted (0.25)."""
        from jobs.drift import run_show

        run(run_show(settings(), tenant, out, as_json=as_json))

    @app.command("rebase")
    def rebase(tenant: OfTenant) -> None:
        """Say that what is now is well: the last week, or up to four where it has too little, becomes the baseline."""
        from jobs.drift import run_rebase

        run(run_rebase(settings(), tenant, out))

    return app
