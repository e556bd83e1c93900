"""Which Langfuse project a tenant's traces go to: its own, or the one for all; each has its own queue and keys."""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, ExitStack
from contextvars import ContextVar
from datetime import datetime
from threading import Thread
from types import TracebackType
from typing import Any, Unpack
from uuid import UUID

from agent.ports import Observation, ObservationType, TraceFates, Tracer
from agent.settings import LangfuseProject, Settings
from agent.store.prompt_links import PromptLink
from agent.tracing.ledger import trace_id_of
from agent.tracing.traced import TraceAttributes
from agent.tracing.traces import LangfuseTracer, SilentTracer
from agent.types import ModelCall


def build_tracer(settings: Settings) -> Tracer:
    """Return what reports to the configured Langfuse projects; a silent one where there is none, nor an OTLP endpoint.

    An endpoint alone gets the same spans, with nothing sent to Langfuse.
    """
    built: dict[str, LangfuseTracer] = {}

    def tracer(project: LangfuseProject | None) -> LangfuseTracer:
        key = project.public_key if project else ""
        if key not in built:  # the SDK keeps one client per key
            built[key] = LangfuseTracer(
                project,
                environment=settings.nightshift_environment,
                release=settings.release,
                sample_rate=settings.langfuse_sample_rate,
                otlp=settings.nightshift_otlp,
            )
        return built[key]

    has_shared = settings.langfuse_project or settings.nightshift_otlp
    shared: Tracer = tracer(settings.langfuse_project) if has_shared else SilentTracer()
    own = {slug: tracer(project) for slug, project in settings.langfuse_projects.items()}
    return TenantTracers(shared, own) if own else shared


class TenantTracers:
    """Hands each trace to the tracer of its tenant, which its metadata names, and what is inside to the same one."""

    def __init__(self, shared: Tracer, own: Mapping[str, Tracer]) -> None:
        self._shared = shared
        self._own = own
        self._all = {id(each): each for each in (shared, *own.values())}.values()
        self._current: ContextVar[Tracer] = ContextVar("current_tracer", default=shared)

    def trace_id(self, turn_id: str) -> str:
        """Return the trace id of a turn: the same in every project."""
        return trace_id_of(turn_id)

    def turn(
        self,
        *,
        input: Any,  # noqa: A002 — Langfuse's word
        name: str = "turn",
        **attributes: Unpack[TraceAttributes],
    ) -> AbstractContextManager[Observation]:
        """Open a trace in its tenant's project."""
        chosen = self._of(attributes["metadata"])
        return _Within(self._current, chosen, lambda: chosen.turn(input=input, name=name, **attributes))

    def continued(self, name: str, **attributes: Unpack[TraceAttributes]) -> AbstractContextManager[Observation]:
        """Go on with a trace in its tenant's project."""
        chosen = self._of(attributes["metadata"])
        return _Within(self._current, chosen, lambda: chosen.continued(name, **attributes))

    def step(
        self,
        name: str,
        kind: ObservationType = "span",
        *,
        input: Any = None,  # noqa: A002
        metadata: Mapping[str, Any] | None = None,
    ) -> AbstractContextManager[Observation]:
        """Open a step of the current trace."""
        return self._current.get().step(name, kind, input=input, metadata=metadata)

    def passed(self, name: str, since: datetime, until: datetime) -> None:
        """Report time that has passed in the current trace."""
        self._current.get().passed(name, since, until)

    def call(self, call: ModelCall) -> None:
        """Report a model call in the current trace."""
        self._current.get().call(call)

    def link_prompts(self, links: Collection[PromptLink]) -> None:
        """Link generations from now on, each in its project."""
        for tracer in self._all:
            tracer.link_prompts(links)

    def begin_again(self, turn_id: UUID) -> None:
        """Forget what was lost of a turn's trace, wherever it goes."""
        for tracer in self._all:
            tracer.begin_again(turn_id)

    def fates(self) -> TraceFates:
        """Return what has become of all projects' traces. All is well if no project that is used fails."""
        fates = [each.fates() for each in self._all if not isinstance(each, SilentTracer)]
        states = {turn_id: state for each in fates for turn_id, state in each.states.items()}
        return TraceFates(states=states, lost=sum(e.lost for e in fates), is_well=all(e.is_well for e in fates))

    def shutdown(self) -> None:
        """Stop all at once: each within its time. Blocks: call it in a thread."""
        stopping = [Thread(target=each.shutdown, daemon=True) for each in self._all]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()

    def _of(self, metadata: Mapping[str, str]) -> Tracer:
        return self._own.get(metadata.get("tenant", ""), self._shared)


class _Within:
    """An observation open in one tracer, which is the current one meanwhile."""

    def __init__(
        self, current: ContextVar[Tracer], tracer: Tracer, opened: Callable[[], AbstractContextManager[Observation]]
    ) -> None:
        self._current, self._tracer, self._opened = current, tracer, opened
        self._stack = ExitStack()

    def __enter__(self) -> Observation:
        """Open it."""
        token = self._current.set(self._tracer)
        self._stack.callback(self._current.reset, token)
        return self._stack.enter_context(self._opened())

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        """Close it; an exception goes on."""
        self._stack.__exit__(kind, exc, tb)
