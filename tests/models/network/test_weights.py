"""Weight files: found or explained, loaded strictly, never allowed to run code."""

import argparse
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from hw4.core.errors import UserError
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.dust3r.network import FAMILY as DUST3R_FAMILY
from hw4.models.dust3r.network import load_network as load_dust3r_network
from hw4.models.dust3r.tiny import build_tiny as build_tiny_dust3r
from hw4.models.dust3r.weights import WEIGHTS as DUST3R
from hw4.models.network import weights
from hw4.models.network.checkpoint_files import read_checkpoint
from hw4.models.network.described import is_official, parse_constructor
from hw4.models.vggt.config import VggtConfig
from hw4.models.vggt.network import load_network as load_vggt_network
from hw4.models.vggt.tiny import build_tiny as build_tiny_vggt
from hw4.models.vggt.weights import WEIGHTS as VGGT

MARK = "aggregator.camera_token"
TINY_CALL = (
    "AsymmetricCroCo3DStereo(pos_embed='RoPE100', img_size=(48, 64), patch_size=8, enc_embed_dim=128, "
    "enc_depth=4, enc_num_heads=4, dec_embed_dim=128, dec_depth=4, dec_num_heads=4, head_type='linear', "
    "output_mode='pts3d', depth_mode=('exp', -inf, inf), conf_mode=('exp', 1, inf), landscape_only=False)"
)


