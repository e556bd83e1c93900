"""Twilio's Content API, as part of the stand-in: templates, their approval, and what a message made of one must keep.

Source: https://www.twilio.com/docs/content/content-api-resources, and the errors' own pages.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials

BASE_URL = "https://content.twilio.com"
"""How the API calls itself, wherever it is asked."""
PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_UNFIT = re.compile(r"[\n\r\t]| {5,}")
"""More than four spaces in a row, or anything that breaks the line, is not taken in a value."""


@dataclass(kw_only=True, slots=True)
class StoredContent:
    """A template that the account has."""

    friendly_name: str
    types: dict[str, dict[str, Any]]
    language: str = "es"
    variables: dict[str, str] = field(default_factory=dict)
    """Samples; Twilio sends them for what a message leaves out."""
    category: str = "UTILITY"
    status: str = "approved"
    rejection_reason: str = ""
    sid: str = field(default_factory=lambda: f"HX{token_hex(16)}")
    created_at: datetime = datetime(2026, 11, 1, tzinfo=UTC)

    @property
    def content_type(self) -> str:
        """The type that was submitted for approval: the first."""
        return next(iter(self.types), "")

    def approval(self) -> dict[str, Any]:
        """Return the state of the approval request; one was never made: `unsubmitted`, and nothing else."""
        made = self.status != "unsubmitted"
        return {
            "allow_category_change": True,
            "category": self.category if made else "",
            "content_type": self.content_type if made else "",
            "name": self.friendly_name if made else "",
            "rejection_reason": self.rejection_reason,
            "status": self.status,
        }

    def as_json(self, account_sid: str) -> dict[str, Any]:
        """Return the Content resource."""
        at = self.created_at.isoformat().replace("+00:00", "Z")
        return {
            "account_sid": account_sid,
            "date_created": at,
            "date_updated": at,
            "friendly_name": self.friendly_name,
            "language": self.language,
            "sid": self.sid,
            "types": self.types,
            "variables": self.variables,
        }

    def text(self, given: Mapping[str, str]) -> str:
        """Return what a message made of it says: its samples stand where nothing is given."""
        values = {**self.variables, **given}
        body = str(next(iter(self.types.values()), {}).get("body", ""))
        return PLACE.sub(lambda match: values.get(match[1], match[0]), body)


def refusal_of(params: Mapping[str, str], contents: Sequence[StoredContent]) -> tuple[int, str] | None:
    """Return the code and text with which Twilio refuses a message's template parameters, or None."""
    sid, variables = params.get("ContentSid"), params.get("ContentVariables")
    if sid is None:
        return (21654, "ContentSid Required") if variables else None
    if sid not in {content.sid for content in contents}:
        return 21655, "The ContentSid is Invalid"
    try:
        given = json.loads(variables or "{}")
    except ValueError:
        given = None
    fits = isinstance(given, dict) and all(
        isinstance(value, str) and value and not _UNFIT.search(value) for value in given.values()
    )
    fits = fits and "'" not in (variables or "")  # as users report (github.com/twilio/twilio-node, issue 1082)
    return None if fits else (21656, "The Content Variables parameter is invalid.")


def failure_of(
    params: Mapping[str, str], contents: Sequence[StoredContent], heard: Mapping[str, datetime] | None, now: datetime
) -> int | None:
    """Return the error that WhatsApp reports later on a message; None: it is delivered.

    `heard` tells when each address wrote last; None: reply windows are not watched.
    """
    if not params["To"].startswith("whatsapp:"):
        return None
    content = next((each for each in contents if each.sid == params.get("ContentSid")), None)
    if content is None or content.status in ("unsubmitted", "received", "pending"):  # counts as free text
        last = (heard or {}).get(params["To"])
        is_open = heard is None or (last is not None and now - last < timedelta(hours=24))
        return None if is_open else 63016
    if content.status != "approved":
        return {"paused": 63041, "disabled": 63042, "rejected": 63040}[content.status]
    text = text_of(params, contents)
    if PLACE.search(text):
        return 63005  # a place was left open
    if len(text) > 1024:
        return 63021
    return 63049 if content.category == "MARKETING" and params["To"].startswith("whatsapp:+1") else None


