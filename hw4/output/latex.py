"""Tables as LaTeX with booktabs, to be read by \\input."""

import re

from hw4.output.tables import Table

# What pdflatex has no sign for by itself, and what means something to it.
SIGNS = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    # At the start of a row it would be an option of the line before.
    "[": "{[}",
    "]": "{]}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "°": r"\textdegree{}",
    "−": "$-$",
    "±": r"$\pm$",
    "→": r"$\rightarrow$",
    "≤": r"$\leq$",
    "Δ": r"$\Delta$",
    "★": r"$\star$",
    "⚠": "!",
    "†": r"\dag{}",
    "—": "---",
    "–": "--",
    "…": r"\dots{}",
    "×": r"$\times$",
}
BEST = "★ "


def escaped(text: str) -> str:
    """Text that means itself in LaTeX."""
    return "".join(SIGNS.get(character, character) for character in _one_line(text))


def latex(table: Table) -> str:
    """A ``tabular`` with booktabs' rules, the best of a column in bold, notes as comments after it."""

    def cell(text: str) -> str:
        return rf"\textbf{{{escaped(text[len(BEST) :])}}}" if text.startswith(BEST) else escaped(text)

    def line(cells: list[str]) -> str:
        return " & ".join(cells) + r" \\"

    lines = [
        f"% {_one_line(table.title)}",
        rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
        r"\toprule",
        line([escaped(column) for column in table.columns]),
        r"\midrule",
        *(line([cell(text) for text in row]) for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
        *(f"% {_one_line(note)}" for note in table.notes),
    ]
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)
