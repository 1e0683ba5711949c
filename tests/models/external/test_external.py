"""A program that serves as a model: what it is asked, what becomes of its answers, and of its faults."""

import ast
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from hw4.config import Config
from hw4.config.decides import model_address, pose_address
from hw4.core.errors import ConfigError, UserError
from hw4.data.pairs.samples import PairSample
from hw4.data.photos import AsStored
from hw4.data.stamps import inputs_stamp
from hw4.launch.sweep import check_printed
from hw4.models.base import ReconstructionBroken, ReconstructionFailed
from hw4.models.external import program as program_module
from hw4.models.external.config import ExternalConfig
from hw4.models.external.hello import announced
from hw4.models.external.model import STARTS_IN_VAIN, ExternalModel
from hw4.models.registry import build_model, model_labels
from hw4.pose.evaluate import evaluate_pose
from hw4.pose.from_model import FromModel
from tests.support.cli import hw4, refused
from tests.support.paths import ROOT
from tests.support.programs import answering_after, external, program

EXAMPLES = ROOT / "examples" / "external"
Make = Callable[..., ExternalModel]


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.png" for name in "ab"]
    for number, path in enumerate(paths):
        Image.fromarray(np.full((12, 16, 3), 40 * number, np.uint8)).save(path)
    return paths


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Builds the model of a program; all are closed in the end."""
    made = []

    def build(command: list[str], **limits: float) -> ExternalModel:
        model = build_model(external(command, **limits))
        assert isinstance(model, ExternalModel)
        made.append(model)
        model.open(tmp_path / "run")
        return model

    yield build
    for model in made:
        model.close()


def translations(model: ExternalModel, photos: list[Path]) -> list[float]:
    return model.reconstruct(photos).cam_from_world[:, 0, 3].tolist()


def test_a_program_is_started_once_and_asked_scene_by_scene(
    make: Make, tmp_path: Path, photos: list[Path]
) -> None:
    body = """
asked = []
for request in requests():
    asked.append(request)
    print(json.dumps(asked), file=open(os.path.join(os.path.dirname(__file__), "asked"), "w"), flush=True)
    answer(request, notes={"tokens": 5}, diagnoses=[None, "dark"])
"""
    model = make(program(tmp_path / "p", body))
    K = np.diag([9.0, 9, 1])
    found = model.reconstruct(photos, np.stack([K, np.full((3, 3), np.nan)]), seed=3)
    assert model.weights_label == "stub 1"
    assert found.cam_from_world[1, :, 3].tolist() == [1, 0, 0] and not np.isfinite(found.Ks).any()
    assert found.notes == {"tokens": 5} and found.diagnoses == [None, "dark"]
    assert found.image_size(0) == (16, 12) and (found.images[1] == 40).all() and found.pts3d is None
    assert translations(model, photos[::-1]) == [0, 1]
    asked = json.loads((tmp_path / "p" / "asked").read_text())
    assert [one["id"] for one in asked] == [1, 2]
    assert (
        asked[0]["images"] == [str(path) for path in photos]
        and asked[1]["images"] == asked[0]["images"][::-1]
    )
    assert asked[0]["Ks"] == [K.tolist(), None] and asked[0]["seed"] == 3 and asked[1]["Ks"] is None
    scratch = Path(asked[0]["npz"]).parent
    assert scratch.is_dir()
    model.close()
    assert not scratch.exists()


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (
            "print('no memory', file=sys.stderr); sys.exit(3)",
            "ended with status 3; its last lines: no memory",
        ),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL; it wrote nothing"),
        ("os.close(1); time.sleep(60)", "closed its standard output"),
        ("time.sleep(60)", "took longer than model.timeout=1 s over 2 photos"),
        ("say(id=99, npz=request['npz'])", "answered request 1 with {'id': 99"),
        ("say(what=3)", "answered request 1 with {'what': 3}"),
        ("say(id=1, npz='/etc/passwd')", "answered .*/etc/passwd.*, not the file /"),
        ("say(id=1, npz=request['npz'])", "cannot be used: cannot read"),
        ("open(request['npz'], 'wb').write(b'PK'); say(id=1, npz=request['npz'])", "answer cannot be used"),
        ("os.mkfifo(request['npz']); say(id=1, npz=request['npz'])", "it is a pipe or a device"),
        ("answer(request, notes=3)", "notes are no JSON object"),
        ("say(id=1, broken='CUDA error')", "the program says: CUDA error"),
    ],
)
def test_a_scene_that_goes_wrong_says_why_and_the_next_one_goes_well(
    fault: str,
    sentence: str,
    make: Make,
    tmp_path: Path,
    photos: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "os.close" in fault:
        monkeypatch.setattr(program_module, "GRACE_S", 0.3)
    model = make(
        program(tmp_path / "p", answering_after(fault)), timeout=1.0 if fault == "time.sleep(60)" else 20.0
    )
    with pytest.raises(ReconstructionBroken, match=sentence):
        model.reconstruct(photos)
    assert translations(model, photos) == [0, 1]


def test_a_failure_of_the_model_is_none_of_the_program(
    make: Make, tmp_path: Path, photos: list[Path]
) -> None:
    model = make(program(tmp_path / "p", answering_after("say(id=1, failed='too\\x1b\\n  dark')")))
    with pytest.raises(ReconstructionFailed, match="^too dark$") as raised:
        model.reconstruct(photos)
    assert not isinstance(raised.value, ReconstructionBroken)
    assert (tmp_path / "run" / "external.log").read_text().count("---") == 1


def test_an_answer_is_never_unpickled(make: Make, tmp_path: Path, photos: list[Path]) -> None:
    marker = tmp_path / "ran"
    body = f"""
