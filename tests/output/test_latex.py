"""Tables as LaTeX: every sign means itself, the best is bold, rows and rules are where they belong."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw4.output.latex import ACCENTS, SIGNS, escaped, latex
from hw4.output.tables import Table


def test_a_table_has_booktabs_rules_bold_and_notes() -> None:
    table = Table("Pose 50 %", ["a_b", "MRE"], [["x & y", "★ 5.8° [4, 7]"], ["[z]", "—"]], ["n: 1\n2"])
    assert latex(table).splitlines() == [
        "% Pose 50 %",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"a\_b & MRE \\",
        r"\midrule",
        r"x \& y & \textbf{5.8$^\circ$ {[}4, 7{]}} \\",
        r"{[}z{]} & --- \\",
        r"\bottomrule",
        r"\end{tabular}",
        "% n: 1 2",
    ]


@given(st.text(alphabet=st.sampled_from([*SIGNS, "a", " ", "\n", "1"]), max_size=20))
def test_no_sign_is_left_to_mean_something(text: str) -> None:
    found = escaped(text)
    for replacement in sorted(SIGNS.values(), key=len, reverse=True):
        found = found.replace(replacement, "")
    assert not re.search(r"[\\&%$#_{}~^<>|]", found)


def test_signs_that_pdflatex_lacks_are_accents_or_codes() -> None:
    assert escaped("Müller Dvořák") == r"M\"{u}ller Dvo\v{r}\'{a}k"
    assert escaped("日 --flag ---") == r"\texttt{U+65E5} -{}-flag -{}-{}-"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_pdflatex_takes_every_sign(tmp_path: Path) -> None:
    accented = "".join("aeiounczs"[i % 9] + mark for i, mark in enumerate(ACCENTS))
    words = ["a_b 50 % & #1 {x} ~^\\", *SIGNS, accented, "日本 😀 \t\x01", "--a ?` <<>>", "[x]", "★ [x]*"]
    rows = [[word, f"★ {word}"] for word in words]
    table = Table("a % b _ #", ["setting_1 [°]", "MRE & °"], rows, ["n_1 % &"])
    (tmp_path / "table.tex").write_text(latex(table))
    head = r"\documentclass{article}\usepackage{booktabs}\textheight=60cm"
    (tmp_path / "page.tex").write_text(rf"{head}\begin{{document}}\input{{table}}\end{{document}}")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=60)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in (tmp_path / "page.log").read_text(errors="replace")
