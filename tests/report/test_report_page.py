"""What report.html does in a browser: sorting, filters, hover, sliders, clouds; and without JavaScript."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hw4.config import Config, SplatConfig
from hw4.models.sfm.config import SfmConfig
from hw4.report.document import write_report
from tests.support.browser import chromium
from tests.support.report_folders import POSE, pose_results, sample, write_job, write_splat_job

pytestmark = pytest.mark.slow
ARGUMENTS = [
    *("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    *("--ignore-gpu-blocklist", "--disable-quic", "--no-first-run", "--disable-background-networking"),
]
# Every text whose contrast with the ground behind it is below 4.5.
CONTRAST = """() => {
  const rgb = c => { const v = c.match(/[\\d.]+/g).map(Number); return v.length > 3 ? v : [...v, 1] }
  const part = x => (x /= 255) <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4
  const light = c => .2126 * part(c[0]) + .7152 * part(c[1]) + .0722 * part(c[2])
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor)
      if (c[3] > .99) return c
    }
    return [255, 255, 255, 1]
  }
  const texts = 'p, td, th, h1, h2, h3, li, a, figcaption, span, summary, button, input, svg.chart text'
  return [...document.querySelectorAll(texts)].filter(e => e.textContent.trim() && e.getClientRects().length)
    .map(e => {
      const style = getComputedStyle(e)
      const pair = [light(rgb(e.closest('svg') ? style.fill : style.color)), light(ground(e))]
      return [e.tagName, e.textContent.slice(0, 40), (Math.max(...pair) + .05) / (Math.min(...pair) + .05)]
    }).filter(([, , ratio]) => ratio < 4.5)
}"""
HOSTILE, NAME = "</script><img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"
TRUTH = np.tile(np.eye(4), (2, 1, 1))
ERRORS = [12.0, 30.0, 7.0, 55.0, 3.0, 41.0, 22.0, 9.0]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium(ARGUMENTS) as opened:
        yield opened


def write_cloud(path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(
        path,
        points=rng.normal([0, 0, 4], 1, (500, 3)).astype(np.float32),
        colors=rng.integers(0, 255, (500, 3), np.uint8),
        cam_from_world=np.stack([np.eye(4)[:3]] * 2),
        Ks=np.tile(np.array([[50.0, 0, 16], [0, 50, 12], [0, 0, 1]]), (2, 1, 1)),
        sizes=np.full((2, 2), 32),
        matches=rng.uniform(0, 30, (70, 4)).astype(np.float32),
        verified=np.ones(70, bool),
        n_matches=np.array([70, 70]),
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine settings, with names that try HTML, photos and clouds; two splats."""
    sweep = tmp_path_factory.mktemp("sweep")
    photo = sweep / f"{NAME}.png"
    other = sweep / "second & last.png"
    for path in (photo, other):
        Image.fromarray(np.full((30, 40, 3), 120, np.uint8)).save(path)
    (sweep / "cache" / "clouds").mkdir(parents=True)
    for number in range(9):
        config = replace(POSE, model=SfmConfig(max_features=100 * (1 + number)), name=f"setting {number}")
        records = [sample(i, error + number) for i, error in enumerate(ERRORS)]
        for record in records:
            record |= {"img1": str(photo), "img2": str(other), "true_cam_from_world": TRUTH.tolist()}
            write_cloud(sweep / "cache" / "clouds" / f"{record['idx']}.npz")
        records.append(sample(8, None, reason=HOSTILE))
        pose = pose_results(records, config) | {"cache_dir": str(sweep / "cache")}
        write_job(sweep / f"jobs{number}", config, pose=pose)
    for number in (0, 1):
        splat = Config(task="splat", name=f"splat s{number}", splat=SplatConfig(lr=1e-3 * (1 + number)))
        write_splat_job(sweep / f"splat{number}", splat, 20.0 + number)
    return write_report(sweep).html


def opened(browser: Any, report: Path, width: int = 1280, **options: Any) -> tuple[Any, list[str]]:
    page = browser.new_page(viewport={"width": width, "height": 900}, **options)
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("dialog", lambda dialog: heard.append(dialog.message))
    page.on(
        "request",
        lambda request: heard.append(request.url) if request.url.startswith(("http", "ws")) else None,
    )
    page.goto(report.as_uri())
    return page, heard


def until(page: Any, holds: Callable[[], bool]) -> None:
    """Wait for what an animation leads to, some seconds at most."""
    for _ in range(50):
        if holds():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it has not come about")


