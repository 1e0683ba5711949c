"""What the doctor finds wrong, on machines that are pretended; and the whole page on this one."""

import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import hw4
from hw4.core.cache import size_of
from hw4.core.scale import in_units
from hw4.launch.doctor import gpu, software, storage
from hw4.launch.doctor.gpu import (
    Driver,
    Toolkit,
    Torch,
    fits,
    gsplat_problems,
    parse_driver,
    torch_problems,
)
from hw4.launch.doctor.run import run_doctor
from hw4.launch.doctor.section import Section, as_text
from hw4.launch.doctor.sources import sources
from hw4.models.network.sources import FOLDER, sources_folder
from hw4.models.registry import models

SMI = """
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 550.54.15              Driver Version: 550.54.15      CUDA Version: 12.4     |
|-----------------------------------------+------------------------+----------------------+
"""
DRIVER = Driver("550.54.15", "12.4", ("GPU 0: Tesla T4",))
ARCHITECTURES = ("sm_75", "sm_80", "sm_90", "compute_90")
SEES = Torch("2.11", "12.8", None, ARCHITECTURES, ("cuda:0: Tesla T4",), ((7, 5),))


def test_the_driver_is_read_without_serial_numbers() -> None:
    assert parse_driver(SMI, "GPU 0: Tesla T4 (UUID: GPU-1234)\n") == DRIVER
    assert parse_driver("NVIDIA-SMI has failed", "") == Driver("unknown", None, ())


@pytest.mark.parametrize(
    ("driver", "torch", "words"),
    [
        (None, Torch("2.14", "13.0", None), []),
        (DRIVER, SEES, []),
        (DRIVER, Torch("2.14+cpu", None, None), ["2.14+cpu is built for CPU only", "CUDA 12.4 or older"]),
        (DRIVER, Torch("2.14", "13.0", None), ["built for CUDA 13.0", "550.54.15 runs CUDA 12.4"]),
        (DRIVER, Torch("2.11", "12.8", None), ["CUDA_VISIBLE_DEVICES"]),
        (
            DRIVER,
            Torch("2", "12.8", None, ("sm_90",), ("cuda:0: Tesla T4",), ((7, 5),)),
            ["no kernels for cuda:0"],
        ),
    ],
)
def test_driver_torch_and_cards_must_fit(driver: Driver | None, torch: Torch, words: list[str]) -> None:
    problems = torch_problems(driver, torch)
    assert len(problems) == bool(words) and all(word in problems[0] for word in words)


@pytest.mark.parametrize(
    ("capability", "architectures", "runs"),
    [
        ((7, 5), ["sm_75"], True),
        ((8, 6), ["sm_80"], True),
        ((8, 0), ["sm_86"], False),
        ((9, 0), ["sm_80"], False),
        ((12, 0), ["sm_90", "compute_90"], True),
        ((10, 0), ["sm_100a"], True),
        ((7, 0), [], True),
    ],
)
def test_kernels_run_on_cards_of_their_major_version(
    capability: tuple[int, int], architectures: list[str], runs: bool
) -> None:
    assert fits(capability, architectures) is runs


@pytest.mark.parametrize(
    ("toolkit", "words"),
    [
        (Toolkit("12.8, /usr/bin/nvcc", True, None), []),
        (Toolkit(None, False, "/there/gsplat_cuda.so"), []),
        (Toolkit(None, True, None), ["no nvcc"]),
        (Toolkit("11.8, /usr/bin/nvcc", True, None), ["nvcc is 11.8"]),
        (Toolkit("12.1, /usr/bin/nvcc", False, None), ["without ninja"]),
    ],
)
def test_why_gsplat_cannot_be_compiled(toolkit: Toolkit, words: list[str]) -> None:
    problems = gsplat_problems(SEES, toolkit)
    assert len(problems) == len(words) and all(w in p for w, p in zip(words, problems, strict=True))
    assert gsplat_problems(Torch("2.14", "13.0", None), toolkit) == [], "no GPU: nothing to compile"


