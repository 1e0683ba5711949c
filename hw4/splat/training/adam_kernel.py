"""Adam's step in numba, on the state of `torch.optim.Adam`: gsplat's strategies and checkpoints read that."""

import math

import numpy as np
import torch
from numba import njit
from torch import Tensor

from hw4.splat.rasterize.threads import spread

BLOCK = 1 << 17
"""Values per block that a thread takes; fewer take less time than it takes to wake another thread."""


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _adam(first, stop, p, g, m, v, rate, beta1, beta2, root2, eps):  # type: ignore[no-untyped-def]
    """Update values p (M,), and moments m and v, for the blocks first <= block < stop."""
    f = p.dtype.type
    rate, beta1, beta2, root2, eps = f(rate), f(beta1), f(beta2), f(root2), f(eps)
    one = f(1)
    for block in range(first, stop):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        values, gradient, mean, square = p[part], g[part], m[part], v[part]
        for i in range(len(values)):
            mean[i] += (one - beta1) * (gradient[i] - mean[i])
            square[i] = beta2 * square[i] + (one - beta2) * gradient[i] * gradient[i]
            values[i] -= rate * mean[i] / (np.sqrt(square[i]) / root2 + eps)


def adam_step(optimizer: torch.optim.Optimizer) -> None:
    """`optimizer.step()` of a `torch.optim.Adam` without weight decay, on the CPU.

    The same formula as torch's (Kingma & Ba 2015), without its bookkeeping, which takes longer than the
    arithmetic. Parameters without a gradient are left alone.
    """
    for group in optimizer.param_groups:
        beta1, beta2 = group["betas"]
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            state = _state(optimizer, parameter)
            step = state["step"].add_(1).item()
            values, gradient, m, v = (
                _flat(t) for t in (parameter, parameter.grad, state["exp_avg"], state["exp_avg_sq"])
            )
            rate, root2 = group["lr"] / (1 - beta1**step), math.sqrt(1 - beta2**step)
            blocks = -(-len(values) // BLOCK)
            spread(_adam, blocks, values, gradient, m, v, rate, beta1, beta2, root2, group["eps"])


def step_without_gradient(optimizer: torch.optim.Optimizer) -> None:
    """What a step with gradients of zero does to parameters that never had another: it counts."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            _state(optimizer, parameter)["step"] += 1


def _state(optimizer: torch.optim.Optimizer, parameter: Tensor) -> dict[str, Tensor]:
    """The parameter's state, begun as torch begins it."""
    state: dict[str, Tensor] = optimizer.state[parameter]
    if not state:
        state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
        for name in ("exp_avg", "exp_avg_sq"):
            state[name] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
    return state


def _flat(tensor: Tensor) -> np.ndarray:
    """(M,) view of a contiguous tensor."""
    flat: np.ndarray = tensor.detach().view(-1).numpy()
    return flat
