"""What is asked of a model, and what came of it: one request type for every model, provider and task."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from agent.models.capabilities import Effort
from agent.types import Image, ModelCall, ModelTier, Task, TenantId

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, kw_only=True, slots=True)
class Request(Generic[T]):
    """One request. `system` and `published` are stable and cached; `user` varies. The answer is an `output`."""

    task: Task
    tier: ModelTier
    system: str
    user: str
    output: type[T]
    effort: Effort
    max_tokens: int
    prompt_version: str
    published: str = ""
    """What one tenant has published, cached apart: so `system`, which all tenants share, is cached once for all."""
    tenant_id: TenantId | None = None
    """Whose turn it is: retries and the provider's limits are shared out by tenant. None: outside any tenant."""
    images: tuple[Image, ...] = ()
    """Pictures shown before `user`, in its order."""
    user_id: str | None = None
    """Opaque id of the person behind the request, for the vendor's abuse detection. Never a name or address."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion(Generic[T]):
    """An answer and every call it took. Without a `value`, `problem` says why, in words the model can heed."""

    calls: tuple[ModelCall, ...]
    """All attempts, the answering one last."""
    value: T | None = None
    problem: str = ""

    @property
    def model(self) -> str:
        """The model that answered."""
        return self.calls[-1].model