import pickle
class Evil:
    def __reduce__(self):
        return os.mkdir, ({str(marker)!r},)
header = "{{'descr': '|O', 'fortran_order': False, 'shape': (2, 3, 4), }}".ljust(117) + "\\n"
for request in requests():
    with zipfile.ZipFile(request["npz"], "w") as archive:
        data = b"\\x93NUMPY\\x01\\x00" + struct.pack("<H", len(header)) + header.encode()
        archive.writestr("cam_from_world.npy", data + pickle.dumps(Evil()))
    say(id=request["id"], npz=request["npz"])
"""
    model = make(program(tmp_path / "p", body))
    with pytest.raises(ReconstructionBroken, match="cannot be used"):
        model.reconstruct(photos)
    assert not marker.exists()


def test_what_is_no_message_is_kept_in_the_log(make: Make, tmp_path: Path, photos: list[Path]) -> None:
    noise = """
print("loading", flush=True)
print("3", "null", "[1]", "{broken", sep="\\n", flush=True)
os.write(1, b"\\xff\\xfe" * 3_000_000 + b"\\n")
print("warning: old driver", file=sys.stderr, flush=True)
"""
    greeting = f"{noise}say(hw4=1, name='stub')\n{noise}say(ready=True)\n"
    model = make(
        program(tmp_path / "p", answering_after("print('hm', flush=True); answer(request)"), greeting)
    )
    assert translations(model, photos) == [0, 1]
    text = (tmp_path / "run" / "external.log").read_text(errors="replace")
    assert "stdout: loading\n" in text and "stdout: {broken\n" in text and "warning: old driver" in text
    assert "stdout: hm\n" in text


@pytest.mark.parametrize(
    ("greeting", "sentence"),
    [
        ("sys.exit('no such GPU')", "the program ended with status 1; its last lines: no such GPU"),
        ("say(hello='you')", "the program began with {'hello': 'you'}, not with"),
        ("say(hw4=2, name='x')", "the program began with {'hw4': 2"),
        ("time.sleep(60)", "took longer than model.start_timeout=0.5 s to say hello"),
        ("say(hw4=1, name='x'); sys.exit('no weights')", "status 1; its last lines: no weights"),
        (
            "say(hw4=1, name='x'); time.sleep(60)",
            "took longer than model.start_timeout=0.5 s to load its model",
        ),
        ("say(hw4=1, name='x'); say(ready='yes')", "said {'ready': 'yes'}, not"),
    ],
)
def test_a_program_that_never_starts_ends_the_run_in_one_sentence(
    greeting: str, sentence: str, make: Make, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as raised:
        make(program(tmp_path / "p", greeting=greeting), start_timeout=0.5 if "sleep" in greeting else 20.0)
    assert sentence in str(raised.value) and "\n" not in str(raised.value)


def test_a_command_that_is_none(make: Make, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be started .*No such file.*give the whole path"):
        make([str(tmp_path / "nothing")])
    with pytest.raises(UserError, match="cannot be started"):
        make([str(tmp_path)])
    for nothing in ({}, {"command": []}):
        with pytest.raises(ConfigError, match=r"model.command=.* starts nothing: give the words"):
            ExternalConfig(**nothing)
    assert "model.command is not set" in refused("model=external")
    assert refused("model=external", "model.command=x.py").endswith("as in model.command=[a,b].")
    check_printed(["model=external"])


def test_a_program_that_does_not_come_back_is_not_started_for_ever(
    make: Make, tmp_path: Path, photos: list[Path]
) -> None:
    greeting = """
