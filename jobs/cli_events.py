"""`nightshift events …`: whether the record of what happened is whole, and a copy of it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jobs.cli_templates import AsJson, ReadSettings, Run


def build_events_app(run: Run, settings: ReadSettings, out: Console) -> typer.Typer:
    """Return the commands."""
    app = typer.Typer(help="Events: the append-only record of every action, chained by hashes.", no_args_is_help=True)

    @app.command("verify")
    def verify(
        *,
        tenant: Annotated[str, typer.Option("--tenant", metavar="SLUG", help="Whose; without it, everybody's.")] = "",
        source: Annotated[
            Path | None, typer.Option("--in", help="An exported file instead.", exists=True, dir_okay=False)
        ] = None,
        head: Annotated[
            str, typer.Option(metavar="SEQ:HASH", help="A head noted earlier, which the chain must contain.")
        ] = "",
        as_json: AsJson = False,
    ) -> None:
        """Find out whether events were altered, removed, inserted or moved since they were sealed.

        Prints each chain's head. Note it elsewhere (the log has one a day): whoever could rewrite the whole database
        could chain everything anew, but not so that it contains a head they cannot reach. Exit code 1: a chain does
        not hold.
        """
        from jobs.events import run_verify, run_verify_file

        if head and not (tenant or source):
            raise typer.BadParameter("it belongs to one tenant: add --tenant", param_hint="--head")
        if source is not None:

            async def verify_file() -> None:
                run_verify_file(source, head, out, as_json=as_json)

            run(verify_file())
            return
        run(run_verify(settings(), tenant, head, out, as_json=as_json))

    @app.command("export")
    def export(
        file: Annotated[Path, typer.Argument(help="Where to write JSON Lines.")],
        tenant: Annotated[str, typer.Option("--tenant", metavar="SLUG", help="Whose events.")],
    ) -> None:
        """Write all events of a tenant with their seals; `events verify --in FILE` needs nothing else."""
        from jobs.events import run_export

        run(run_export(settings(), tenant, file, out))

    return app
