"""What the Claude API refuses, as far as our requests could run into it. Source: the vendor's API reference."""

import base64
import json
from collections.abc import Mapping
from typing import Any

API_VERSION = "2026-10-21"
HAIKU, SONNET, OPUS = "claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"
FIELDS = {
    "model", "max_tokens", "messages", "system", "thinking", "output_config", "metadata", "tools", "tool_choice",
    "stop_sequences", "stream", "cache_control", "service_tier", "diagnostics", "inference_geo",
}  # fmt: skip
IMAGE_MARKS = {
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
EFFORTS = ("low", "medium", "high", "xhigh", "max")
THINKING_OFF = {HAIKU: "disabled", SONNET: "between_tools", OPUS: None}
SCHEMA_WORDS = {
    "type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "$ref", "$defs",
    "description", "title", "format", "minItems",
}  # fmt: skip


class ApiError(Exception):
    """The API's refusal of a request."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.type = kind


def check_request(headers: Mapping[str, str], raw: bytes, api_key: str) -> dict[str, Any]:
    """Return the body of a request that the API would take.

    Raises:
        ApiError: it would not.
    """
    check_key(headers, api_key)
    require(headers.get("anthropic-version") == API_VERSION, "anthropic-version: unsupported")
    return check_body(read_body(raw))


def check_cloud_request(
    headers: Mapping[str, str], raw: bytes, token: str, *, model: str, stream: bool
) -> dict[str, Any]:
    """Return the body of a request as Bedrock or Vertex would take it: the model stands in the path.

    Raises:
        ApiError: it would not.
    """
    check_key(headers, token)
    body = read_body(raw)
    require(body.pop("anthropic_version", None) == API_VERSION, "anthropic_version: unsupported")
    require("model" not in body, "model: Extra inputs are not permitted")
    require(bool(body.pop("stream", stream)) == stream, "stream: does not fit the path")
    return check_body({**body, "model": model, "stream": stream})


def check_key(headers: Mapping[str, str], key: str) -> None:
    """Refuse a wrong key."""
    if headers.get("authorization") != f"Bearer {key}":
        raise ApiError(401, "authentication_error", "invalid bearer token")


def read_body(raw: bytes) -> dict[str, Any]:
    """Return a JSON object, or refuse what is none."""
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ApiError(400, "invalid_request_error", "the body is not a JSON object")
    return body


def check_body(body: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a message, or refuse those the API would."""
    unknown = sorted(set(body) - FIELDS)
    require(not unknown, f"{', '.join(unknown)}: Extra inputs are not permitted")
    if body.get("model") not in THINKING_OFF:
        raise ApiError(404, "not_found_error", f"model: {body.get('model')}")
    max_tokens = body.get("max_tokens")
    require(isinstance(max_tokens, int) and 0 <= max_tokens <= 128_000, "max_tokens: out of range")
    _check_messages(body.get("messages"))
    _check_cache_marks(body)
    _check_model_rules(body)
    return body


def require(condition: bool, message: str) -> None:
    """Refuse the request unless `condition` holds."""
    if not condition:
        raise ApiError(400, "invalid_request_error", message)


def _check_messages(messages: Any) -> None:
    require(isinstance(messages, list) and bool(messages), "messages: at least one message is required")
    for place, message in enumerate(messages):
        content = message.get("content")
        for block in content if isinstance(content, list) else ():
            if block.get("type") == "image":
                _check_image(block.get("source") or {}, f"messages.{place}.content.image")
        texts = [content] if isinstance(content, str) else [block.get("text", "-") for block in content or []]
        require(bool(texts) and all(text.strip() for text in texts), f"messages.{place}: text must be non-empty")
    require(messages[0]["role"] == "user", "messages: first message must be of the user")
    require(messages[-1]["role"] == "user", "This model does not support assistant message prefill.")


def _check_image(source: Mapping[str, Any], where: str) -> None:
    """Refuse what the API refuses: other formats, content that is another or none, more than 5 MB."""
    require(source.get("type") == "base64", f"{where}.source.type: expected base64, url or file")
    media_type, encoded = source.get("media_type"), str(source.get("data", ""))
    require(media_type in IMAGE_MARKS, f"{where}.source.media_type: unsupported")
    require(len(encoded) <= 5_242_880, f"{where}.source.base64: image exceeds 5 MB maximum")
    try:
        content = base64.b64decode(encoded, validate=True)
    except ValueError:
        content = b""
    mark = IMAGE_MARKS[str(media_type)]
    require(content.startswith(mark) and len(content) > len(mark), f"{where}: Could not process image")


def _check_cache_marks(body: Mapping[str, Any]) -> None:
    system = body.get("system", "")
    marks = [] if isinstance(system, str) else [b["cache_control"] for b in system if b.get("cache_control")]
    require(len(marks) <= 4, "A maximum of 4 blocks with cache_control may be provided.")
    for mark in marks:
        known = mark.get("type") == "ephemeral" and mark.get("ttl", "5m") in {"5m", "1h"}
        require(known, "cache_control: unknown type or ttl")


def _check_model_rules(body: Mapping[str, Any]) -> None:
    model, config = body["model"], body.get("output_config") or {}
    effort = config.get("effort") or ("high" if model == SONNET else "medium")
    require(effort in EFFORTS, "output_config.effort: unknown")
    thinking = (body.get("thinking") or {"type": "adaptive"})["type"]
    require(thinking != "enabled", "thinking.budget_tokens: not supported by this model; use adaptive")
    if thinking != "adaptive":
        require(thinking == THINKING_OFF[model], f"thinking.type: {thinking!r} is not supported by {model}")
        require(effort in {"low", "medium", "high"}, f"thinking cannot be off at effort {effort!r}")
    forced = (body.get("tool_choice") or {}).get("type") in {"any", "tool"}
    require(not (forced and model in {SONNET, OPUS}), "tool_choice: forced tool use is not supported by this model")
    answer = config.get("format")
    if answer is not None:
        require(answer.get("type") == "json_schema", "output_config.format.type: must be json_schema")
        _check_schema(answer.get("schema"))


def _check_schema(schema: Any) -> None:
    require(isinstance(schema, dict), "output_config.format.schema: must be an object")
    unknown = sorted(set(schema) - SCHEMA_WORDS)
    require(not unknown, f"output_config.format.schema: unsupported {', '.join(unknown)}")
    if schema.get("type") == "object":
        require(schema.get("additionalProperties") is False, "schema: additionalProperties must be false")
    inner = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values(), *schema.get("anyOf", [])]
    for each in inner + ([schema["items"]] if "items" in schema else []):
        _check_schema(each)
