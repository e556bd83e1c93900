"""Prospects who write through a provider that retries: bursts, duplicates, and no patience with a web process."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import httpx

from tests.doubles.twilio_webhooks import inbound_params, post_inbound
from tests.stores import OUR_NUMBER

TEXTS = (
    "Hola, ¿cuánto cuesta el curso intensivo de inglés?",
    "¿Y se puede pagar en cuotas?",
    "Oi! Quanto custa o curso intensivo de inglês?",
    "Quais são os horários das aulas?",
    "Hi, how much is the intensive English course?",
    "Do you have a course for kids?",
    "¿Cuántos alumnos hay por grupo?",
    "ok",
    "Quero fechar, como faço a inscrição?",
    "Can I talk to a real person, please?",
    "gracias 👍",
)
RETRY_S = 0.2
"""How long the provider waits before it posts again what nobody has acknowledged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """One request the provider will make, and repeat until it is acknowledged."""

    at_s: float
    """When, in seconds after the beginning."""
    sender: str
    message_id: str
    text: str


def plan_posts(*, conversations: int, messages: int, duplicates: int, over_s: float, seed: int) -> list[Post]:
    """Return who writes what when: bursts of one to three messages, some posted twice, at once or later."""
    dice = Random(seed)
    posts: list[Post] = []
    numbers = iter(range(1, messages + 1))
    while len(posts) < messages:
        sender = f"+346{dice.randrange(conversations):08d}"
        at_s = dice.uniform(0, over_s)
        posts += [
            Post(
                at_s=at_s + place * dice.uniform(0, 0.1),
                sender=sender,
                message_id=f"SM{number:032x}",
                text=dice.choice(TEXTS),
            )
            for place, number in enumerate(_take(numbers, dice.randint(1, 3)))
        ]
    again = [
        Post(
            at_s=post.at_s + dice.choice((0.0, 0.0, 0.5, 4.0)),
            sender=post.sender,
            message_id=post.message_id,
            text=post.text,
        )
        for post in dice.sample(posts, duplicates)
    ]
    return sorted(posts + again, key=lambda post: post.at_s)


def _take(numbers: Iterator[int], count: int) -> list[int]:
    return [number for _, number in zip(range(count), numbers, strict=False)]


@dataclass(slots=True)
class Prospects:
    """Posts a plan and keeps what was answered."""

    public_url: str
    acknowledged: set[str] = field(default_factory=set)
    """Ids of messages that got a 2xx."""
    answers: Counter[int] = field(default_factory=Counter)
    """How often each status was answered; 0 is no answer at all."""

    async def write(self, posts: list[Post]) -> None:
        """Make all requests of a plan, each at its time and until it is acknowledged."""
        async with (
            httpx.AsyncClient(base_url=self.public_url, trust_env=False, timeout=10) as client,
            asyncio.TaskGroup() as group,
        ):
            for post in posts:
                group.create_task(self._post(client, post))

    async def _post(self, client: httpx.AsyncClient, post: Post) -> None:
        await asyncio.sleep(post.at_s)
        params = inbound_params(
            post.text,
            MessageSid=post.message_id,
            From=f"whatsapp:{post.sender}",
            To=f"whatsapp:{OUR_NUMBER}",
            WaId=post.sender.removeprefix("+"),
        )
        while not await self._is_acknowledged(client, params):
            await asyncio.sleep(RETRY_S)
        self.acknowledged.add(post.message_id)

    async def _is_acknowledged(self, client: httpx.AsyncClient, params: dict[str, str]) -> bool:
        try:
            response = await post_inbound(client, self.public_url, params)
        except httpx.TransportError:
            self.answers[0] += 1
            return False
        self.answers[response.status_code] += 1
        return response.is_success