class Hostile:
    """Unpickling it would create a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("suffix", [".pth", ".pt"])
@pytest.mark.parametrize("legacy", [False, True])
def test_a_hostile_file_is_refused_without_running(tmp_path: Path, suffix: str, legacy: bool) -> None:
    path, mark = tmp_path / f"model{suffix}", tmp_path / "ran"
    content = {"model": {"a": torch.zeros(2)}, "args": Hostile(mark)}
    if legacy:
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)
    with pytest.raises(UserError, match="refused|cannot read") as raised:
        load_dust3r_network(Dust3rConfig(weights=str(path)))
    assert not mark.exists() and "\n" not in str(raised.value)
    # The same file does run its code where nobody is careful: the test could fail.
    torch.load(path, weights_only=False) if not legacy else pickle.loads(path.read_bytes())
    assert mark.exists()


def official_file(path: Path, call: str = TINY_CALL) -> torch.nn.Module:
    torch.manual_seed(4)
    network = build_tiny_dust3r()
    torch.save({"args": argparse.Namespace(model=call, lr=1.0), "model": network.state_dict()}, path)
    return network


def test_an_official_style_file_loads_and_says_its_own_sizes(tmp_path: Path) -> None:
    network = official_file(tmp_path / "DUSt3R.pth")
    loaded = load_dust3r_network(Dust3rConfig(weights=str(tmp_path / "DUSt3R.pth")))
    assert (loaded.image_size, loaded.patch_size) == (64, 8)
    assert loaded.source.label == "DUSt3R.pth"
    expected = network.state_dict()
    got = loaded.network.state_dict()
    assert all(torch.equal(got[name], value) for name, value in expected.items())


@pytest.mark.parametrize(
    "call",
    [
        "__import__('os').system('true')",
        "AsymmetricCroCo3DStereo(**{})",
        "Other(a=1)",
        "Asymmetric",
        "(" * 300,
    ],
)
def test_a_constructor_is_parsed_and_never_evaluated(call: str) -> None:
    with pytest.raises(UserError, match="not a plain AsymmetricCroCo3DStereo"):
        parse_constructor(call, Path("x.pth"), DUST3R_FAMILY)


def test_a_plain_constructor_is_read() -> None:
    call = "AsymmetricCroCo3DStereo(depth_mode=('exp', -inf, inf), patch_size=8)"
    assert parse_constructor(call, Path("x.pth"), DUST3R_FAMILY) == {
        "depth_mode": ("exp", float("-inf"), float("inf")),
        "patch_size": 8,
    }


BUILD = {
    "dust3r": (build_tiny_dust3r, load_dust3r_network, Dust3rConfig),
    "vggt": (build_tiny_vggt, load_vggt_network, VggtConfig),
}


@pytest.mark.parametrize("model", sorted(BUILD))
@pytest.mark.parametrize("harm", ["missing", "unexpected", "shape"])
def test_weights_that_do_not_fit_are_named(tmp_path: Path, model: str, harm: str) -> None:
    build, load, config = BUILD[model]
    state = {name: value.clone() for name, value in build().state_dict().items()}
    name = next(n for n in state if n.endswith("norm1.weight"))
    if harm == "missing":
        del state[name]
    elif harm == "unexpected":
        name = "something.else"
        state[name] = torch.zeros(1)
    else:
        state[name] = torch.zeros(3)
    path = tmp_path / "w.safetensors"
    save_file(state, path)
    # The sizes of a DUSt3R without arguments are taken from its weights; a tiny one needs its config.json.
    if model == "dust3r":
        torch.save({"args": argparse.Namespace(model=TINY_CALL), "model": state}, tmp_path / "w.pth")
        path = tmp_path / "w.pth"
    with pytest.raises(UserError) as raised:
        load(config(weights=str(path)))
    assert name in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_cut_off_file_is_one_sentence(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    state = {name: value.clone() for name, value in build_tiny_vggt().state_dict().items()}
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match="cannot read weights|refused") as raised:
        read_checkpoint(path, "VGGT", MARK)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [[1, 2], {"model": {"a": 3}}, {}])
def test_a_file_without_weights_is_one_sentence(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(UserError, match="cannot read weights"):
        read_checkpoint(tmp_path / "w.pt", "VGGT", MARK)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    for given, words in (
        (str(tmp_path / "none.pth"), "none.pth does not exist"),
        (str(tmp_path), "folder with 0 weight files"),
    ):
        with pytest.raises(UserError, match=words):
            weights.find_weights(Dust3rConfig(weights=given), DUST3R)
    (tmp_path / "w.onnx").write_bytes(b"")
    with pytest.raises(UserError, match="unknown kind of file"):
        load_vggt_network(VggtConfig(weights=str(tmp_path / "w.onnx")))


@pytest.mark.parametrize(
    ("config", "repo"),
    [
        (Dust3rConfig(weights="official"), "naver/DUSt3R_ViTLarge_BaseDecoder_512_dpt"),
        (VggtConfig(weights="official"), "facebook/VGGT-1B"),
        (VggtConfig(weights="facebook/VGGT-1B-Commercial"), "facebook/VGGT-1B-Commercial"),
    ],
)
def test_without_a_network_the_file_to_put_is_named(
    config: Dust3rConfig | VggtConfig, repo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def not_cached(*_: object, **__: object) -> None:
        raise LocalEntryNotFoundError("nothing here")

    def no_network(*_: object, **__: object) -> None:
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", not_cached)
    monkeypatch.setattr(huggingface_hub, "list_repo_files", no_network)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", no_network)
    with pytest.raises(UserError) as raised:
        weights.find_weights(config, DUST3R if isinstance(config, Dust3rConfig) else VGGT)
    text = str(raised.value)
    assert repo in text and "model.weights=/path/to/model.safetensors" in text and "\n" not in text


def test_the_fingerprint_follows_the_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    prints = []
    for number in range(2):
        path = tmp_path / f"{number}.safetensors"
        save_file({"a": torch.full((2,), float(number))}, path)
        prints.append(weights.weights_fingerprint(VggtConfig(weights=str(path)), VGGT))
        assert weights.weights_fingerprint(VggtConfig(weights=str(path)), VGGT) == prints[-1]
    assert prints[0] != prints[1]
    seeds = {weights.weights_fingerprint(VggtConfig(weights="random", seed=seed), VGGT) for seed in (0, 1)}
    assert len(seeds) == 2


def test_a_refusal_does_not_repeat_torchs_dangerous_advice(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"model": {"a": torch.zeros(2)}, "args": Hostile(tmp_path / "ran")}, path)
    with pytest.raises(UserError, match="are refused") as raised:
        read_checkpoint(path, "VGGT", MARK)
    text = str(raised.value)
    assert "weights_only" not in text and "trust" not in text and "still be loaded" not in text
    path.write_bytes(b"PK" + bytes(range(256)) * 20)
    with pytest.raises(UserError) as raised:
        read_checkpoint(path, "VGGT", MARK)
    assert "weights_only" not in str(raised.value)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, suffix: str, value: float) -> None:
    state = {name: tensor.clone() for name, tensor in build_tiny_vggt().state_dict().items()}
    name = next(n for n in state if n.endswith("norm1.weight"))
    state[name][3] = value
    path = tmp_path / f"w{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    with pytest.raises(UserError, match=f"NaN or infinity \\(in {name}\\)"):
        load_vggt_network(VggtConfig(weights=str(path)))


def test_a_file_that_may_not_be_read_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(2)}, path)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refuse)
        with pytest.raises(UserError, match=r"cannot read weights .*w\.safetensors: Permission denied"):
            weights.weights_fingerprint(VggtConfig(weights=str(path)), VGGT)
    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(UserError, match=r"cannot read model\.weights=.*: Permission denied"):
        weights.find_weights(VggtConfig(weights=str(path)), VGGT)


def test_a_local_copy_of_the_official_dust3r_has_its_licence() -> None:
    with torch.device("meta"):
        official = {
            "patch_embed.proj.weight": torch.empty(1024, 3, 16, 16),
            "enc_blocks.23.norm1.weight": torch.empty(1024),
        }
    assert is_official(official, DUST3R_FAMILY)
    assert not is_official(build_tiny_dust3r().state_dict(), DUST3R_FAMILY)
    assert not is_official({"patch_embed.proj.weight": official["patch_embed.proj.weight"]}, DUST3R_FAMILY)


def test_the_licence_of_a_local_copy_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    official_file(tmp_path / "mine.pth")
    monkeypatch.setattr("hw4.models.network.described.is_official", lambda *_: True)
    loaded = load_dust3r_network(Dust3rConfig(weights=str(tmp_path / "mine.pth")))
    assert loaded.source.license is not None and "CC BY-NC-SA 4.0" in caplog.text