known = first_time("hello") or first_time("start")
say(hw4=1, name="x")
if not known:
    sys.exit("gone")
say(ready=True)
"""
    # The first start of all is for the hello alone.
    model = make(program(tmp_path / "p", "sys.exit('lost')", greeting))
    reasons = []
    for _ in range(2 + STARTS_IN_VAIN):
        with pytest.raises(ReconstructionBroken) as raised:
            model.reconstruct(photos)
        reasons.append(str(raised.value))
    assert "lost" in reasons[0] and all("started again, the program ended" in r for r in reasons[1:-1])
    assert f"started {STARTS_IN_VAIN} times in vain" in reasons[-1]
    assert (tmp_path / "run" / "external.log").read_text().count("---") == 1 + STARTS_IN_VAIN


def test_waiting_is_said_with_the_last_that_the_program_wrote(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program_module, "WORDS_AT_S", (0.2, 0.4))
    slow = """
say(hw4=1, name="x")
print("shard 3 of 7", file=sys.stderr, flush=True)
time.sleep(0.7)
say(ready=True)
"""
    with caplog.at_level(logging.WARNING):
        make(program(tmp_path / "p", greeting=slow))
    # Saying hello takes long as well where the machine is busy.
    said = [record.message for record in caplog.records if "to load its model" in record.message]
    assert len(said) == 2 and all(
        "the program takes 0 s so far to load its model (model.start" in one for one in said
    )
    assert said[0].endswith("its last line: shard 3 of 7")


def gone(*pids: int) -> bool:
    """Whether processes end within seconds; a zombie has ended."""
    for _ in range(80):
        left = [
            p for p in pids if psutil.pid_exists(p) and psutil.Process(p).status() != psutil.STATUS_ZOMBIE
        ]
        if not left:
            return True
        time.sleep(0.1)
    return False


FAMILY = """
child = subprocess.Popen(["sleep", "1000"])
for request in requests():
    answer(request, notes={"pids": [os.getpid(), child.pid]})
"""


def test_the_program_ends_with_its_model_and_so_does_all_that_it_started(
    make: Make, tmp_path: Path, photos: list[Path]
) -> None:
    model = make(program(tmp_path / "p", FAMILY))
    pids: list[int] = model.reconstruct(photos).notes["pids"]  # type: ignore[assignment]
    assert all(map(psutil.pid_exists, pids))
    model.close()
    assert gone(*pids)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_program_ends_with_the_process_that_started_it(
    number: signal.Signals, tmp_path: Path, photos: list[Path]
) -> None:
    command = program(tmp_path / "p", FAMILY)
    script = f"""
from pathlib import Path
from hw4.models.registry import build_model, model_config
model = build_model(model_config("external", command={command!r}))
print(*model.reconstruct([Path({str(photos[0])!r})] * 2).notes["pids"], model._scratch, flush=True)
import time; time.sleep(100)
"""
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    *pids, scratch = owner.stdout.readline().split()
    assert all(psutil.pid_exists(int(pid)) for pid in pids) and Path(scratch).is_dir()
    owner.send_signal(number)
    owner.communicate()
    assert gone(*map(int, pids))
    for _ in range(60):
        if not Path(scratch).exists():
            break
        time.sleep(0.1)
    assert not Path(scratch).exists()


def test_an_interrupted_scene_leaves_no_answer_for_the_next_one(
    make: Make, tmp_path: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make(program(tmp_path / "p"))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(program_module.Program, "receive", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        model.reconstruct(photos)
    assert translations(model, photos) == [0, 1]
    assert (tmp_path / "run" / "external.log").read_text().count("---") == 2


def test_photos_are_given_as_every_program_reads_them(make: Make, tmp_path: Path, photos: list[Path]) -> None:
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[:, 8:] = 250
    exif = Image.Exif()
    exif[0x0112] = 6
    turned, gray = tmp_path / "turned.jpg", tmp_path / "deep.png"
    Image.fromarray(pixels).save(turned, exif=exif, quality=95)
    Image.fromarray(np.full((8, 16), 40_000, np.uint16)).save(gray)
    body = """
