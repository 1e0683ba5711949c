"""A real Chromium, where there is one."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

# SwiftShader draws on the CPU: a machine without a GPU has no other WebGL.
WEBGL = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")


@contextmanager
def chromium(arguments: Sequence[str]) -> Iterator[Any]:
    """A headless browser with these arguments; the test is skipped without one."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no browser here: apt-get install -y chromium")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    with playwright.sync_playwright() as p:
        opened = p.chromium.launch(executable_path=found, args=list(arguments))
        yield opened
        opened.close()
