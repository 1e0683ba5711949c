"""report.html in a real browser, at desktop and phone width, light and dark."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hw4.config import Config, SplatConfig
from hw4.records.runs import load_runs
from hw4.report.document import write_report
from tests.support.browser import chromium
from tests.support.report_folders import pair_and_interpolated, results_of, write_pose_job, write_splat_job

pytestmark = pytest.mark.slow

ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
# What a drawing's texts and hollow marks take up on the screen, and what its own area is.
BOXES = """
() => [...document.querySelectorAll('svg.chart')].map(svg => {
  const box = e => { const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom] }
  return {
    name: svg.getAttribute('aria-label'), area: box(svg),
    texts: [...svg.querySelectorAll('text')].map(t => [t.textContent, box(t)]),
    marks: [...svg.querySelectorAll('.open')].map(box),
  }
})
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium(ARGUMENTS) as opened:
        yield opened


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Long labels, failures, many Gaussians and iterations: what does not fit shows here."""
    sweep = tmp_path_factory.mktemp("sweep")
    pair, interpolated = pair_and_interpolated()
    rng = np.random.default_rng(0)
    for number, selection in enumerate(("pair", "all", "medoid", "oracle")):
        chosen = replace(
            interpolated, input=replace(interpolated.input, selection=selection.replace("pair", "all"))
        )
        errors: list[float | None] = [float(e) for e in rng.uniform(0.02, 90, 20)]
        # Failures among the smallest and the largest angles: hollow marks in both upper corners.
        errors[0] = errors[7 + number] = errors[19] = None
        write_pose_job(sweep / str(number), pair if selection == "pair" else chosen, errors)
    for number, (gaussians, steps) in enumerate(((120_000, 1000), (1_000_000, 10_000)), 4):
        name = "a long name that the user gave to this setting of the splatting, number " + str(number)
        config = Config(task="splat", name=name, splat=SplatConfig(lr=1e-3 * number))
        folder = write_splat_job(sweep / str(number), config, 20.0 + number)
        content = results_of(folder)
        content["splat"]["history"] = [
            {
                "step": int(steps * s),
                "loss": 0.02 + 0.16 * (1 - s),
                "psnr_train": 10 + s,
                "n_gaussians": int(gaussians * s),
            }
            for s in (0.1, 0.5, 1.0)
        ]
        (folder / "results.json").write_text(json.dumps(content))
    assert len(load_runs(sweep).runs) == 6
    return write_report(sweep).html


def overlap(a: list[float], b: list[float]) -> bool:
    """Whether two boxes (left, top, right, bottom) share more than a pixel's edge."""
    return min(a[2], b[2]) - max(a[0], b[0]) > 1 and min(a[3], b[3]) - max(a[1], b[1]) > 1


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_everything_fits_and_nothing_is_loaded(browser: Any, report: Path, width: int, theme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(report.as_uri())
    assert [url for url in requests if not url.startswith("data:")] == [report.as_uri()]
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    drawings = page.evaluate(BOXES)
    assert len(drawings) >= 8 and sum(len(d["marks"]) for d in drawings) > 10
    for drawing in drawings:
        left, top, right, bottom = drawing["area"]
        for text, box in drawing["texts"]:
            inside = left <= box[0] and top <= box[1] and box[2] <= right and box[3] <= bottom
            assert inside, f"{drawing['name']}: {text!r} is cut"
        # A line of text is as high as its letters with room above and below; that room may be shared.
        tight = [(t, [b[0], b[1] + 2, b[2], b[3] - 2]) for t, b in drawing["texts"]]
        for i, (text, box) in enumerate(tight):
            for other, other_box in tight[:i]:
                assert not overlap(box, other_box), f"{drawing['name']}: {text!r} lies on {other!r}"
            for mark in drawing["marks"]:
                assert not overlap(box, mark), f"{drawing['name']}: a mark lies on {text!r}"
    words = page.inner_text("body")
    assert "1M" in words and "10k" in words and "picked with the ground truth" in words
    light = page.evaluate(
        """() => ['body', 'section', 'svg.chart text'].map(s => {
          const style = getComputedStyle(document.querySelector(s))
          return (s.startsWith('svg') ? style.fill : style.backgroundColor).match(/\\d+/g).map(Number)
        }).map(c => c[0] + c[1] + c[2] > 382)"""
    )
    assert light == ([True, True, False] if theme == "light" else [False, False, True])
    page.close()


def test_on_a_phone_the_change_and_its_interval_are_in_sight(browser: Any, report: Path) -> None:
    page = browser.new_page(viewport={"width": 375, "height": 900})
    page.goto(report.as_uri())
    tables = page.evaluate(
        """() => [...document.querySelectorAll('.scroll')].map(s => {
          const heads = [...s.querySelectorAll('th')]
          const ends = heads.map(h => [h.textContent, h.getBoundingClientRect().right])
          return [s.getBoundingClientRect().right, ends, s.scrollWidth > s.clientWidth + 1,
                  getComputedStyle(s).backgroundImage.includes('gradient')]
        })"""
    )
    compared = 0
    for right, ends, scrolls, has_cue in tables:
        assert has_cue or not scrolls
        for name, end in ends:
            if name in ("change", "95 % interval"):
                compared += 1
                assert end <= right + 1, name
    assert compared >= 8
    page.close()