def test_packages_out_of_their_range() -> None:
    assert software.judged(Requirement("pytest>=1"))[1] is None
    version, problem = software.judged(Requirement("pytest<1"))
    assert version and problem and "pip install 'pytest<1'" in problem
    assert software.judged(Requirement("no-such-package")) == (
        None,
        "no-such-package is not installed: pip install 'no-such-package'.",
    )


def test_an_extra_of_extras_lacks_what_they_lack() -> None:
    wanted = [
        Requirement(f"{what}; extra == '{extra}'")
        for what, extra in (("pytest", "splat"), ("no-such-package", "models"), ("hw4[models,splat]", "all"))
    ]
    found = software.incomplete_extras(wanted, [])
    assert found["all"] == found["models"] == ["no-such-package"] and found["splat"] == []


def test_libraries_that_are_there_and_do_not_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_cv.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    (tmp_path / "too_new.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    (tmp_path / "good.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = software.unloadable(["good", "broken_cv", "too_new", "absent"])
    assert len(found) == 2
    assert "libGL.so.1" in found[0] and "opencv-python-headless" in found[0]
    assert "too_new ends Python (signal 4)" in found[1]


def test_a_full_disk_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"x" * 3000)
    assert size_of(tmp_path) == 3000 and in_units(3000) == "2.9 KiB" and in_units(7) == "7 B"
    monkeypatch.setattr(storage, "_folders", lambda: {"results": tmp_path / "later"})
    full = type("Usage", (), {"free": 5 * 2**20})
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda _: full)
    section = storage.disks()
    assert "not there yet" in section.facts[0][1] and "only 5.0 MiB are free" in section.problems[0]


def test_a_login_is_told_and_its_key_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "a-secret-key")
    assert storage.logged_in() and "a-secret-key" not in as_text([storage.logging()])
    monkeypatch.delenv("WANDB_API_KEY")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert not storage.logged_in()
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password a-secret-key\n")
    (tmp_path / "netrc").chmod(0o600)
    assert storage.logged_in()
    monkeypatch.setenv("WANDB_BASE_URL", "http://localhost:8080")
    assert not storage.logged_in()


def test_problems_stand_last() -> None:
    wrong = Section("a", [("name", "value")], ["it is wrong: mend it."])
    assert as_text([wrong, Section("b")]).splitlines()[-2:] == ["Wrong:", "  - it is wrong: mend it."]
    assert as_text([Section("a", [("x", "y")])]).endswith("Nothing is wrong, as far as can be seen here.")


def test_the_whole_page(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # Importing takes seconds, and is tried above.
    monkeypatch.setattr(software, "COMPILED", ())
    monkeypatch.setattr(gpu, "find_torch", lambda: SEES)
    monkeypatch.setattr(gpu, "find_toolkit", lambda: Toolkit("11.8, /usr/bin/nvcc", True, None))
    assert run_doctor([]) == 1
    text = capsys.readouterr().out
    for fact in (hw4.__version__, sys.executable, "numpy", "[cluster]", "torch sees", "official", "free"):
        assert fact in text
    assert "nvcc is 11.8" in text[text.index("Wrong:") :]


def test_it_takes_no_arguments() -> None:
    with pytest.raises(SystemExit):
        run_doctor(["--everything"])


def test_models_sources_are_said_to_be_there_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    (wheel,) = models()["da3"].wheels
    assert dict(sources().facts)[str(wheel)].startswith("fetched when it is first used")
    sources_folder(wheel).mkdir()
    assert dict(sources().facts)[str(wheel)] == str(sources_folder(wheel))
    for name, mark in wheel.packages.items():
        checkout = tmp_path / "checkout" / name / mark
        checkout.parent.mkdir(parents=True)
        checkout.touch()
    monkeypatch.syspath_prepend(tmp_path / "checkout")

    (place,) = [value for name, value in sources().facts if name in wheel.packages]
    assert place.startswith(str(tmp_path / "checkout"))
