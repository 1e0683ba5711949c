"""Screenshots of HTML files at desktop and phone width, in light and dark, with a headless Chromium.

    apt-get install -y chromium; pip install playwright
    python scripts/screenshots.py report.html --out docs/images [--widths 1280 375] [--themes light dark]

`make screenshots` takes all pictures of docs/images/, of runs that it makes for them.
Exits with status 1 if a page loads anything from a network or is wider than its window.
"""

import argparse
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, FloatRect, sync_playwright

# A picture above this size gets a palette, which is half the bytes.
MAX_BYTES = 400_000
# Pixels between a heading and what stands above it.
FRAME = 20


def make_small(picture: Path) -> None:
    """Reduce a PNG of more than MAX_BYTES to 256 colours."""
    if picture.stat().st_size > MAX_BYTES:
        with Image.open(picture) as image:
            colors = image.convert("RGB")
            small = colors.quantize(256, palette=colors.quantize(256), dither=Image.Dither.FLOYDSTEINBERG)
        small.save(picture, optimize=True)


def shoot(
    browser: Browser, page_file: Path, width: int, theme: str, target: Path, options: argparse.Namespace
) -> list[str]:
    """Write one PNG from the element `at` to the element `until`; returns what is wrong.

    Without `until`: the first screen, `screen` pixels of it, or all where that is 0.
    """
    high, until = options.screen, options.until
    page = browser.new_page(
        viewport={"width": width, "height": high or 900},
        device_scale_factor=2 if width < 600 else 1,
        color_scheme="dark" if theme == "dark" else "light",
    )
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(page_file.resolve().as_uri())
    if options.open:
        page.locator(options.open).evaluate_all("found => found.forEach(one => one.open = true)")
    clip: FloatRect | None = None
    if until:
        ends = [page.locator(selector).first.bounding_box(timeout=5000) for selector in (options.at, until)]
        top, end = (box["y"] - FRAME if box else 0.0 for box in ends)
        clip = {"x": 0, "y": max(0.0, top), "width": width, "height": end - max(0.0, top)}
    page.screenshot(path=str(target), full_page=not high or bool(until), clip=clip)
    make_small(target)
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
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--widths", nargs="+", type=int, default=[1280, 375])
    parser.add_argument("--themes", nargs="+", choices=("light", "dark"), default=["light", "dark"])
    parser.add_argument("--at", default="html", help="selector of where the picture starts")
    parser.add_argument("--until", help="selector of where it ends, such as h2:has-text('Splatting')")
    parser.add_argument("--open", help="selector of <details> that are opened, such as details.cards")
    parser.add_argument("--screen", type=int, default=0, metavar="HEIGHT", help="the first screen alone")
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
                    problems += shoot(browser, page, width, theme, target, options)
                    print(target)
        browser.close()
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
