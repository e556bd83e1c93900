"""`nightshift evaluate`, `simulate` and `cases …`: what a version is worth, before anybody has it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from agent.spending.budgets import parse_usd
from jobs.cli_templates import AsJson, ReadSettings, Run

OfTenant = Annotated[str, typer.Option("--tenant", metavar="SLUG", help="Whose version, catalogue and cases.")]
SetFiles = Annotated[
    list[Path] | None,
    typer.Option("--set", help="Labelled cases, JSON Lines. Repeatable. Default: the tenant's own.", exists=True),
]
OfVersion = Annotated[str, typer.Option("--version", metavar="DIGEST", help="Default: the version in force.")]
Budget = Annotated[str, typer.Option("--budget", metavar="USD", help="Spend at most this, instead of the usual share.")]


def add_evaluation(app: typer.Typer, run: Run, settings: ReadSettings, out: Console) -> None:
    """Add the commands to `app`."""
    _add_evaluate(app, run, settings, out)
    _add_simulate(app, run, settings, out)
    app.add_typer(_build_cases(run, settings, out), name="cases")


def _add_evaluate(app: typer.Typer, run: Run, settings: ReadSettings, out: Console) -> None:
    @app.command()
    def evaluate(
        *,
        tenant: OfTenant,
        version: OfVersion = "",
        against: Annotated[
            str, typer.Option("--against", metavar="DIGEST", help="Compare with this version's newest run.")
        ] = "",
        sets: SetFiles = None,
        report: Annotated[Path | None, typer.Option("--report", help="Also write the report as an HTML page.")] = None,
        limit: Annotated[int, typer.Option(min=0, help="Measure at most so many cases; 0: all.")] = 0,
        budget: Budget = "",
        judge: Annotated[bool, typer.Option(help="Have the expert tier judge replies that have a reference.")] = True,
        as_json: AsJson = False,
    ) -> None:
        """Measure a version on labelled cases: understanding, guardrails, replies, time and cost, with intervals.

        Nothing is sent. The same cases of an earlier run are compared pair by pair.
        """
        from jobs.evaluation import Wanted, run_evaluation

        wanted = Wanted(
            slug=tenant,
            version=version,
            against=against,
            sets=tuple(sets or ()),
            limit=limit,
            limit_microusd=_read_usd(budget) if budget else None,
            judged=judge,
        )
        run(run_evaluation(settings(), wanted, report, out, as_json=as_json))


def _add_simulate(app: typer.Typer, run: Run, settings: ReadSettings, out: Console) -> None:
    @app.command()
    def simulate(
        *,
        tenant: OfTenant,
        version: OfVersion = "",
        scenarios: Annotated[
            list[Path] | None,
            typer.Option("--scenarios", help="YAML file or folder. Repeatable. Default: those that ship.", exists=True),
        ] = None,
        only: Annotated[list[str] | None, typer.Option("--only", metavar="ID", help="Play this. Repeatable.")] = None,
        budget: Budget = "",
        as_json: AsJson = False,
    ) -> None:
        """Play simulated prospects against a version, in the real pipeline; nothing is sent and nothing of it stays.

        Exit code 1: a scenario did not come out as stated.
        """
        from jobs.simulation import Programme, run_simulation

        programme = Programme(
            slug=tenant,
            version=version,
            paths=tuple(scenarios or ()),
            only=frozenset(only or ()),
            limit_microusd=_read_usd(budget) if budget else None,
        )
        run(run_simulation(settings(), programme, out, as_json=as_json))


def _read_usd(text: str) -> int:
    try:
        return parse_usd(text)
    except ValueError as exc:
        raise typer.BadParameter(str(exc), param_hint="--budget") from exc


def _build_cases(run: Run, settings: ReadSettings, out: Console) -> typer.Typer:
    cases = typer.Typer(help="Labelled cases of a tenant, and what was measured on them.", no_args_is_help=True)

    @cases.command("import")
    def import_(
        source: Annotated[Path, typer.Argument(help="Labelled cases, JSON Lines.", exists=True)], tenant: OfTenant
    ) -> None:
        """Keep cases as the tenant's held-out set. Importing them twice changes nothing."""
        from jobs.evaluation import run_import

        run(run_import(settings(), tenant, source, out))

    @cases.command("list")
    def list_(tenant: OfTenant) -> None:
        """Say how many cases there are, by kind and state. Proposed ones are accepted in the inbox."""
        from jobs.evaluation import run_cases

        run(run_cases(settings(), tenant, out))

    @cases.command("propose")
    def propose(tenant: OfTenant) -> None:
        """Look for cases in what staff changed or rejected, and in complaints; the clock does it every night."""
        from jobs.evaluation import run_proposing

        run(run_proposing(settings(), tenant, out))

    @cases.command("runs")
    def runs(tenant: OfTenant) -> None:
        """List evaluations, newest first."""
        from jobs.evaluation import run_runs

        run(run_runs(settings(), tenant, out))

    return cases
