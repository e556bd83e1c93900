"""`nightshift calibrate`: learn from labelled messages what a model's confidence is worth, and store the map."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from agent.errors import Misconfigured, ModelRefused
from agent.models.calibration import MIN_MESSAGES, Calibration, Entry, cross_fitted, fit, save
from agent.models.claude import CLASSIFY, ClaudeModels
from agent.models.reliability import calibration_error, reliability, reliability_plot
from agent.prompts import Prompts, data
from agent.settings import Settings
from agent.types import Channel, Classification, Intent, ModelTier
from jobs.agent_wiring import load_claude

AT_ONCE = 8


class LabelledMessage(BaseModel):
    """A line of the input; further fields are ignored."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    text: str
    intent: Intent
    context: str | None = None
    channel: Channel = "whatsapp"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """A labelled message and what the model said."""

    found: Classification
    score: float
    is_right: bool


async def run_calibration(settings: Settings, source: Path, tier: ModelTier, console: Console) -> None:
    """Have every labelled message classified, fit the map on the model's scores, store and report it.

    Raises:
        Misconfigured: no provider is configured; a line is not a labelled message; there are too few.
        ModelUnavailable: no model answers. Nothing is stored; answers already paid for are lost.
    """
    messages = _unseen(read_labelled(source), console)
    if len(messages) < 2 * MIN_MESSAGES:  # half of them fit the map on which the others are measured
        raise Misconfigured(f"{source} has {len(messages)} usable messages.", f"Give {2 * MIN_MESSAGES} or more.")
    models = load_claude(settings)
    try:
        answered = await _classify(models, messages, tier, console)
    finally:
        await models.aclose()
    # What this tier could not answer the next one did: its score is another model's.
    model, prompt_version = models.gateway.models[tier], answered[0].found.prompt_version
    entry, lines = calibrate([each for each in answered if each.found.model == model], model, prompt_version)
    for line in lines:
        console.print(line, markup=False)
    path = save(settings.nightshift_home, entry)
    console.print(f"Stored for {model}, prompt {prompt_version}, in {escape(str(path))}.")


def read_labelled(source: Path) -> tuple[LabelledMessage, ...]:
    """Read JSON Lines {text, intent, context?, channel?}.

    Raises:
        Misconfigured: a line is something else; names it.
    """
    messages = []
    for number, line in enumerate(source.read_text("utf-8").splitlines(), start=1):
        if line.strip():
            try:
                messages.append(LabelledMessage.model_validate_json(line))
            except ValidationError as exc:
                problem = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'line'}: {e['msg']}" for e in exc.errors())
                raise Misconfigured(f"{source}, line {number}: {problem}.", "Correct the line.") from exc
    return tuple(messages)


def calibrate(answered: Sequence[Answered], model: str, prompt_version: str) -> tuple[Entry, tuple[str, ...]]:
    """Return the map, and a report: errors before and after, the latter on messages the map was not fitted on."""
    scores, hits = [each.score for each in answered], [each.is_right for each in answered]
    before, after = reliability(scores, hits), reliability(cross_fitted(scores, hits), hits)
    calibration = fit(scores, hits)
    lines = (
        f"{len(hits)} messages, {sum(hits) / len(hits):.3f} right; {_said(calibration)}",
        f"calibration error as the model says it {calibration_error(before):.3f}",
        *reliability_plot(before),
        f"calibration error with the map (cross-fitted) {calibration_error(after):.3f}",
        *reliability_plot(after),
    )
    return Entry(model=model, prompt_version=prompt_version, calibration=calibration), lines


def _said(calibration: Calibration) -> str:
    return f"slope {calibration.slope:.2f}, offset {calibration.offset:.2f}"


def _unseen(messages: Sequence[LabelledMessage], console: Console) -> tuple[LabelledMessage, ...]:
    """Leave out what stands in the prompt as an example: there the model knows the answer."""
    prompt = Prompts.load().render(CLASSIFY[0])
    unseen = tuple(each for each in messages if data(each.text) not in prompt)
    if len(unseen) < len(messages):
        console.print(f"{len(messages) - len(unseen)} messages left out: they are examples in the prompt.")
    return unseen


async def _classify(
    models: ClaudeModels, messages: Sequence[LabelledMessage], tier: ModelTier, console: Console
) -> list[Answered]:
    """Have messages classified, some at once; one that no model answers usably is left out."""
    answered: list[Answered] = []
    batches = range(0, len(messages), AT_ONCE)
    for start in track(batches, "Classifying", console=console, transient=True):
        batch = messages[start : start + AT_ONCE]
        answered += [each for each in await asyncio.gather(*(_ask(models, one, tier) for one in batch)) if each]
    if not answered:
        raise Misconfigured("The model gave no usable answer to any message.", "Check the model of this tier.")
    return answered


async def _ask(models: ClaudeModels, message: LabelledMessage, tier: ModelTier) -> Answered | None:
    try:
        classified = await models.classify_text(
            message.text, context=message.context, channel=message.channel, tier=tier
        )
    except ModelRefused:
        return None
    found = classified.classification
    score = found.confidence if found.score is None else found.score
    return Answered(found=found, score=score, is_right=found.intent == message.intent)
