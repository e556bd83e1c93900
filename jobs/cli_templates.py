"""`nightshift templates …`: the texts that may leave when a reply window has closed."""

from collections.abc import Callable, Coroutine
from typing import Annotated

import typer
from rich.console import Console

from agent.settings import Settings

Run = Callable[[Coroutine[object, object, None]], None]
"""Runs a command, and explains what goes wrong."""
ReadSettings = Callable[[], Settings]

TenantSlug = Annotated[str, typer.Option("--tenant", help="The tenant's slug.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def build_templates_app(run: Run, settings: ReadSettings, out: Console) -> typer.Typer:
    """Return the commands."""
    app = typer.Typer(
        help="Templates: what may be sent when WhatsApp's 24 hours are over. Tenant files list them.",
        no_args_is_help=True,
    )

    @app.command("sync")
    def sync(tenant: TenantSlug = "", as_json: AsJson = False) -> None:
        """Ask the provider for the templates of all tenants; the clock does it by itself. Lists those of --tenant."""
        from jobs.templates import run_sync

        run(run_sync(settings(), tenant, out, as_json=as_json))

    @app.command("list")
    def list_(
        tenant: Annotated[str, typer.Option("--tenant", help="The tenant's slug.")], as_json: AsJson = False
    ) -> None:
        """List a tenant's templates: what for, whether WhatsApp has approved each, and what is wrong with it."""
        from jobs.templates import run_list

        run(run_list(settings(), tenant, out, as_json=as_json))

    @app.command("preview")
    def preview(
        name: Annotated[str, typer.Argument(help="The template's name or sid, as the tenant file has it.")],
        *,
        tenant: Annotated[str, typer.Option("--tenant", help="The tenant's slug.")],
        language: Annotated[str, typer.Option(help="Which one, where several have the name.")] = "",
        contact: Annotated[str, typer.Option(help="The contact's name.")] = "Ana",
        address: Annotated[str, typer.Option(help="The contact's number, which decides the currency.")] = "",
        item: Annotated[str, typer.Option(help="SKU of what the conversation is about.")] = "",
        given: Annotated[list[str] | None, typer.Option("--set", help="A value to type in: PLACE=VALUE.")] = None,
        as_json: AsJson = False,
    ) -> None:
        """Fill a template as it would be for a contact, prices included, and show what they would read."""
        from jobs.templates import Sample, run_preview

        sample = Sample(name=contact, address=address, sku=item, given=tuple(given or ()))
        run(run_preview(settings(), tenant, name, sample, out, language=language, as_json=as_json))

    return app
