"""Small wheels of upstream packages that import each other as the real ones do."""

import hashlib
import zipfile
from pathlib import Path

from hw4.models.wheel import Wheel

SOURCES = {
    "painter/__init__.py": "",
    "painter/model.py": "import os, sys\n"
    "sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../shapes'))\n"
    "from parts.circle import RADIUS\n",
    "painter/sizes.yaml": "small: 1\n",
    # Neither has an __init__.py.
    "shapes/parts/circle.py": "RADIUS = 2\n",
    "shapes/parts/later.py": "from parts.circle import RADIUS as AGAIN\n",
}
UNUSED = {
    "painter/fast.so": "compiled",
    "other/__init__.py": "raise SystemError\n",
    "painter-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: painter\nVersion: 1.0\n",
    "painter-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
    "painter-1.0.dist-info/RECORD": "",
}


def make_wheel(folder: Path, members: dict[str, str] | None = None, sha256: str | None = None) -> Wheel:
    """A wheel in a folder, and what is known of it."""
    path = folder / "painter-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (SOURCES | UNUSED | (members or {})).items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return Wheel(
        distribution="painter",
        version="1.0",
        sha256=sha256 or hashlib.sha256(path.read_bytes()).hexdigest(),
        packages={"painter": "model.py", "shapes": "parts/circle.py"},
        private={"parts": "shapes/parts"},
    )
