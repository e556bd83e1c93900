"""What went wrong, as an answer."""

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from channels.trouble import Troubles


@pytest.mark.parametrize("error", [psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout])
async def test_lost_database_is_a_503_that_says_when_to_try_again(error: type[psycopg.Error]) -> None:
    app = FastAPI()
    Troubles({}).add_to(app)

    @app.get("/queue")
    async def show() -> None:
        raise error("gone")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inbox.example") as client:
        answer = await client.get("/queue")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
