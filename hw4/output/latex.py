"""Tables as LaTeX with booktabs, to be read by \\input."""

import re
import unicodedata

from hw4.output.tables import Table

GREEK = {
    **{"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta"},
    **{"θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi"},
    **{"ρ": "rho", "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "varphi", "χ": "chi", "ψ": "psi"},
    **{"ω": "omega", "Σ": "Sigma"},
}
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
    # \textdegree{} would come from a font that small installations have as a bitmap alone.
    "°": r"$^\circ$",
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
    "·": r"$\cdot$",
    "≥": r"$\geq$",
    "∞": r"$\infty$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "²": "$^2$",
    "³": "$^3$",
    "⁻": "$^-$",
    "¹": "$^1$",
    "µ": r"$\mu$",
    "ß": r"{\ss}",
    "æ": r"{\ae}",
    "Æ": r"{\AE}",
    "ø": r"{\o}",
    "Ø": r"{\O}",
    "ł": r"{\l}",
    "Ł": r"{\L}",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    **{letter: rf"$\{name}$" for letter, name in GREEK.items()},
}
# Commands of the accents that every font encoding has.
ACCENTS = {
    **{"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u"},
    **{"\u0307": ".", "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c"},
}
BEST = "★ "


def escaped(text: str) -> str:
    """Text that means itself in pdflatex with any font; a sign that it lacks is its code, as ``U+65E5``."""
    plain = unicodedata.normalize("NFC", _one_line(text))
    # Two hyphens would become a dash.
    return "".join(
        "{}-" if before == sign == "-" else _sign(sign)
        for before, sign in zip(("", *plain), plain, strict=False)
    )


def _sign(character: str) -> str:
    if character in SIGNS:
        return SIGNS[character]
    if character.isascii():
        return character if character.isprintable() else ""
    base, *marks = list(unicodedata.normalize("NFD", character))
    if len(marks) == 1 and marks[0] in ACCENTS and base.isascii():
        return rf"\{ACCENTS[marks[0]]}{{{base}}}"
    return rf"\texttt{{U+{ord(character):04X}}}"


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
