"""Tables as LaTeX: every sign means itself, the best is bold, rows and rules are where they belong."""

import re

from hypothesis import given
from hypothesis import strategies as st

from hw4.output.latex import SIGNS, escaped, latex
from hw4.output.tables import Table


def test_a_table_has_booktabs_rules_bold_and_notes() -> None:
    table = Table("Pose 50 %", ["a_b", "MRE"], [["x & y", "★ 5.8° [4, 7]"], ["[z]", "—"]], ["n: 1\n2"])
    assert latex(table).splitlines() == [
        "% Pose 50 %",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"a\_b & MRE \\",
        r"\midrule",
        r"x \& y & \textbf{5.8\textdegree{} {[}4, 7{]}} \\",
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