def test_tables_are_sorted_and_filtered_by_keyboard_too(browser: Any, report: Path) -> None:
    page, heard = opened(browser, report)
    table = page.locator("table.filterable").first
    head = table.locator("th", has_text="MRE").first
    head.focus()
    for key, expected in (("Enter", sorted), ("Enter", lambda v: sorted(v, reverse=True))):
        page.keyboard.press(key)
        page.wait_for_timeout(60)
        column = head.evaluate("h => h.cellIndex")
        cells = [row.split("\t")[column] for row in table.locator("tbody tr").all_inner_texts()]
        values = [float(cell.lstrip("★ ").split("°")[0]) for cell in cells if cell != "—"]
        assert len(values) == 9 and values == expected(values)
        assert cells[9:] == ["—", "—"], "what is missing stands last"
    field = page.locator("input[type=search]").first
    field.fill("s1")
    assert table.locator("tbody tr:visible").count() == 1
    assert heard == []
    page.close()


def test_pictures_are_compared_and_clouds_turned(browser: Any, report: Path) -> None:
    page, heard = opened(browser, report)
    gallery = page.locator(".gallery:has(img[data-truth])").first
    gallery.locator("button").first.click()
    slider = gallery.locator("img-comparison-slider")
    slider.focus()
    before = slider.evaluate("s => s.value")
    page.keyboard.down("ArrowRight")
    until(page, lambda: slider.evaluate("s => s.value") > before)
    page.keyboard.up("ArrowRight")
    page.locator("h2", has_text="worst and best").click()
    cards = page.locator("details.cards").first
    cards.locator("summary").click()
    cards.locator(".scene button").first.click()
    canvas = cards.locator("canvas")
    canvas.scroll_into_view_if_needed()
    page.wait_for_timeout(200)
    first = canvas.screenshot()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 90, box["y"] + 90)
    page.mouse.down()
    page.mouse.move(box["x"] + 190, box["y"] + 120, steps=4)
    page.mouse.up()
    page.wait_for_timeout(200)
    assert canvas.screenshot() != first
    assert heard == []
    page.close()


def test_pictures_are_zoomed_by_click_and_by_keyboard(browser: Any, report: Path) -> None:
    page, heard = opened(browser, report)
    page.locator("h2", has_text="worst and best").click()
    page.locator("details.cards summary").first.click()
    card = page.locator("details.cards .card").first
    matches = card.locator("img.zoom").nth(2)
    small = matches.bounding_box()["width"]
    large = page.locator(".medium-zoom-image--opened")

    def closes() -> bool:
        # Nothing is heard while a picture grows.
        page.keyboard.press("Escape")
        return large.count() == 0

    for way in (matches.click, lambda: (matches.focus(), page.keyboard.press("Enter"))):
        way()
        large.wait_for()
        until(page, lambda: large.bounding_box()["width"] > 1.5 * small)
        until(page, closes)
    assert heard == []
    page.close()


def test_a_mark_is_told_when_it_is_pointed_at(browser: Any, report: Path) -> None:
    page, heard = opened(browser, report)
    mark = page.locator(".chart .dot").first
    mark.hover()
    tip = page.locator(".tip")
    assert tip.is_visible() and "idx" in tip.inner_text()
    page.mouse.move(2, 2)
    assert not tip.is_visible() and heard == []
    page.close()


def test_names_stay_names_and_the_policy_lets_no_other_script_run(browser: Any, report: Path) -> None:
    page, heard = opened(browser, report)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert HOSTILE in page.inner_text("body")
    assert page.locator("details.cards img").first.get_attribute("alt") == f"{NAME}.png"
    assert page.locator("img[src=x]").count() == 0
    page.evaluate(
        """() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';
                   document.body.append(s); new Image().src = 'https://example.invalid/x.png' }"""
    )
    page.wait_for_timeout(100)
    assert page.evaluate("window.ran") is None
    refused = [text for text in heard if "Content Security Policy" in text]
    assert len(refused) == 2 and "alert" not in " ".join(heard).replace(HOSTILE, "")
    page.close()


@pytest.mark.parametrize("width", [1280, 375])
def test_without_javascript_everything_is_there(browser: Any, report: Path, width: int) -> None:
    page, _ = opened(browser, report, width, java_script_enabled=False)
    words = page.inner_text("body")
    assert "Lowest mean rotation error" in words and "Highest PSNR" in words
    assert page.locator("button").count() == 0
    assert page.locator("table.filterable tbody tr").first.is_visible()
    assert page.locator(".gallery img").first.is_visible()
    page.locator("h2", has_text="worst and best").click()
    page.locator("details.cards summary").first.click()
    card = page.locator("details.cards .card").first
    text, images = card.inner_text(), card.locator("img")
    assert "60 of 70 matches are drawn" in text and "true cameras, dashed" in text
    widths = images.evaluate_all("found => found.map(image => image.naturalWidth)")
    assert len(widths) == 4 and min(widths) > 0
    page.close()


def test_text_has_contrast_in_both_themes(browser: Any, report: Path) -> None:
    """WCAG AA: 4.5, of every text against the ground that is painted behind it."""
    for theme in ("light", "dark"):
        page, _ = opened(browser, report, color_scheme=theme)
        assert page.evaluate(CONTRAST) == [], theme
        page.close()
