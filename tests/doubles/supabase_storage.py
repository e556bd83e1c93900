"""A stand-in for Supabase Storage's HTTP API: buckets, objects, and its own way of telling errors.

Errors carry the status that counts in the body; a missing bucket or object is an HTTP 400, as the real one answers.
"""

from dataclasses import dataclass, field

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

SECRET_KEY = "sb_secret_double"


@dataclass(slots=True)
class SupabaseStorageDouble:
    """The stand-in's state, and the application that serves it."""

    secret_key: str = SECRET_KEY
    buckets: dict[str, dict[str, tuple[bytes, str]]] = field(default_factory=dict)
    """By name, the objects by path: content and type."""
    public: set[str] = field(default_factory=set)
    statuses: list[int] = field(default_factory=list)
    """Answers to the next requests, whatever they ask."""

    def app(self) -> FastAPI:
        """Build the application."""
        app = FastAPI()

        @app.middleware("http")
        async def guard(request: Request, call_next: object) -> Response:
            if request.headers.get("apikey") != self.secret_key:
                return _error(403, "Unauthorized", "Invalid API key", http=400)
            if request.headers.get("authorization") != f"Bearer {self.secret_key}":
                return _error(403, "Unauthorized", "Invalid Compact JWS", http=400)
            if self.statuses:
                return _error(status := self.statuses.pop(0), "scripted", "scripted", http=status)
            return await call_next(request)  # type: ignore[operator,no-any-return]  # Starlette's own type is private

        @app.post("/storage/v1/bucket")
        async def make_bucket(request: Request) -> Response:
            asked = await request.json()
            if asked["id"] in self.buckets:
                return _error(409, "Duplicate", "The resource already exists", http=400)
            self.buckets[asked["id"]] = {}
            if asked.get("public"):
                self.public.add(asked["id"])
            return JSONResponse({"name": asked["name"]})

        @app.post("/storage/v1/object/{bucket}/{path:path}")
        async def upload(bucket: str, path: str, request: Request) -> Response:
            objects = self.buckets.get(bucket)
            if objects is None:
                return _error(404, "Bucket not found", "Bucket not found", http=400)
            if path in objects and request.headers.get("x-upsert") != "true":
                return _error(409, "Duplicate", "The resource already exists", http=400)
            objects[path] = (await request.body(), request.headers["content-type"])
            return JSONResponse({"Key": f"{bucket}/{path}", "Id": path})

        @app.get("/storage/v1/object/{bucket}/{path:path}")
        async def download(bucket: str, path: str) -> Response:
            found = self.buckets.get(bucket, {}).get(path)
            if found is None:
                return _error(404, "not_found", "Object not found", http=400)
            return Response(found[0], media_type=found[1])

        @app.delete("/storage/v1/object/{bucket}/{path:path}")
        async def delete(bucket: str, path: str) -> Response:
            if self.buckets.get(bucket, {}).pop(path, None) is None:
                return _error(404, "not_found", "Object not found", http=400)
            return JSONResponse({"message": "Successfully deleted"})

        return app


def _error(status: int, error: str, message: str, *, http: int) -> JSONResponse:
    return JSONResponse({"statusCode": str(status), "error": error, "message": message}, status_code=http)
