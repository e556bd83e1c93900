"""`nightshift member …` and `nightshift signin-link`: who may use the inbox."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Literal

import typer
from rich.console import Console

from agent.settings import Settings

Run = Callable[[Coroutine[object, object, None]], None]
"""Runs a command, and explains what goes wrong."""

Tenant = Annotated[str, typer.Option("--tenant", help="The tenant's slug.")]
Email = Annotated[str, typer.Argument(help="The member's e-mail address.")]


def build_members_app(run: Run, settings: Callable[[], Settings], out: Console) -> typer.Typer:
    """Return the commands about members."""
    app = typer.Typer(help="Members: the staff who use the inbox.", no_args_is_help=True)

    @app.command("add")
    def add(
        email: Email,
        *,
        tenant: Tenant,
        name: Annotated[str, typer.Option(help="How colleagues see them; default: from the address.")] = "",
        role: Annotated[
            Literal["viewer", "reviewer", "manager"], typer.Option(help="Reads; also answers; also changes settings.")
        ] = "reviewer",
    ) -> None:
        """Let somebody use the inbox, or change their role."""
        from jobs.members import run_add

        run(run_add(settings(), tenant, email, out, name=name, role=role))

    @app.command("list")
    def list_(tenant: Tenant) -> None:
        """List a tenant's members."""
        from jobs.members import run_list

        run(run_list(settings(), tenant, out))

    @app.command("disable")
    def disable(email: Email, *, tenant: Tenant) -> None:
        """Lock somebody out, at once and everywhere. What they did stays theirs."""
        from jobs.members import run_disable

        run(run_disable(settings(), tenant, email, out))

    return app
