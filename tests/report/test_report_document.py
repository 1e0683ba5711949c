"""The report as a file: true to results.json, honest about what is missing, loading nothing."""

import csv
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from hw4.config import Config, PairsConfig, ReportConfig, ScoreConfig, SplatConfig, WandbConfig
from hw4.core.errors import UserError
from hw4.jobs.report import report_at_the_end
from hw4.jobs.run import run_job
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.sfm.config import SfmConfig
from hw4.models.vggt.config import VggtConfig
from hw4.output.svg import Axis, Series, chart
from hw4.output.text_size import text_width, wrapped
from hw4.records.run import Run
from hw4.records.runs import load_runs
from hw4.report.document import Written, write_report
from hw4.report.statistics.comparisons import all_comparisons
from hw4.report.statistics.confounds import factors
from tests.support.report_folders import (
    METRICS,
    POSE,
    pair_and_interpolated,
    pose_results,
    read_table,
    results_of,
    sample,
    write_job,
    write_pose_job,
    write_splat_job,
)

MakePairs = Callable[..., tuple[Path, np.ndarray]]
PAIR_ERRORS = [20.0, 31.5, 4.0, 90.0, None, 17.0, 60.0, 8.0, 44.0, 12.0]
BETTER_ERRORS = [9.0, 13.5, 3.0, 21.0, 2.0, 11.0, 20.0, 4.5, 15.5, None]


def two_inputs(root: Path) -> Path:
    for name, config, errors in zip("01", pair_and_interpolated(), (PAIR_ERRORS, BETTER_ERRORS), strict=True):
        write_pose_job(root / name, config, errors)
    return root


def numbers(cell: str) -> list[float]:
    return [float(text) for text in re.findall(r"[-+]?\d+(?:\.\d+)?", cell.replace("−", "-"))]


