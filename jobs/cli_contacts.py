"""`nightshift contact …`: who prospects are, which of them are one person, and all that is held of one."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jobs.cli_templates import AsJson, ReadSettings, Run

Contact = Annotated[str, typer.Argument(help="A contact: its id, or one of its addresses.")]
Other = Annotated[str, typer.Argument(help="The contact that becomes part of it: id or address.")]
Merged = Annotated[str, typer.Argument(help="The id of the contact that was merged into another.")]
OfTenant = Annotated[str, typer.Option("--tenant", metavar="SLUG", help="Whose contact it is.")]
Target = Annotated[Path | None, typer.Option("--out", help="Where to write; standard output if absent.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
ErasedAsJson = Annotated[bool, typer.Option("--json", help="As JSON, with the ids of traces. Implies --yes.")]


def build_contacts_app(run: Run, settings: ReadSettings, out: Console) -> typer.Typer:
    """Return the commands."""
    app = typer.Typer(help="Contacts: the prospects, and which of them are one person.", no_args_is_help=True)

    @app.command("show")
    def show(contact: Contact, tenant: OfTenant, as_json: AsJson = False) -> None:
        """Show who a contact is: addresses, conversations, what must not be written to, and who they may be besides."""
        from jobs.contacts import run_show

        run(run_show(settings(), tenant, contact, out, as_json=as_json))

    @app.command("merge")
    def merge(contact: Contact, other: Other, tenant: OfTenant) -> None:
        """Make two contacts one person: conversations go on, and what protects either protects both."""
        from jobs.contacts import run_merge

        run(run_merge(settings(), tenant, contact, other, out))

    @app.command("unmerge")
    def unmerge(contact: Merged, tenant: OfTenant) -> None:
        """Part a contact from the one it was merged into: each address goes back with its conversations."""
        from jobs.contacts import run_unmerge

        run(run_unmerge(settings(), tenant, contact, out))

    @app.command("export")
    def export(contact: Contact, tenant: OfTenant, file: Target = None) -> None:
        """Write all that is held of a contact as JSON: messages, names of files, consent, events (GDPR art. 15)."""
        from jobs.contacts import run_export

        run(run_export(settings(), tenant, contact, file, out))

    @app.command("erase")
    def erase(contact: Contact, tenant: OfTenant, yes: Yes = False, as_json: ErasedAsJson = False) -> None:
        """Erase a contact for good, with messages and files (GDPR art. 17). Who has opted out stays so, as a hash."""
        from jobs.contacts import run_erase

        def confirm(question: str) -> None:
            if not (yes or as_json):
                typer.confirm(question, abort=True)

        run(run_erase(settings(), tenant, contact, out, confirm, as_json=as_json))

    return app