for request in requests():
    answer(request, notes={"images": request["images"]})
"""
    model = make(program(tmp_path / "p", body))
    seen = model.reconstruct([turned, AsStored(turned), gray, photos[0]])
    images: list[str] = seen.notes["images"]  # type: ignore[assignment]
    assert images[3] == str(photos[0]) and len({*images, str(turned), str(gray)}) == 6
    sizes = [Image.open(path).size for path in images]
    assert sizes == [(8, 16), (16, 8), (16, 8), (16, 12)] == [seen.image_size(view) for view in range(4)]
    upright = np.asarray(Image.open(images[0]))
    assert upright[:8].mean() < 10 and upright[8:].mean() > 240
    assert all(Image.open(path).getexif().get(0x0112, 1) == 1 for path in images)


def test_an_unreadable_photo_is_no_fault_of_the_program(
    make: Make, tmp_path: Path, photos: list[Path]
) -> None:
    model = make(program(tmp_path / "p"))
    (tmp_path / "no.png").write_text("no photo")
    with pytest.raises(UserError, match="no.png"):
        model.reconstruct([photos[0], tmp_path / "no.png"])
    assert translations(model, photos) == [0, 1]


def test_a_run_records_each_fault_and_remembers_what_the_model_said(
    make: Make, tmp_path: Path, photos: list[Path]
) -> None:
    body = """
for number, request in enumerate(requests()):
    if request["seed"] == 0 and first_time("crash"):
        os.abort()
    elif first_time("fail"):
        say(id=request["id"], failed="too dark")
    else:
        answer(request)
"""
    truth = np.tile(np.eye(4), (2, 1, 1))
    truth[1, 0, 3] = 1
    samples = [PairSample(idx, tuple(photos), truth, None) for idx in range(3)]
    command = program(tmp_path / "p", body)
    first = evaluate_pose(samples, FromModel(make(command), tmp_path / "cache"))
    statuses = [one.prediction.status for one in first.samples]
    assert statuses == ["broken", "failed", "ok"] and "SIGABRT" in str(first.samples[0].reason)
    assert first.summary.metrics["MRE"].value == 0
    again = evaluate_pose(samples, FromModel(make(command), tmp_path / "cache"))
    assert [one.prediction.status for one in again.samples] == ["ok", "failed", "ok"] and again.n_reused == 2


def test_predictions_are_those_of_a_command_its_files_and_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = program(tmp_path / "p")

    def told(config: ExternalConfig) -> tuple[str, ...]:
        announced.cache_clear()
        whole, fingerprint = Config(model=config), model_labels(config).fingerprint
        return fingerprint, model_address(whole, fingerprint), pose_address(whole, fingerprint)

    before, stamp = told(external(command)), inputs_stamp(Config(model=external(command)))
    assert told(external(command, timeout=3.0)) == before
    path = Path(command[-1])
    path.write_text(path.read_text() + "# another line\n")
    edited = told(external(command))
    assert inputs_stamp(Config(model=external(command))) != stamp
    path.write_text(path.read_text().replace('version="1"', 'version=os.environ["HW4_TEST_VERSION"]'))
    versions = []
    for version in "ab":
        monkeypatch.setenv("HW4_TEST_VERSION", version)
        versions.append(told(external(command)))
        assert model_labels(external(command)).weights == f"stub {version}"
    other = told(external([*command, "--fast"]))
    for column in zip(before, edited, *versions, other, strict=True):
        assert len(set(column)) == 5


def test_another_version_than_the_announced_one_is_refused(make: Make, tmp_path: Path) -> None:
    greeting = "say(hw4=1, name='x', version=first_time('v'))\nsay(ready=True)"
    with pytest.raises(UserError, match="the program is now x False, which was x True: run again"):
        make(program(tmp_path / "p", greeting=greeting))


def other_pythons() -> list[Path]:
    """Interpreters of other versions than this one that have numpy."""
    chosen = os.environ.get("HW4_OTHER_PYTHON")
    found = [Path(chosen)] if chosen else sorted(Path.home().glob(".pyenv/versions/*/bin/python"))
    ours = ".".join(map(str, sys.version_info[:2]))
    others = [path for path in found if not path.parents[1].name.startswith(f"{ours}.")]
    return [
        path
        for path in others
        if subprocess.run([path, "-c", "import numpy"], capture_output=True).returncode == 0
    ]


def toy_cameras(model: ExternalModel, photos: list[Path]) -> None:
    found = model.reconstruct([*photos, photos[0]]).cam_from_world
    angle = np.degrees(np.arccos((np.trace(found[2, :, :3] @ found[0, :, :3].T) - 1) / 2))
    assert angle == pytest.approx(30) and model.weights_label == "toy 1"


def test_the_example_serves(make: Make, photos: list[Path]) -> None:
    toy_cameras(make([sys.executable, str(EXAMPLES / "toy.py")]), photos)


def test_the_example_serves_from_another_python(make: Make, photos: list[Path]) -> None:
    pythons = other_pythons()
    if not pythons:
        pytest.skip("no other Python with numpy is here; HW4_OTHER_PYTHON may name one")
    toy_cameras(make([str(pythons[0]), str(EXAMPLES / "toy.py")]), photos)


def test_the_helper_answers_for_what_the_model_does(make: Make, tmp_path: Path, photos: list[Path]) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "serve.py").write_text(f"""
import os, sys
sys.path.insert(0, {str(EXAMPLES)!r})
import numpy as np
from hw4_client import Failed, serve

