"""Screenshots of HTML files at desktop and phone width, in light and dark, with a headless Chromium.

    apt-get install -y chromium; pip install playwright
    python scripts/screenshots.py report.html --out docs [--widths 1280 375] [--themes light dark]

Exits with status 1 if a page loads anything from a network or is wider than its window.
"""

import argparse
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, FloatRect, sync_playwright


def shoot(
    browser: Browser, page_file: Path, width: int, theme: str, target: Path, at: str, height: int | None
) -> list[str]:
    """Write one PNG of `height` pixels (None: all) from the element `at`; returns what is wrong, in words."""
    page = browser.new_page(
        viewport={"width": width, "height": 900},
        device_scale_factor=2 if width < 600 else 1,
        color_scheme="dark" if theme == "dark" else "light",
    )
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(page_file.resolve().as_uri())
    clip: FloatRect | None = None
    if height:
        top = page.evaluate("at => document.querySelector(at).getBoundingClientRect().top", at)
        clip = {"x": 0, "y": max(0.0, top - 8), "width": width, "height": height}
    page.screenshot(path=str(target), full_page=True, clip=clip)
    needed = page.evaluate("document.documentElement.scrollWidth")
    page.close()
    problems = [
        f"{target.name}: loads {url}" for url in requests if url.startswith(("http:", "https:", "ws"))
    ]
    if needed > width:
        problems.append(f"{target.name}: needs {needed} px at a width of {width} px")
    return problems


def main() -> int:
    """Take every screenshot; 1 if any page has a problem."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--widths", nargs="+", type=int, default=[1280, 375])
    parser.add_argument("--themes", nargs="+", choices=("light", "dark"), default=["light", "dark"])
    parser.add_argument("--height", type=int, help="only so many pixels")
    parser.add_argument("--at", default="html", help="CSS selector of where these pixels start")
    parser.add_argument("--name", help="start of the file names, instead of the page's")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    problems = []
    with sync_playwright() as playwright:
        # The distribution's Chromium where there is one, else the one that playwright has installed.
        found = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        for page in options.pages:
            for width in options.widths:
                for theme in options.themes:
                    stem = page.stem if len(options.pages) == 1 else f"{page.parent.name}_{page.stem}"
                    stem = options.name or stem
                    target = options.out / f"{stem}_{width}_{theme}.png"
                    problems += shoot(browser, page, width, theme, target, options.at, options.height)
                    print(target)
        browser.close()
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
