"""`nightshift conversations …`: how long we may still write, and what is proposed where we may not."""

from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from jobs.cli_templates import AsJson, ReadSettings, Run

OfTenant = Annotated[str, typer.Option("--tenant", metavar="SLUG", help="Whose conversations.")]


def build_conversations_app(run: Run, settings: ReadSettings, out: Console) -> typer.Typer:
    """Return the commands."""
    app = typer.Typer(
        help="Conversations: how long WhatsApp still takes free text, and what waits for a person.",
        no_args_is_help=True,
    )

    @app.command("list")
    def list_(
        tenant: OfTenant,
        closing: Annotated[
            float | None,
            typer.Option(min=0, metavar="HOURS", help="Only those whose window is open and closes within so long."),
        ] = None,
        as_json: AsJson = False,
    ) -> None:
        """List conversations, newest first, with the time left until only templates may be sent."""
        from jobs.conversations import run_list

        run(run_list(settings(), tenant, out, closing_h=closing, as_json=as_json))

    @app.command("show")
    def show(
        conversation: Annotated[UUID, typer.Argument(help="The conversation's id.")],
        tenant: OfTenant,
        as_json: AsJson = False,
    ) -> None:
        """Show one conversation's countdown and open requests, with the template or channel that is proposed."""
        from jobs.conversations import run_show

        run(run_show(settings(), tenant, conversation, out, as_json=as_json))

    @app.command("replay")
    def replay(
        conversation: Annotated[UUID, typer.Argument(help="The conversation's id.")],
        tenant: OfTenant,
        version: Annotated[
            str, typer.Option("--version", metavar="DIGEST", help="What is to think; default: the version in force.")
        ] = "",
        *,
        as_json: AsJson = False,
    ) -> None:
        """Think every turn of a past conversation through anew, send nothing, and show what differs."""
        from jobs.replays import run_conversation_replay

        run(run_conversation_replay(settings(), tenant, conversation, version, out, as_json=as_json))

    @app.command("accept")
    def accept(
        request: Annotated[UUID, typer.Argument(help="The request's id, as `show` prints it.")], tenant: OfTenant
    ) -> None:
        """Send what a request proposes. It is checked again first; prices must still be right."""
        from jobs.conversations import run_accept

        run(run_accept(settings(), tenant, request, out))

    return app
