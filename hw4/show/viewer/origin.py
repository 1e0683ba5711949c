"""Only the viewer's own page may talk to the viewer.

A browser lets any page open a websocket to any address, this machine's own included, and viser answers each.
The browser says from which page it came, so that pages of other origins can be turned away.
"""

import contextlib
import http
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import websockets.asyncio.server
from websockets import Headers
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

LOOPBACK = ("localhost", "127.0.0.1", "::1")

Answer = Response | None
ProcessRequest = Callable[[ServerConnection, Request], Awaitable[Answer] | Answer]


def is_foreign(headers: Headers, host: str) -> bool:
    """Whether a request comes from another page than the viewer's own.

    Args:
        headers: of the request; programs that are no browsers send no ``Origin``, and are let in.
        host: the address that the viewer listens on.
    """
    asked, origins = ",".join(headers.get_all("Host")), headers.get_all("Origin")
    # A foreign name that resolves to this machine would make its page of the same origin (DNS rebinding).
    if host in LOOPBACK and urlsplit(f"//{asked}").hostname not in LOOPBACK:
        return True
    return any(urlsplit(origin).netloc != asked for origin in origins)


@contextlib.contextmanager
def own_origin_only(host: str) -> Iterator[None]:
    """While open, a websocket server that starts (viser's offers no such option) refuses foreign pages."""
    serve = websockets.asyncio.server.serve

    def guarded(*args: Any, process_request: ProcessRequest, **options: Any) -> Any:
        def process(connection: ServerConnection, request: Request) -> Awaitable[Answer] | Answer:
            if is_foreign(request.headers, host):
                return Response(http.HTTPStatus.FORBIDDEN, "Forbidden", Headers(), b"another page's origin\n")
            return process_request(connection, request)

        return serve(*args, process_request=process, **options)

    websockets.asyncio.server.serve = guarded  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        websockets.asyncio.server.serve = serve  # type: ignore[misc]
