"""A screenshot of the viewer on a finished run, in a headless Chromium that draws WebGL in software.

    apt-get install -y chromium; pip install playwright
    python scripts/screenshot_viewer.py RUN --out docs/images/viewer.png [--choose 'idx 3 (4.2°)']

Exits with status 1 if the page reports an error.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from screenshots import make_small

from hw4.show.viewer.run_folder import find_subjects
from hw4.show.viewer.serve import Viewer

# SwiftShader draws on the CPU: a machine without a GPU has no other WebGL.
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]


@contextmanager
def viewer_page(url: str, width: int = 1280, height: int = 800) -> Iterator[tuple[Page, list[str]]]:
    """The viewer's page once it has drawn, and what its console reports as errors."""
    with sync_playwright() as playwright:
        # The distribution's Chromium where there is one, else the one that playwright has installed.
        found = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=found, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": width, "height": height})
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        page.wait_for_selector("canvas", timeout=60_000)
        yield page, errors
        browser.close()


def main() -> int:
    """Take the screenshot; 1 if the page has a problem."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/images/viewer.png"))
    parser.add_argument("--choose", help="entry of the viewer's list, or its number; the first one without")
    parser.add_argument("--beside", type=int, help="number of the run whose entry stands beside it")
    parser.add_argument("--size", nargs=2, type=int, default=(1280, 800))
    parser.add_argument("--seconds", type=float, default=8, help="to wait until everything is drawn")
    options = parser.parse_args()
    subjects = find_subjects(options.run)
    viewer = Viewer(subjects, "127.0.0.1", 8090)
    if options.choose:
        labels = [subject.label for subject in subjects]
        viewer.pick(int(options.choose) if options.choose.isdigit() else labels.index(options.choose))
    if options.beside is not None:
        viewer.beside.value = list(viewer.run.options)[options.beside]
    with viewer_page(viewer.url, *options.size) as (page, errors):
        page.wait_for_timeout(1000 * options.seconds)
        # viser says that WebGL is drawn in software; that is true of every screenshot.
        for button in page.locator(".mantine-Notification-closeButton").all():
            button.click()
        page.wait_for_timeout(1000)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(options.out))
        make_small(options.out)
    viewer.stop()
    print(options.out)
    for error in errors:
        print(error, file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
