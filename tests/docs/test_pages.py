"""The pages: they build without a warning, lead where they say, and their programs run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import hw4
from tests.support import forked
from tests.support.pages import DOCS, PAGES, README, programs
from tests.support.paths import ROOT

SMALLER = {
    r"SampleConfig\(pairs=\d+\)": "SampleConfig(pairs=2, frames=3, width=96, height=72)",
    r"\biterations=\d+": "iterations=3",
}
# Two screens.
MAX_README_LINES = 100


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("material", reason="the extra `docs` is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    for page in DOCS:
        name = "index.html" if page.stem == "index" else f"{page.stem}/index.html"
        html = (tmp_path / name).read_text()
        assert not re.findall(r"<(?:script|img|link)[^>]+(?:src|href)=\"?https?:[^\s>]*", html), page.name


def test_every_page_is_in_the_menu() -> None:
    text = re.sub(
        r"^(markdown_extensions|plugins):.*?(?=^\S)", "", (ROOT / "mkdocs.yml").read_text(), flags=re.M | re.S
    )
    menu = re.findall(r"[\w-]+\.md", str(yaml.safe_load(text)["nav"]))
    assert sorted(menu) == [page.name for page in DOCS]


def test_readme_is_short_and_its_links_lead_somewhere() -> None:
    text = README.read_text()
    assert len(text.splitlines()) <= MAX_README_LINES
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text)]
    missing = [link for link in links if not link.startswith("http") and not (ROOT / link).exists()]
    assert links and not missing


def test_every_picture_is_shown() -> None:
    text = "".join(page.read_text() for page in PAGES)
    pictures = {path.name for path in (ROOT / "docs" / "images").iterdir()}
    assert pictures == set(re.findall(r"images/([\w.]+\.png)", text))


def test_the_reference_has_every_name_of_the_library() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    shown = set(re.findall(r"^::: [\w.]+\.(\w+)$", text, re.M))
    assert set(hw4.__all__) <= shown


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if programs(page)], ids=lambda page: page.name)
def test_programs_run(page: Path, tmp_path: Path) -> None:
    """All of a page in order, as cells of one notebook; on less data and with fewer steps."""
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1"}
    code = "\n".join(programs(page))
    for large, small in SMALLER.items():
        code, changes = re.subn(large, small, code)
        assert changes, f"{large} is not on the page"
    done = forked.run([], code=code, cwd=tmp_path, env=env)
    assert done.returncode == 0 and done.stdout, done.stderr
