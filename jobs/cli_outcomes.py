"""`nightshift outcomes …`: what came of conversations."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jobs.cli_templates import AsJson, ReadSettings, Run

OfTenant = Annotated[str, typer.Option("--tenant", metavar="SLUG", help="Whose outcomes.")]


def build_outcomes_app(run: Run, settings: ReadSettings, out: Console) -> typer.Typer:
    """Return the commands."""
    app = typer.Typer(help="Outcomes: what came of conversations: booked, won, lost.", no_args_is_help=True)

    @app.command("import")
    def import_(
        file: Annotated[Path, typer.Argument(help="CSV in UTF-8.", exists=True, dir_okay=False)],
        tenant: OfTenant,
        as_json: AsJson = False,
    ) -> None:
        """Record outcomes from a CSV file. Importing it twice changes nothing.

        Columns: id, contact (an id, a number with its +, or an e-mail address), kind (booked, won, lost, reversed),
        amount_minor and currency (won: 129900 EUR is 1,299.00 euros), reason (lost), occurred_at (with a time zone),
        corrects (the id of an outcome that this one replaces), deal.

        Rows that cannot be used are named by line and written to FILE.rejected.csv. Exit code 1: there are some.
        """
        from jobs.outcomes import run_import

        run(run_import(settings(), tenant, file, out, as_json=as_json))

    @app.command("list")
    def list_(
        tenant: OfTenant,
        unmatched: Annotated[bool, typer.Option("--unmatched", help="Only those of people nobody knows yet.")] = False,
        limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest.")] = 50,
        as_json: AsJson = False,
    ) -> None:
        """List outcomes with the conversation, channel and version they are attributed to."""
        from jobs.outcomes import run_list

        run(run_list(settings(), tenant, out, limit=limit, unmatched=unmatched, as_json=as_json))

    @app.command("secret")
    def secret(
        tenant: OfTenant,
        hubspot: Annotated[
            bool, typer.Option("--hubspot", help="Ask for the client secret of a HubSpot app, which signs its calls.")
        ] = False,
    ) -> None:
        """Print a new secret for the webhook of outcomes, and its address. The old one is good for a day more."""
        from jobs.outcomes import run_secret

        given = typer.prompt("Client secret", hide_input=True) if hubspot else ""
        run(run_secret(settings(), tenant, out, hubspot=given))

    return app
