"""What README and the pages of docs/ say that can be tried."""

import re
from collections.abc import Sequence
from pathlib import Path

from tests.support.paths import ROOT

README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, ROOT / "CONTRIBUTING.md", *DOCS]
# Its commands need its package.
EXTENDING = ROOT / "docs" / "extending.md"

_PROGRAMS = ("python ", "make ", "pip ", "wandb ", "hw4 ", "apt-get ", "git ", "source ", "bash ")


def commands(pages: Sequence[Path] = tuple(page for page in PAGES if page != EXTENDING)) -> list[str]:
    """Everything on the pages that one can type: in code blocks, in tables, in sentences."""
    found: list[str] = []
    for page in pages:
        text = page.read_text()
        blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
        found += [line.split(" #")[0].strip() for line in "\n".join(blocks).splitlines()]
        found += re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return list(dict.fromkeys(command for command in found if command.startswith(_PROGRAMS)))


def programs(page: Path) -> list[str]:
    """The Python code blocks of a page; files that a page includes are tested where they lie."""
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    return [block for block in blocks if "--8<--" not in block]
