"""`nightshift media …`: the files that prospects have sent."""

from collections.abc import Callable, Coroutine
from typing import Annotated

import typer
from rich.console import Console

from agent.settings import Settings

Run = Callable[[Coroutine[object, object, None]], None]
"""Runs a command, and explains what goes wrong."""


def build_media_app(run: Run, settings: Callable[[], Settings], out: Console) -> typer.Typer:
    """Return the commands."""
    app = typer.Typer(help="Media: pictures, voice notes and documents that prospects sent.", no_args_is_help=True)

    @app.callback()
    def media() -> None:
        """Keep `list` a command of its own though it is the only one."""

    @app.command("list")
    def list_(
        contact: Annotated[str, typer.Argument(help="Only this contact's: an id or an address.")] = "",
        *,
        tenant: Annotated[str, typer.Option("--tenant", help="The tenant's slug.")],
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        """List the newest files: what became of each, and a link to it that holds for ten minutes."""
        from jobs.media import run_list

        run(run_list(settings(), tenant, contact, out, as_json=as_json))

    return app
