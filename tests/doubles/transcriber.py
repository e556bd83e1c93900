"""A stand-in for a server that speaks OpenAI's `POST /v1/audio/transcriptions`."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import FastAPI, File, Form, Request, Response, UploadFile
from fastapi.responses import JSONResponse

API_KEY = "transcriber-double"
SAYS = "¿Cuánto cuesta el curso intensivo?"


@dataclass(kw_only=True, slots=True)
class Heard:
    """A request as it arrived."""

    filename: str
    content_type: str
    content: bytes
    model: str


@dataclass(slots=True)
class TranscriberDouble:
    """Hears `says` in everything, unless a status is scripted."""

    says: str = SAYS
    statuses: list[int] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)

    def reset(self) -> None:
        """Forget everything, so that tests can share the server."""
        self.says = SAYS
        self.statuses.clear()
        self.heard.clear()

    def app(self) -> FastAPI:
        """Build the application."""
        app = FastAPI()

        @app.post("/v1/audio/transcriptions")
        async def transcribe(
            request: Request,
            file: Annotated[UploadFile, File()],
            model: Annotated[str, Form()],
            response_format: Annotated[str, Form()] = "json",
        ) -> Response:
            if request.headers.get("authorization") != f"Bearer {API_KEY}":
                return JSONResponse({"error": {"message": "Incorrect API key provided"}}, status_code=401)
            if self.statuses:
                return JSONResponse({"error": {"message": "scripted"}}, status_code=self.statuses.pop(0))
            content = await file.read()
            self.heard.append(
                Heard(filename=file.filename or "", content_type=file.content_type or "", content=content, model=model)
            )
            if response_format != "json":
                return Response(self.says, media_type="text/plain")
            return JSONResponse({"text": self.says})

        return app
