"""Fewer bits on a CPU: what is reduced, what is not, and how far the results are from float32's."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from hw4.core.errors import ConfigError, UserError
from hw4.models import registry
from hw4.models.base import Reconstruction
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.network import reduced
from hw4.models.network.devices import pick_dtype
from hw4.models.network.reduced import reduce_network
from hw4.models.vggt.config import VggtConfig
from tests.support.pointmap_networks import make_photos

CPU = torch.device("cpu")


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(64, 64), nn.Linear(64, 64)])
        self.head = nn.Sequential(
            nn.Conv2d(4, 8, 3), nn.ReLU(), nn.ConvTranspose2d(8, 8, 2), nn.Conv2d(8, 2, 1)
        )
        self.none = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = torch.relu(block(x))
        result: torch.Tensor = self.head(x.view(-1, 4, 4, 4))
        return result


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize(("dtype", "error"), [("float32", 0.0), ("bfloat16", 2e-2), ("int8", 5e-2)])
def test_results_are_near_and_in_float32(
    dtype: str, error: float, native: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reduced, "computes_bfloat16", lambda: native)
    torch.manual_seed(0)
    network, x = Network().eval(), torch.randn(50, 64)
    with torch.inference_mode():
        expected = network(x)
        engine = torch.backends.quantized.engine
        reduce_network(Dust3rConfig(dtype=dtype), CPU, network, ["blocks"], ["head", "none"])
        assert torch.backends.quantized.engine == engine
        found = network(x)
    far = float((found - expected).abs().max() / expected.abs().max())
    assert found.dtype == torch.float32 and far <= error and (far > 0) == (error > 0)
    kinds = [convolution.weight.dtype for convolution in (network.head[0], network.head[2], network.head[3])]
    # What is asked for is done; what is a means to speed is not where it would be slow.
    half = torch.bfloat16 if dtype == "bfloat16" or (dtype == "int8" and native) else torch.float32
    assert ("only emulates it" in caplog.text) == (dtype == "bfloat16" and not native)
    assert kinds == [half, half, torch.float32]
    assert all(isinstance(block, nn.Linear) for block in network.blocks) == (dtype != "int8")


@pytest.mark.parametrize("name", ["dust3r", "vggt"])
def test_the_small_networks_in_fewer_bits(name: str, tmp_path: Path) -> None:
    paths = make_photos(tmp_path, 2, ((64, 48),))

    def reconstruct(dtype: str) -> Reconstruction:
        config = registry.model_config(name, weights="tiny", device="cpu", dtype=dtype)
        return registry.build_model(config).reconstruct(paths)

    expected, found = reconstruct("float32"), reconstruct("int8")
    assert expected.depth is not None and found.depth is not None
    ratio = np.median(np.stack(found.depth) / np.stack(expected.depth))
    assert found.depth[0].dtype == np.float32 and ratio == pytest.approx(1, abs=0.05)
    assert not np.array_equal(found.depth, expected.depth)


def test_int8_is_for_a_cpu() -> None:
    with pytest.raises(ConfigError, match=r"model\.dtype=int8 is for a CPU, and model\.device=cuda"):
        VggtConfig(dtype="int8", device="cuda")
    with pytest.raises(UserError, match=r"model\.dtype=int8 is for a CPU, .*cuda device was taken"):
        pick_dtype(VggtConfig(dtype="int8"), torch.device("cuda"))
    untouched = SimpleNamespace()
    reduce_network(VggtConfig(dtype="bfloat16"), torch.device("cuda"), untouched, ["blocks"], ["head"])  # type: ignore[arg-type]


def test_the_last_convolution_is_found_whenever_it_was_made() -> None:
    """DUSt3R's heads make it before others."""
    network = nn.Module()
    network.head = nn.ModuleDict({"last": nn.Conv2d(8, 2, 1), "first": nn.Conv2d(4, 8, 1)})
    reduce_network(Dust3rConfig(dtype="bfloat16"), CPU, network, [], ["head"])
    assert network.head["last"].weight.dtype == torch.float32
    assert network.head["first"].weight.dtype == torch.bfloat16
