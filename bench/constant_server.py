"""A server that answers each request with the same bytes, by the same web server as Penstock's: the floor of what answers cost.

    python bench/constant_server.py BYTES

Prints its port. It ends with its input.
"""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

from penstock_server.niceness import USUAL, give_way

Send = Callable[[dict[str, Any]], Awaitable[None]]


async def main(size: int) -> None:
    """Serve until the input ends."""
    give_way(USUAL)
    body = b"x" * size
    headers = [(b"content-length", str(size).encode()), (b"content-type", b"application/json")]

    async def answer(scope: dict[str, Any], _receive: object, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    listening = socket.create_server(("127.0.0.1", 0))
    options: dict[str, Any] = {"loop": "asyncio", "http": "httptools", "ws": "none", "lifespan": "off"}
    server = uvicorn.Server(uvicorn.Config(answer, **options, access_log=False, log_config=None))  # type: ignore[arg-type] # ASGI
    asyncio.get_running_loop().add_reader(sys.stdin, lambda: setattr(server, "should_exit", True))
    print(listening.getsockname()[1], flush=True)
    await server.serve([listening])


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