class Tensor:
    def __init__(self, value): self.value = value
    def detach(self): return self
    float = cpu = detach
    def numpy(self): return self.value

def load():
    print("loading")
    def reconstruct(images, Ks, seed):
        os.write(1, b"from a C library\\n")
        if seed == 1:
            raise Failed("too dark")
        if seed == 2:
            raise ValueError("no such layer")
        assert Ks[0].shape == (3, 3) and Ks[1] is None
        eye = Tensor(np.eye(4))
        depth = [np.full((3, 4), 2.0), Tensor(np.full((6, 8), 4.0))]
        return {{"cam_from_world": [eye, eye], "Ks": [np.diag([4.0, 4, 1])] * 2, "depth": depth,
                "conf": None, "notes": {{"layers": 3}}, "diagnoses": [None, "blurred"]}}
    return reconstruct

serve(load, "mine", 2)
""")
    model = make([sys.executable, str(tmp_path / "p" / "serve.py")])
    assert model.weights_label == "mine 2"
    Ks = np.stack([np.eye(3), np.full((3, 3), np.nan)])
    found = model.reconstruct(photos, Ks)
    assert found.depth is not None and [d.shape for d in found.depth] == [(3, 4), (6, 8)]
    assert found.pts3d is not None and (found.pts3d[1][..., 2] == 4).all() and found.conf is None
    assert found.notes == {"layers": 3} and found.diagnoses == [None, "blurred"]
    with pytest.raises(ReconstructionFailed, match="^too dark$"):
        model.reconstruct(photos, Ks, seed=1)
    with pytest.raises(ReconstructionBroken, match="ValueError: no such layer"):
        model.reconstruct(photos, Ks, seed=2)
    text = (tmp_path / "run" / "external.log").read_text()
    assert "loading" in text and "from a C library" in text and "Traceback" in text


def test_the_helper_and_the_examples_are_python_3_8() -> None:
    files = sorted(EXAMPLES.glob("*.py"))
    assert len(files) == 6
    for path in files:
        ast.parse(path.read_text(), feature_version=(3, 8))
    # None may have the name of a package that it imports.
    models = [path for path in files if path.name.startswith("serve_")]
    assert len(models) == 4 and all("Not run by us" in path.read_text() for path in models)


@pytest.mark.slow
def test_programs_and_our_own_models_in_one_sweep(tmp_path: Path) -> None:
    conf = tmp_path / "conf" / "model"
    conf.mkdir(parents=True)
    for name in ("one", "two"):
        command = json.dumps(
            program(
                tmp_path / name,
                "# another\n" * (name == "two") + "for request in requests():\n    answer(request)\n",
            )
        )
        (conf / f"{name}.yaml").write_text(f"defaults: [external]\ncommand: {command}\n")
    keys = ["task=pose", "model=sfm,one,two", "data.pairs=2", "data.frames=3", "wandb=disabled"]
    done = hw4(tmp_path, "-m", "--config-dir", "conf", *keys, f"hydra.sweep.dir={tmp_path}/sweep")
    assert done.returncode == 0, done.stdout + done.stderr
    results = [json.loads((tmp_path / "sweep" / job / "results.json").read_text()) for job in "012"]
    assert [result["pose"]["model"] for result in results] == ["sfm", "external", "external"]
    assert [result["pose"]["n_reused"] for result in results] == [0, 0, 0]
    assert (tmp_path / "sweep" / "1" / "external.log").is_file()
