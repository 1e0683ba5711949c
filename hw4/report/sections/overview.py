"""The report's first section: the answer, one picture that shows it, and a row for each setting."""

from collections.abc import Sequence

from hw4.config.stages import SPLAT
from hw4.output.blocks import VERDICT, WARNING, Block, Columns, Folded, Section, Text
from hw4.records.files import OK
from hw4.records.runs import Folder
from hw4.report.answers import answer, difference
from hw4.report.findings import Findings
from hw4.report.questions import question
from hw4.report.ranking import rank
from hw4.report.sections.best import pose_verdict, splat_verdict
from hw4.report.sections.distributions import pose_distribution, splat_distribution
from hw4.report.sections.effects import effect_texts
from hw4.report.sections.settings_table import settings_table
from hw4.report.sections.splat_views import first_look
from hw4.report.sections.sweep_charts import FEW_ANSWERS, first_charts
from hw4.report.splat_results import distinct_results
from hw4.report.statistics.by_seed import factors_between
from hw4.report.statistics.confounds import is_confounded
from hw4.report.statistics.pairing import BOUND, SETTING
from hw4.report.sweep import swept_stages
from hw4.report.words import counted

# On the first screen; the others are folded.
SHOWN_ANSWERS = 5
MAX_ANSWERS = 24
NAMED = 3


def overview_section(findings: Findings) -> Section:
    """What a reader in a hurry needs."""
    section = Section("The answer")
    poses, splats = rank(findings.pose_scores), rank(findings.splat_scores)
    said: list[Block] = [*pose_verdict(poses, findings), *splat_verdict(splats, findings)]
    sweeps = swept_stages(findings)
    answers = [*_answers(findings), *(text for swept in sweeps for text in effect_texts(swept))]
    drawn = first_charts(sweeps, len(answers))
    # A map says at a glance what many sentences would.
    shown = 0 if drawn and len(answers) > SHOWN_ANSWERS else SHOWN_ANSWERS
    said += answers[:shown]
    if not shown or len(answers) <= FEW_ANSWERS:
        said += drawn
        drawn = []
    if answers[shown:]:
        more = answers[shown:MAX_ANSWERS]
        noun = "more question" if shown else "question"
        said.append(Folded(f"{counted(len(more), noun)} with answers", more))
    if not _is_whole(findings.folder):
        said.append(Text("Something is missing from these results: what, and why, stands below.", WARNING))
    gallery = first_look(distinct_results(findings.splat_settings), splats, findings.options.view)
    pictures: list[Block] = [
        picture
        for picture in (
            pose_distribution(findings, poses),
            gallery or splat_distribution(findings, splats),
        )
        if picture is not None
    ]
    pictures += drawn
    section.blocks += [Columns(said, pictures)] if pictures and said else [*said, *pictures]
    if findings.runs:
        section.blocks.append(settings_table(findings, poses, splats))
    section.blocks += _warnings(findings)
    return section


def _is_whole(folder: Folder) -> bool:
    started = folder.planned is None or len(folder.runs) >= folder.planned
    return started and bool(folder.runs) and all(run.status == OK for run in folder.runs)


def _answers(findings: Findings) -> list[Text]:
    # An oracle answers one question only: how far from the bound a method is.
    asked = [c for c in findings.comparisons if c.kind != SETTING and (c.kind == BOUND or not c.oracles)]
    return [Text(f"{answer(c)} {difference(c)}".strip(), VERDICT, question(c)) for c in asked]


def _warnings(findings: Findings) -> Sequence[Text]:
    confounded = [(c.a, c.b) for c in findings.comparisons if c.warning]
    splats = findings.splat_settings
    confounded += [
        (splats[0].run, one.run)
        for one in splats[1:]
        if is_confounded(factors_between(splats[0], one, SPLAT))
    ]
    pairs = list(dict.fromkeys(f"{a.title} and {b.title}" for a, b in confounded))
    # Most settings of a grid differ in several keys; their answers compare those that differ in one.
    if not 0 < len(pairs) <= NAMED:
        return []
    text = (
        f"WARNING: more than one factor changes between {'; '.join(pairs)}. "
        "Details stand with each comparison."
    )
    return [Text(text, WARNING)]