class Page(HTMLParser):
    """Everything in a page that could load something, and its visible text."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.text = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [
            v or "" for k, v in attrs if k in ("src", "href", "srcset", "data", "action", "poster")
        ]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_summaries_equal_results_json(tmp_path: Path) -> None:
    written = write_report(two_inputs(tmp_path))
    table = read_table(written.markdown.read_text(), "Every pose run")
    assert table[""][1:] == ["sfm, pair", "sfm, interpolated"]
    page = Page(written.html.read_text())
    for column, job in enumerate("01"):
        pose = results_of(tmp_path / job)["pose"]
        assert table["valid samples"][column] == f"{pose['n_valid']}/{pose['n_total']}"
        assert table["below 15°, of all"][column] == f"{pose['n_below']['15']}/{pose['n_total']}"
        for name, metric in pose["metrics"].items():
            scale = 100 if name.startswith("Acc") else 1
            value, low, high = numbers(table[name][column])
            assert value == pytest.approx(scale * metric["value"], abs=0.051 if scale > 1 else 5.1e-4)
            assert low == pytest.approx(scale * metric["low"], abs=0.51 if scale > 1 else 0.051)
            assert high == pytest.approx(scale * metric["high"], abs=0.51 if scale > 1 else 0.051)
            assert table[name][column] in page.text


def test_changes_are_computed_on_the_shared_samples(tmp_path: Path) -> None:
    written = write_report(two_inputs(tmp_path))
    table = read_table(written.markdown.read_text(), "Interpolated against pair (sfm): metrics")
    solved = [(x, y) for x, y in zip(PAIR_ERRORS, BETTER_ERRORS, strict=True) if None not in (x, y)]
    a, b = np.array(solved, dtype=float).T
    for name, statistic in (
        ("MRE", np.mean),
        ("median rotation error", np.median),
        ("Acc@15", lambda e: 100 * np.mean(e < 15)),
        ("AUC@30", lambda e: np.mean([np.mean(e < t) for t in range(1, 31)])),
    ):
        expected = [statistic(a), statistic(b), statistic(b) - statistic(a)]
        found = [numbers(table[name][column])[0] for column in (2, 3, 0)]
        assert found == pytest.approx(expected, abs=0.051 if name.startswith("Acc") else 6e-4), name
    low, high = numbers(table["MRE"][1])
    assert low < (b - a).mean() < high < 0
    penalized = [
        np.mean([180 if e is None else e for e in errors]) for errors in (PAIR_ERRORS, BETTER_ERRORS)
    ]
    assert [numbers(c)[0] for c in table["mean, failures as 180°"][2:]] == pytest.approx(penalized, abs=6e-4)


def test_the_question_is_answered_in_words(tmp_path: Path) -> None:
    text = write_report(two_inputs(tmp_path / "x")).markdown.read_text()
    answer = "Yes, its rotation errors are lower on the 8 of 10 samples solved by both."
    assert f"Is input interpolated better than pair, for sfm, on this data? {answer}" in text
    # Below 15 degrees: 3 with the pair (4, 8, 12); 6 with frames; failures count against their run.
    assert "3 with pair, 6 with interpolated; 4 with interpolated alone and 1 with pair alone" in text
    few = tmp_path / "few"
    for name, config, errors in zip("01", pair_and_interpolated(), ([9.0, 8, 7], [1.0, 1, 1]), strict=True):
        write_pose_job(few / name, config, errors)
    text = write_report(few).markdown.read_text()
    assert "Not shown." in text and "no outcome gives p below 0.2500: this data is too small" in text


def test_figures_lie_beside_their_numbers(tmp_path: Path) -> None:
    two_inputs(tmp_path)
    written = write_report(tmp_path)
    drawings = sorted(written.data.glob("*.svg"))
    assert [p.stem for p in drawings] == [
        "error_against_yaw",
        "error_distribution",
        "errors_by_setting",
        "scatter_0_input_pair_interpolated",
    ]
    for drawing in drawings:
        ET.parse(drawing)
        assert drawing.with_suffix(".csv").is_file()
    rows = list(csv.reader((written.data / "error_against_yaw.csv").read_text().splitlines()))
    for row, label, errors in (
        (rows[1:11], "sfm, pair", PAIR_ERRORS),
        (rows[11:], "sfm, interpolated", BETTER_ERRORS),
    ):
        assert [r[0] for r in row] == [label] * 10
        assert [float(r[2]) for r in row] == [40.0 + i for i in range(10)]
        assert [r[3] for r in row] == ["" if e is None else str(e) for e in errors]
    scatter = list(
        csv.reader((written.data / "scatter_0_input_pair_interpolated.csv").read_text().splitlines())
    )
    assert scatter[5] == ["4", "", "2.0"] and len(scatter) == 11
    # Every sample is a mark, those without a result hollow.
    for drawing, expected in ((drawings[0], (18, 2)), (drawings[3], (8, 2))):
        # The legend has no tooltips, marks have.
        marks = [e.get("class") for e in ET.parse(drawing).iter() if e.find("{*}title") is not None]
        assert (marks.count("mark"), marks.count("open")) == expected
    for csv_name in [p.name for p in written.data.glob("*.csv")]:
        assert csv_name in written.html.read_text() and csv_name in written.markdown.read_text()


def test_the_page_loads_nothing(tmp_path: Path) -> None:
    two_inputs(tmp_path)
    splat = Config(task="splat")
    write_splat_job(tmp_path / "2", splat, 20.0)
    write_splat_job(tmp_path / "3", replace(splat, splat=SplatConfig(lr=1e-3)), 21.0)
    written = write_report(tmp_path)
    content = written.html.read_text()
    page = Page(content)
    assert not {"link", "iframe", "object", "embed", "base", "video"} & set(page.tags)
    # Its scripts stand in it, and its own policy lets no other run and nothing be loaded.
    assert page.tags.count("script") == 2 and "<script src" not in content
    assert "default-src 'none'; script-src 'sha256-" in unescape(content) and "unsafe-eval" not in content
    assert all(
        r.startswith(("#", "data:image/png;base64,", "data:text/csv;base64,")) for r in page.references
    )
    # The photo and both renders, small on the first screen and large below.
    assert page.tags.count("img") == 6
    assert "url(" not in content and "@import" not in content
    assert "prefers-color-scheme:dark" in content and "width=device-width" in content


def test_text_of_others_stays_text(tmp_path: Path) -> None:
    reason = "<script>alert(1)</script> & a|b"
    records = [sample(0, 3.0), sample(1, None, reason=reason)]
    write_job(tmp_path / "0", POSE, pose=pose_results(records, POSE))
    written = write_report(tmp_path)
    page = Page(written.html.read_text())
    assert page.tags.count("script") == 2 and reason in page.text
    assert "<script>" not in written.markdown.read_text()


def test_a_partial_sweep_says_what_is_missing(tmp_path: Path) -> None:
    pair, interpolated = pair_and_interpolated()
    write_pose_job(tmp_path / "0", pair, PAIR_ERRORS)
    killed = tmp_path / "1"
    (killed / ".hydra").mkdir(parents=True)
    (killed / "config.yaml").write_text("task: pose\nmodel: {name: sfm}\ninput: {name: interpolated}\n")
    lines = [json.dumps(sample(idx, error)) for idx, error in enumerate([9.0, 13.5, 3.0, 21.0])]
    log = "\n".join(lines)[:-20]
    (killed / "samples.jsonl").write_text(log)
    (tmp_path / "2" / ".hydra").mkdir(parents=True)
    failed = write_job(tmp_path / "3", interpolated)
    content = {**results_of(failed), "status": "failed", "error": "the disk is full"}
    (failed / "results.json").write_text(json.dumps(content))
    (tmp_path / "4" / ".hydra").mkdir(parents=True)
    (tmp_path / "4" / "results.json").write_text('{"status": "ok", "pose": {"mod')
    (tmp_path / "sweep.json").write_text('{"n_jobs": 7}')
    written = write_report(tmp_path)
    text = written.markdown.read_text()
    lost = read_table(text, "What is missing")
    assert lost["2 of 7 planned jobs never started: the sweep was interrupted"] == ["sweep"]
    assert lost["unfinished: no results.json: killed, or still running"] == ["sfm, interpolated; job 2"]
    assert lost["pose numbers come from the 3 samples that reached the disk"] == ["sfm, interpolated"]
    assert lost["failed: the disk is full"] == ["interpolated"]
    assert lost["unfinished: results.json is not readable"] == ["job 4"]
    assert lost["no pose results"] == ["interpolated"]
    assert lost["the configuration is lost"] == ["job 2, job 4"]
    assert (killed / "samples.jsonl").read_text() == log
    table = read_table(text, "Every pose run")
    assert table[""][2] == "sfm, interpolated (partial)"
    assert numbers(table["MRE"][1])[0] == pytest.approx(np.mean([9.0, 13.5, 3.0]))
    assert "3 of 3 shared samples have a result in both runs" in text
    assert "Something is missing" in Page(written.html.read_text()).text


def test_a_run_without_a_valid_sample_has_dashes_and_reasons(tmp_path: Path) -> None:
    run = write_pose_job(tmp_path / "run", POSE, [None, None])
    text = write_report(run).markdown.read_text()
    assert read_table(text, "Every pose run")["MRE"] == ["—"]
    assert read_table(text, "What is missing")["MRE: too few matches"] == ["sfm, pair"]
    assert read_table(text, "Samples without a result, by reason")["too few matches"] == ["2"]
    assert "Nothing can be compared" in text and "DUSt3R against VGGT is missing" in text


def test_results_of_another_version_are_named(tmp_path: Path) -> None:
    write_job(tmp_path / "0", POSE, pose={"metrics": {}})
    lost = read_table(write_report(tmp_path).markdown.read_text(), "What is missing")
    assert any("pose results lack model, weights" in what for what in lost)


def test_a_confounded_comparison_carries_a_warning(tmp_path: Path) -> None:
    pair, other = pair_and_interpolated(metrics=replace(METRICS, protocol="homework"))
    write_pose_job(tmp_path / "0", pair, PAIR_ERRORS)
    write_pose_job(tmp_path / "1", other, BETTER_ERRORS)
    written = write_report(tmp_path)
    for text in (written.markdown.read_text(), Page(written.html.read_text()).text):
        two = "sfm, pair, protocol=relative and sfm, interpolated, protocol=homework"
        assert f"WARNING: {two} differ in 2 factors: " in text
        assert "input.name (pair → interpolated); " in text
        assert "metrics.protocol (relative → homework)" in text
        assert (
            "Yes, its rotation errors are lower on the 8 of 10 samples solved by both. But more than" in text
        )
    clean = write_report(two_inputs(tmp_path / "clean"))
    assert "WARNING: " not in clean.markdown.read_text()


def as_run(config: Config) -> Run:
    from dataclasses import asdict

    return Run("job", Path(), "ok", None, asdict(config), {})


def test_what_follows_from_a_choice_is_no_factor_of_its_own() -> None:
    def keys(a: Config, b: Config, stage: str) -> list[str]:
        return [factor.key for factor in factors(as_run(a), as_run(b), stage)]

    dust3r = Config(task="pose", model=Dust3rConfig())
    assert keys(dust3r, replace(dust3r, model=VggtConfig()), "pose") == ["model.name"]
    assert keys(dust3r, replace(dust3r, model=VggtConfig(weights="official")), "pose") == [
        "model.name",
        "model.weights",
    ]
    assert keys(dust3r, replace(dust3r, splat=SplatConfig(lr=1.0)), "pose") == []
    assert keys(dust3r, replace(dust3r, splat=SplatConfig(lr=1.0, video_frames=2)), "splat") == ["splat.lr"]
    assert keys(dust3r, replace(dust3r, wandb=WandbConfig("disabled"), name="x"), "pose") == []
    off = Config(task="splat")
    on = replace(
        off, splat=replace(off.splat, densify=replace(off.splat.densify, strategy="default", every=50))
    )
    denser = replace(on, splat=replace(on.splat, densify=replace(on.splat.densify, every=25, start=50)))
    assert keys(off, on, "splat") == ["splat.densify.strategy"]
    assert keys(on, denser, "splat") == ["splat.densify.every", "splat.densify.start"]


def test_splats_side_by_side_from_a_moved_folder(tmp_path: Path) -> None:
    base = Config(task="splat")
    settings = [
        base,
        replace(base, splat=SplatConfig(lr=1e-3)),
        replace(base, splat=SplatConfig(lr=1e-3, scale_lr=1.0)),
    ]
    for number, (config, psnr) in enumerate(zip(settings, (20.0, 21.5, 19.0), strict=True)):
        write_splat_job(tmp_path / str(number), config, psnr)
    written = write_report(tmp_path)
    text = written.markdown.read_text()
    scores = read_table(text, "Scores on the test views")
    assert scores["PSNR (dB)"] == ["20.00", "21.50", "19.00"] and scores["LPIPS"] == ["—"] * 3
    assert "all 3: lpips is missing: no VGG weights here" in text
    first, second, third = scores[""][1:]
    assert first == "lr=0.00016, scale_lr=0.005" and third == "lr=0.001, scale_lr=1.0"
    changes = read_table(text, f"Change against {first}, on the same test views")
    assert changes[second][:3] == ["+1.50", "+1.50 … +1.50", "2 of 2"]
    assert changes[third][:3] == ["−1.00", "−1.00 … −1.00", "0 of 2"]
    assert "⚠" in changes[third][3] and "⚠" not in changes[second][3]
    assert text.count(f"WARNING: {first} and {third} differ in 2 factors") == 1
    assert f"WARNING: {first} and {second}" not in text
    assert f"One thing differs between {third} and {second}." in text
    pictures = sorted(p.name for p in written.data.glob("splat_same_view_*.png"))
    assert [name.removeprefix("splat_same_view_") for name in pictures] == [
        "render_0.png",
        "render_1.png",
        "render_2.png",
        "truth.png",
    ]
    with Image.open(written.data / "splat_same_view_truth.png") as truth:
        assert truth.size == (24, 16)
    loss = list(csv.reader((written.data / "splat_loss.csv").read_text().splitlines()))
    assert loss[1:4] == [[first, "5", "0.2"], [first, "10", "0.1"], [first, "20", "0.05"]]
    assert (written.data / "splat_n_gaussians.csv").is_file()


def test_only_records_of_the_same_sample_are_paired(tmp_path: Path) -> None:
    pair, interpolated = pair_and_interpolated()
    write_job(tmp_path / "0", pair, pose=pose_results([sample(i, 9.0) for i in range(4)], pair))
    others = [sample(0, 1.0), sample(1, 1.0, angle=41.0), sample(9, 1.0)]
    write_job(tmp_path / "1", interpolated, pose=pose_results(others, interpolated))
    (found,) = all_comparisons(load_runs(tmp_path).runs, 0.05, 15.0)
    assert (found.n_shared, found.n_unmatched) == (1, 5)


def test_models_are_compared_per_input_and_p_values_adjusted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pair, interpolated = pair_and_interpolated()
    number = 0
    for model in (Dust3rConfig(), VggtConfig()):
        for config in (pair, interpolated):
            write_pose_job(
                tmp_path / str(number), replace(config, model=model), rng.uniform(1, 60, 12).tolist()
            )
            number += 1
    found = all_comparisons(load_runs(tmp_path).runs, 0.05, 15.0)
    asked = [(c.kind, c.a.name, c.b.name) for c in found]
    assert asked == [
        ("input", "job 0", "job 1"),
        ("input", "job 2", "job 3"),
        ("model", "job 0", "job 2"),
        ("model", "job 1", "job 3"),
    ]
    raw = [c.rank.p for c in found]
    assert min(c.adjusted_p or 0 for c in found) == pytest.approx(min(1.0, 4 * min(p or 1 for p in raw)))
    names = {p.stem for p in write_report(tmp_path).data.glob("scatter*.svg")}
    assert {"scatter_2_model_dust3r_vggt", "scatter_3_model_dust3r_vggt"} <= names


def test_figures_of_an_earlier_report_go_and_other_files_stay(tmp_path: Path) -> None:
    two_inputs(tmp_path)
    data = write_report(tmp_path).data
    (data / "mine.csv").write_text("x")
    assert (data / "scatter_0_input_pair_interpolated.svg").exists()
    (tmp_path / "1" / "results.json").unlink()
    write_report(tmp_path)
    assert not (data / "scatter_0_input_pair_interpolated.svg").exists() and (data / "mine.csv").exists()


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no run"):
        write_report(tmp_path)
    with pytest.raises(UserError, match="is not a folder"):
        write_report(tmp_path / "nowhere")


def score_config(root: Path, cameras: np.ndarray, tmp_path: Path) -> Config:
    content = {str(i): np.linalg.inv(pair) for i, pair in enumerate(cameras)}
    np.save(tmp_path / "p.npy", np.array(content, dtype=object), allow_pickle=True)
    return Config(
        task="score",
        data=PairsConfig(root=str(root)),
        metrics=METRICS,
        score=ScoreConfig(str(tmp_path / "p.npy")),
        wandb=WandbConfig("disabled"),
    )


@pytest.mark.slow
def test_a_run_ends_with_its_report_and_survives_its_failure(
    pairs_folder: MakePairs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = score_config(*pairs_folder(3), tmp_path)
    run_job(config, tmp_path / "run", Console(width=300))
    assert "Report: " in capsys.readouterr().out
    table = read_table((tmp_path / "run" / "report.md").read_text(), "Every pose run")
    assert table[""][1] == "p.npy" and numbers(table["MRE"][0])[0] == pytest.approx(0, abs=1e-3)
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "report").write_text("a file where the figures should go")
    run_job(config, blocked, Console(width=300))
    assert "warning: the report could not be written" in capsys.readouterr().out
    assert results_of(blocked)["status"] == "ok"
    run_job(replace(config, report=ReportConfig(auto=False)), tmp_path / "quiet", Console(quiet=True))
    assert not (tmp_path / "quiet" / "report.html").exists()


def test_a_search_is_reported_as_its_jobs_were_told(tmp_path: Path) -> None:
    """A sweeper that searches has no list of jobs beforehand: their own configurations decide."""
    for name, options in (("off", ReportConfig(auto=False)), ("on", ReportConfig(success_deg=40, alpha=0.3))):
        for number, config in enumerate(pair_and_interpolated()):
            errors = (PAIR_ERRORS, BETTER_ERRORS)[number]
            write_pose_job(tmp_path / name / str(number), replace(config, report=options), errors)
        (tmp_path / name / "multirun.yaml").touch()
        report_at_the_end(tmp_path / name, [], Console(quiet=True))
    assert not (tmp_path / "off" / "report.html").exists()
    text = (tmp_path / "on" / "report.md").read_text()
    assert "Below 40° of all 10" in text and "at level 0.3, n = 8" in text


def test_task_report_reads_a_folder_and_writes_where_it_is_told(tmp_path: Path) -> None:
    sweep = two_inputs(tmp_path / "sweep")
    options = ReportConfig(dir=str(sweep), out=str(tmp_path / "there"))
    run_job(Config(task="report", report=options), tmp_path / "own", Console(quiet=True))
    assert (tmp_path / "there" / "report.html").is_file() and not (sweep / "report.html").exists()
    assert not (tmp_path / "own" / "wandb").exists()
    with pytest.raises(UserError, match="report.dir="):
        run_job(Config(task="report"), tmp_path / "own", Console(quiet=True))


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        (Axis("", 0, 60), [0, 20, 40, 60]),
        (Axis("", 0.1, 180, log=True), [0.1, 1, 10, 100]),
        (Axis("", 0.16, 0.32, log=True), [0.2, 0.25, 0.3]),
        (Axis("", 0.018, 0.18, log=True), [0.02, 0.05, 0.1]),
        (Axis("", 0.004, 0.011, log=True), [0.005, 0.01]),
    ],
)
def test_ticks_are_round_and_inside(axis: Axis, expected: list[float]) -> None:
    assert axis.ticks() == pytest.approx(expected)
    assert [0 <= axis.place(tick) <= 1 for tick in expected] == [True] * len(expected)


@pytest.mark.parametrize(
    ("high", "words", "moved"),
    [(1000.0, ["800", "1000"], 1), (10_000.0, ["8000", "10k"], 1), (1e6, ["800k", "1M"], 0)],
)
def test_numbers_at_the_edges_of_a_chart_stay_inside(high: float, words: list[str], moved: int) -> None:
    label = "interpolated (oracle: picked with the ground truth): rotation error (°)"
    series = [Series(label, [0, high], [0, high], line=True)]
    drawn = ET.fromstring(chart(series, Axis(label, 0, high), Axis(label, 0, high), ""))
    width = float(drawn.attrib["viewBox"].split()[2])
    texts = [(e.text or "", e.attrib) for e in drawn.findall(".//{*}text")]
    assert {text for text, _ in texts} >= set(words)
    for text, place in texts:
        if "x" in place:
            share = {"start": 0, "middle": 0.5, "end": 1}[place["text-anchor"]]
            start = float(place["x"]) - share * text_width(text)
            assert start >= 0 and start + text_width(text) <= width, text
    last = [place for text, place in texts if text == words[1] and place["text-anchor"] != "middle"]
    # Left of the plot always; below its right corner where half of it would not fit.
    assert len(last) == 1 + moved and all(place["text-anchor"] == "end" for place in last)
    assert sum(text in label for text, _ in texts) >= 6, "the label is broken into lines three times"


def test_long_words_are_broken_and_nothing_is_lost() -> None:
    text = "short " + "x" * 80 + " end"
    lines = wrapped(text, 200)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert len(lines) > 2 and all(text_width(line) <= 200 for line in lines)


def test_written_paths(tmp_path: Path) -> None:
    written = write_report(two_inputs(tmp_path))
    assert written == Written(tmp_path / "report.html", tmp_path / "report.md", tmp_path / "report")


def test_an_oracle_is_never_called_a_method(tmp_path: Path) -> None:
    pair, interpolated = pair_and_interpolated()
    write_pose_job(tmp_path / "0", pair, PAIR_ERRORS)
    for number, selection in enumerate(("all", "medoid", "oracle"), 1):
        config = replace(interpolated, input=replace(interpolated.input, selection=selection))
        write_pose_job(tmp_path / str(number), config, [*BETTER_ERRORS[:9], float(number)])
    text = write_report(tmp_path, ReportConfig(alpha=0.3)).markdown.read_text()
    for words in ("interpolated", "interpolated (medoid)"):
        answer = "Yes, its rotation errors are lower on the 9 of 10 samples solved by both."
        asked = f"Is input {words} better than pair, for sfm, on this data?"
        assert f"{asked}** {answer} The mean rotation error changes by −" in text
        assert f"{asked} {answer}**" in text
    assert "oracle" not in "".join(line for line in text.splitlines() if "Yes, " in line)
    bound = r"interpolated \(oracle: picked with the ground truth\) better.*upper bound, not a method"
    assert re.search(bound, text)
    assert "differ in 2 factors" not in text


@pytest.mark.slow
def test_a_long_sweep_is_cut_and_says_so(tmp_path: Path) -> None:
    for number in range(30):
        config = replace(POSE, model=SfmConfig(max_features=100 + number))
        write_pose_job(tmp_path / str(number), config, [float(1 + (number + i) % 7) for i in range(8)])
    text = write_report(tmp_path).markdown.read_text()
    assert "The first 8 of 30 runs are drawn." in text
    assert "The first 24 of 29 comparisons are shown." in text
    # So many runs stand below each other.
    assert len(read_table(text, "Every pose run")) == 31
    assert "Is max_features=129 better than max_features=100" not in text


def test_time_and_memory_stand_with_the_hardware(tmp_path: Path) -> None:
    used = {"seconds": 12.34, "host_bytes": 700 * 2**20, "since_start": False, "cuda_bytes": None}
    write_job(tmp_path / "0", POSE, resources={"pose": used})
    there = {**used, "since_start": True, "cuda_bytes": 5 * 2**20}
    write_job(tmp_path / "1", POSE, resources={"splat": there})
    text = write_report(tmp_path).markdown.read_text()
    table = read_table(text, "Time and peak memory")
    assert table[""] == ["run", "stage", "seconds", "MB", "MB on the GPU"]
    assert table["job 0"] == ["pose", "12.3", "700", "—"] and table["job 1"] == [
        "splat",
        "12.3",
        "700 †",
        "5",
    ]
    assert "†: since the process began" in text


@pytest.mark.slow
def test_the_style_for_papers_adds_figures_and_tables_and_takes_them_away_again(tmp_path: Path) -> None:
    two_inputs(tmp_path)
    paper = write_report(tmp_path, ReportConfig(style="paper")).data / "paper"
    names = {path.name for path in paper.iterdir()}
    assert {"errors_by_setting.pdf", "error_distribution.svg", "every_pose_run.tex", "settings.csv"} <= names
    assert (paper / "settings.tex").read_text().count(r"\\") == 3
    write_report(tmp_path)
    assert not list(paper.iterdir())
