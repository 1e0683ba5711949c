"""The viewer answers its own page, and no other page that the browser happens to have open."""

import socket

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from hw4.show.viewer.serve import Viewer
from hw4.show.viewer.subject import Subject, View3D


@pytest.mark.parametrize(
    ("origin", "host", "is_let_in"),
    [
        ("http://localhost:{port}", "localhost:{port}", True),
        ("http://127.0.0.1:{port}", "127.0.0.1:{port}", True),
        (None, "127.0.0.1:{port}", True),
        ("http://evil.example", "127.0.0.1:{port}", False),
        ("http://localhost:1", "localhost:{port}", False),
        ("null", "localhost:{port}", False),
        ("http://evil.example:{port}", "evil.example:{port}", False),
    ],
)
def test_a_websocket_of_another_page_is_refused(origin: str | None, host: str, is_let_in: bool) -> None:
    viewer = Viewer([Subject("empty", View3D)], "127.0.0.1", 8765)
    try:
        port = viewer.server.get_port()
        page = None if origin is None else Origin(origin.format(port=port))

        def greet() -> None:
            # Whatever name it was resolved from, the connection reaches this machine.
            sock = socket.create_connection(("127.0.0.1", port), timeout=20)
            url = f"ws://{host.format(port=port)}"
            with connect(url, sock=sock, origin=page, subprotocols=[Subprotocol("viser-v1.1.1")]):
                pass

        if is_let_in:
            greet()
        else:
            with pytest.raises(InvalidStatus) as raised:
                greet()
            assert raised.value.response.status_code == 403
    finally:
        viewer.stop()