def text_of(params: Mapping[str, str], contents: Sequence[StoredContent]) -> str:
    """Return the body of a message: its template's text, or its own."""
    content = next((each for each in contents if each.sid == params.get("ContentSid")), None)
    return content.text(json.loads(params.get("ContentVariables") or "{}")) if content else params.get("Body", "")


def content_app(
    contents: Sequence[StoredContent],
    account_sid: str,
    auth_token: str,
    *,
    before: Callable[[Request], Awaitable[Response | None]],
) -> FastAPI:
    """Return the Content API (to be mounted at /v1). `before` notes a request, and answers it if that is scripted."""

    def authenticate(given: Annotated[HTTPBasicCredentials | None, Depends(HTTPBasic(auto_error=False))]) -> None:
        if given is None or (given.username, given.password) != (account_sid, auth_token):
            raise HTTPException(401)

    async def refuse(_: Request, exc: Exception) -> JSONResponse:
        status = exc.status_code if isinstance(exc, HTTPException) else 500
        code, text = {401: (20003, "Authenticate"), 404: (20404, "The requested resource was not found")}[status]
        more = f"https://www.twilio.com/docs/errors/{code}"
        return JSONResponse({"code": code, "message": text, "more_info": more, "status": status}, status_code=status)

    def find(sid: str) -> StoredContent:
        found = next((each for each in contents if each.sid == sid), None)
        if found is None:
            raise HTTPException(404)
        return found

    app = FastAPI(dependencies=[Depends(authenticate)], exception_handlers={HTTPException: refuse})

    @app.get("/ContentAndApprovals")
    async def list_(request: Request) -> Response:
        if scripted := await before(request):
            return scripted
        records = [{**each.as_json(account_sid), "approval_requests": each.approval()} for each in contents]
        return JSONResponse(_page(records, request.query_params, f"{BASE_URL}/v1/ContentAndApprovals"))

    @app.get("/Content")
    async def list_contents(request: Request) -> Response:
        if scripted := await before(request):
            return scripted
        records = [each.as_json(account_sid) for each in contents]
        return JSONResponse(_page(records, request.query_params, f"{BASE_URL}/v1/Content"))

    @app.get("/Content/{sid}")
    async def fetch(sid: str, request: Request) -> Response:
        scripted = await before(request)
        return scripted or JSONResponse(
            {**find(sid).as_json(account_sid), "url": f"{BASE_URL}/v1/Content/{sid}", "links": {}}
        )

    @app.get("/Content/{sid}/ApprovalRequests")
    async def fetch_approval(sid: str, request: Request) -> Response:
        scripted = await before(request)
        approval = {"type": "whatsapp", **find(sid).approval()}
        return scripted or JSONResponse({"account_sid": account_sid, "sid": sid, "whatsapp": approval, "url": ""})

    return app


def _page(records: Sequence[Mapping[str, Any]], query: Mapping[str, str], url: str) -> dict[str, Any]:
    """Return one page. Tokens name the last record of the page before."""
    size = min(int(query.get("PageSize", 50)), 1000)
    start, number = 0, int(query.get("Page", 0))
    if token := query.get("PageToken"):
        start = 1 + next(i for i, each in enumerate(records) if f"PT{each['sid']}" == token)
    found = records[start : start + size]
    following = {"PageSize": size, "Page": number + 1, "PageToken": f"PT{found[-1]['sid']}" if found else ""}
    return {
        "contents": list(found),
        "meta": {
            "first_page_url": f"{url}?{urlencode({'PageSize': size, 'Page': 0})}",
            "key": "contents",
            "next_page_url": f"{url}?{urlencode(following)}" if start + size < len(records) else None,
            "page": number,
            "page_size": size,
            "previous_page_url": None,
            "url": f"{url}?{urlencode(query)}",
        },
    }
