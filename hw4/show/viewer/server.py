"""A viser server: where it listens, how it says things, and how it ends."""

import contextlib
import io
import re
import socket
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import viser

from hw4.core.errors import UserError
from hw4.show.viewer.origin import own_origin_only

# No camera to look through: the reader moves freely.
FREE = "no camera"


class Stops(Protocol):
    """What `serve` ends."""

    def stop(self) -> None:
        """End it."""


def open_server(host: str, port: int) -> tuple[viser.ViserServer, str]:
    """A server that listens, and the address of its page.

    Args:
        host: address to listen on.
        port: the next free one is taken where it is in use.

    Raises:
        UserError: the address is not one of this machine, or no port can be had.
    """
    _check_address(host)
    try:
        # It prints a banner of its own, verbose or not.
        with contextlib.redirect_stdout(io.StringIO()), own_origin_only(host):
            server = viser.ViserServer(host=host, port=port, label="hw4", verbose=False)
    except (OSError, RuntimeError) as error:
        raise UserError(f"the viewer cannot listen on {host}:{port} ({error}); set view.port.") from error
    # That button opens the page to the world, through a machine of viser's authors.
    server.gui.configure_theme(show_share_button=False)
    return server, f"http://{'localhost' if host in ('0.0.0.0', '127.0.0.1') else host}:{server.get_port()}"


def close_server(server: viser.ViserServer) -> None:
    """End a server, without its words."""
    with contextlib.redirect_stdout(io.StringIO()):
        server.stop()


def plain(text: str) -> str:
    """Text whose marks mean themselves where Markdown is expected; names of files may hold any."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))


def distinct(labels: Sequence[str]) -> list[str]:
    """The labels with a number behind those that stand there again."""
    seen: dict[str, int] = {}
    result = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        result.append(label if seen[label] == 1 else f"{label} [{seen[label]}]")
    return result


def serve(viewer: Stops, seconds: float | None, sleep: Callable[[float], None] = time.sleep) -> None:
    """Keep a viewer running until Ctrl-C, or for that many seconds, then end it."""
    end = None if seconds is None else time.monotonic() + seconds
    try:
        while end is None or time.monotonic() < end:
            sleep(0.2 if end is None else min(0.2, max(0.0, end - time.monotonic())))
    except KeyboardInterrupt:
        pass
    finally:
        viewer.stop()


def _check_address(host: str) -> None:
    """viser waits for ever where its thread cannot listen."""
    try:
        family, kind, *_, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"the viewer cannot listen on view.host={host} ({reason}); set view.host.") from error
