"""Which platforms and Pythons have wheels of everything that `.[all]` needs: asks uv, and installs nothing.

    python scripts/resolve_platforms.py [--extra all] [--verbose]

Prints the table that docs/install.md sums up, with the torch that each would get. Needs uv and an index.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
# The oldest that torch or pycolmap has wheels for, here and in PLATFORMS.
MACOS = "14.0"
PLATFORMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux arm64": "aarch64-manylinux_2_28",
    "macOS arm64": "aarch64-apple-darwin",
    "macOS x86-64": "x86_64-apple-darwin",
    "Windows x86-64": "x86_64-pc-windows-msvc",
}
# Pure Python, published as source alone.
SOURCE_ONLY = ("antlr4-python3-runtime",)


def resolve(platform: str, python: str, extras: list[str]) -> subprocess.CompletedProcess[str]:
    """uv's answer: pinned requirements on stdout, or why there are none on stderr."""
    command = ["uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--only-binary", ":all:"]
    command += [word for name in SOURCE_ONLY for word in ("--no-binary", name)]
    command += ["--python-platform", platform, "--python-version", python]
    command += [word for extra in extras for word in ("--extra", extra)]
    environment = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": MACOS}
    return subprocess.run(
        [*command, "pyproject.toml"], cwd=ROOT, env=environment, capture_output=True, text=True
    )


def main() -> int:
    """0, or 1 where uv is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--extra", action="append", help="extras to resolve (default: all)")
    parser.add_argument("--verbose", action="store_true", help="print uv's reason for each that fails")
    arguments = parser.parse_args()
    if shutil.which("uv") is None:
        print("uv is not on PATH; `pip install uv` brings it", file=sys.stderr)
        return 1
    print("| platform | " + " | ".join(PYTHONS) + " |")
    print("|---" * (len(PYTHONS) + 1) + "|")
    reasons = []
    for name, platform in PLATFORMS.items():
        cells = []
        for python in PYTHONS:
            done = resolve(platform, python, arguments.extra or ["all"])
            if done.returncode:
                cells.append("no")
                reasons.append(f"{name}, Python {python}:\n{done.stderr}")
            else:
                torch = re.search(r"^torch==(\S+)", done.stdout, re.MULTILINE)
                cells.append(f"torch {torch[1]}" if torch else "without torch")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    if arguments.verbose:
        print("", *reasons, sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
