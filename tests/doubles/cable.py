"""The cable between a browser and a server, which can be pulled: what is under way breaks, and nothing new gets by."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Cable:
    """Passes bytes on to a server, in both directions, for as long as it is plugged in."""

    def __init__(self, server_url: str) -> None:
        self._port = urlsplit(server_url).port
        self._open: set[asyncio.StreamWriter] = set()
        self._is_in = True
        self.url = ""

    def pull(self) -> None:
        """Break every connection, and let no new one get by."""
        self._is_in = False
        for writer in self._open:
            writer.transport.abort()

    def plug_in(self) -> None:
        """Let new connections get by."""
        self._is_in = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect a browser through."""
        if not self._is_in:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        ends = {writer, back}
        self._open |= ends
        try:
            await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
        finally:
            self._open -= ends
            for end in ends:
                end.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
    with suppress(OSError):
        writer.transport.abort()


@asynccontextmanager
async def lay_cable(server_url: str) -> AsyncIterator[Cable]:
    """Lay a cable to a server; its own address is what browsers are to be given."""
    cable = Cable(server_url)
    server = await asyncio.start_server(cable.serve, "127.0.0.1", 0)
    cable.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield cable
    finally:
        cable.pull()
        server.close()
        await server.wait_closed()
