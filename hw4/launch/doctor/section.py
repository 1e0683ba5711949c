"""A part of what the doctor says."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Section:
    """Facts under a title, and what is wrong with them: a sentence each that says what to do."""

    title: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def says(self, name: str, value: object) -> None:
        """Add a fact."""
        self.facts.append((name, str(value)))


def as_text(sections: Sequence[Section]) -> str:
    """Everything, for a terminal and to be pasted."""
    width = max(len(name) for section in sections for name, _ in section.facts)
    lines = []
    for section in sections:
        lines += [section.title, *(f"  {name:<{width}}  {value}" for name, value in section.facts), ""]
    problems = [problem for section in sections for problem in section.problems]
    if not problems:
        return "\n".join([*lines, "Nothing is wrong, as far as can be seen here."])
    return "\n".join([*lines, "Wrong:", *(f"  - {problem}" for problem in problems)])
