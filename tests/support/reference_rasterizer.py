"""Rasterizer in plain PyTorch autograd, from the published equations: slow, obvious, and independent.

Sources: Kerbl et al. 2023 (eq. 3-6 and appendix), Zwicker et al. 2001 (EWA), Sloan 2013 for the SH basis.
No tiles, no custom backward: every Gaussian is evaluated at every pixel of a chunk. `block` only bounds
memory; each block takes the Gaussians whose 3.33 sigma box meets it, which a fair baseline would do too.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from hw4.splat.rasterize import RasterOptions, Splats, Views

DEFAULT_BLOCK = (64, 64)


def rotation_matrices(quats: Tensor) -> Tensor:
    w, x, y, z = torch.nn.functional.normalize(quats, dim=-1).unbind(-1)
    entries = [
        *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    ]
    return torch.stack(entries, -1).reshape(-1, 3, 3)


def sh_basis(directions: Tensor, degree: int) -> Tensor:
    """The table of 3DGS (utils/sh_utils): K polynomials in the unit direction."""
    x, y, z = directions.unbind(-1)
    one = torch.ones_like(x)
    xx, yy, zz, xy, yz, xz = x * x, y * y, z * z, x * y, y * z, x * z
    basis = [0.28209479177387814 * one]
    basis += [-0.4886025119029199 * y, 0.4886025119029199 * z, -0.4886025119029199 * x]
    basis += [1.0925484305920792 * xy, -1.0925484305920792 * yz, 0.31539156525252005 * (2 * zz - xx - yy)]
    basis += [-1.0925484305920792 * xz, 0.5462742152960396 * (xx - yy)]
    basis += [-0.5900435899266435 * y * (3 * xx - yy), 2.890611442640554 * xy * z]
    basis += [-0.4570457994644658 * y * (4 * zz - xx - yy)]
    basis += [0.3731763325901154 * z * (2 * zz - 3 * xx - 3 * yy)]
    basis += [-0.4570457994644658 * x * (4 * zz - xx - yy), 1.445305721320277 * z * (xx - yy)]
    basis += [-0.5900435899266435 * x * (xx - 3 * yy)]
    return torch.stack(basis[: (degree + 1) ** 2], -1)


def project(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    viewmat: Tensor,
    K: Tensor,
    width: int,
    height: int,
    eps2d: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Centres (N, 2), covariances before and after blurring (N, 2, 2) and depths (N,)."""
    in_camera = means @ viewmat[:3, :3].T + viewmat[:3, 3]
    x, y, z = in_camera.unbind(-1)
    fx, fy, cx, cy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    margin_x, margin_y = 0.15 * width / fx, 0.15 * height / fy
    tx = z * (x / z).clamp(-cx / fx - margin_x, (width - cx) / fx + margin_x)
    ty = z * (y / z).clamp(-cy / fy - margin_y, (height - cy) / fy + margin_y)
    zero = torch.zeros_like(z)
    J = torch.stack([fx / z, zero, -fx * tx / z**2, zero, fy / z, -fy * ty / z**2], -1).reshape(-1, 2, 3)
    M = rotation_matrices(quats) * scales[:, None, :]
    A = J @ viewmat[:3, :3] @ M
    raw = A @ A.transpose(1, 2)
    blurred = raw + eps2d * torch.eye(2, dtype=raw.dtype)
    return torch.stack([fx * x / z + cx, fy * y / z + cy], -1), raw, blurred, z


def render_block(
    pixels: Tensor, means2d: Tensor, conics: Tensor, opacities: Tensor, features: Tensor
) -> tuple[Tensor, Tensor]:
    """Colours (P, D) and alphas (P,) of pixels from depth-sorted Gaussians: equation 3 of 3DGS as written."""
    d = pixels[:, None] - means2d[None]
    sigma = (
        0.5 * (conics[:, 0] * d[..., 0] ** 2 + conics[:, 2] * d[..., 1] ** 2)
        + conics[:, 1] * d[..., 0] * d[..., 1]
    )
    alpha = (opacities * torch.exp(-sigma)).clamp(max=0.999)
    alpha = torch.where((sigma >= 0) & (alpha >= 1 / 255), alpha, torch.zeros_like(alpha))
    after = torch.cumprod(1 - alpha, dim=1)
    alpha = torch.where(after > 1e-4, alpha, torch.zeros_like(alpha))
    before = torch.cat([torch.ones_like(after[:, :1]), after[:, :-1]], 1)
    weights = alpha * before
    return weights @ features, weights.sum(1)


def screen_gaussians(
    c: int, splats: Splats, views: Views, options: RasterOptions
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Depth-sorted (means2d, conics, opacities, features) of camera `c`, and box half sizes (no gradient)."""
    means, colors, viewmat = splats.means, splats.colors, views.viewmats[c]
    sh_degree, render_mode = options.sh_degree, options.render_mode
    depth = (means @ viewmat[:3, :3].T + viewmat[:3, 3])[:, 2].detach()
    keep = torch.nonzero((depth >= options.near_plane) & (depth <= options.far_plane))[:, 0]
    keep = keep[torch.argsort(depth[keep], stable=True)]
    kept = (means[keep], splats.quats[keep], splats.scales[keep])
    means2d, raw, cov, z = project(*kept, viewmat, views.Ks[c], views.width, views.height, options.eps2d)
    opacity = splats.opacities[keep]
    if options.rasterize_mode == "antialiased":
        ratio = torch.linalg.det(raw) / torch.linalg.det(cov)
        opacity = opacity * torch.sqrt(ratio.clamp(min=0))
    det = cov[:, 0, 0] * cov[:, 1, 1] - cov[:, 0, 1] ** 2
    conics = torch.stack([cov[:, 1, 1] / det, -cov[:, 0, 1] / det, cov[:, 0, 0] / det], -1)
    if sh_degree is None:
        features = colors[keep] if colors.dim() == 2 else colors[c, keep]
    else:
        directions = means[keep] - torch.linalg.inv(viewmat)[:3, 3]
        basis = sh_basis(torch.nn.functional.normalize(directions, dim=-1), sh_degree)
        features = (torch.einsum("nk,nkd->nd", basis, colors[keep][:, : basis.shape[1]]) + 0.5).clamp(min=0)
    if render_mode in ("D", "ED"):
        features = z[:, None]
    elif "D" in render_mode:
        features = torch.cat([features, z[:, None]], 1)
    radii = 3.33 * torch.sqrt(torch.stack([cov[:, 0, 0], cov[:, 1, 1]], -1)).detach() + 1
    return means2d, conics, opacity, features, radii


def blocks_of(
    width: int, height: int, block: tuple[int, int], centers: Tensor, radii: Tensor
) -> Iterator[tuple[slice, slice, Tensor, Tensor]]:
    """(rows, columns, pixel centres (P, 2), Gaussians whose box meets the block) of every block."""
    low, high = centers - radii, centers + radii
    for y0 in range(0, height, block[0]):
        y1 = min(height, y0 + block[0])
        for x0 in range(0, width, block[1]):
            x1 = min(width, x0 + block[1])
            near = (low[:, 0] < x1) & (high[:, 0] > x0) & (low[:, 1] < y1) & (high[:, 1] > y0)
            ys, xs = torch.meshgrid(torch.arange(y0, y1), torch.arange(x0, x1), indexing="ij")
            pixels = torch.stack([xs, ys], -1).reshape(-1, 2).to(centers) + 0.5
            yield slice(y0, y1), slice(x0, x1), pixels, torch.nonzero(near)[:, 0]


def rasterize_reference(
    splats: Splats, views: Views, options: RasterOptions, block: tuple[int, int] = DEFAULT_BLOCK
) -> tuple[Tensor, Tensor]:
    """`hw4.splat.rasterize.rasterize`, the slow way. `block` is the chunk of pixels (rows, columns)."""
    images, alphas = [], []
    width, height, render_mode = views.width, views.height, options.render_mode
    for c in range(len(views.viewmats)):
        *gaussians, radii = screen_gaussians(c, splats, views, options)
        rows: dict[int, list[Tensor]] = {}
        for ys, xs, pixels, ids in blocks_of(width, height, block, gaussians[0].detach(), radii):
            color, alpha = render_block(pixels, *(g[ids] for g in gaussians))
            shape = (ys.stop - ys.start, xs.stop - xs.start, -1)
            rows.setdefault(ys.start, []).append(torch.cat([color, alpha[:, None]], 1).reshape(shape))
        image = torch.cat([torch.cat(row, 1) for row in rows.values()], 0)
        color, alpha = image[..., :-1], image[..., -1:]
        if options.backgrounds is not None and not options.depth_only:
            background = options.backgrounds[c]
            if "D" in render_mode:
                background = torch.cat([background, background.new_zeros(1)])
            color = color + (1 - alpha) * background
        if "ED" in render_mode:
            color = torch.cat([color[..., :-1], color[..., -1:] / alpha.clamp(min=1e-10)], -1)
        images.append(color)
        alphas.append(alpha)
    return torch.stack(images), torch.stack(alphas)


def reference_gradients(
    splats: Splats, views: Views, options: RasterOptions, v_colors: Tensor, block: tuple[int, int]
) -> Tensor:
    """Render camera 0 and back-propagate `v_colors` (H, W, D) into the leaves, in blocks to bound memory.

    The blocks' graphs end at the image-plane Gaussians, whose gradients then pass through the projection
    once: the same work as one backward over the whole image.
    """
    *gaussians, radii = screen_gaussians(0, splats, views, options)
    cut = [g.detach().requires_grad_() for g in gaussians]
    image = torch.empty_like(v_colors)
    for ys, xs, pixels, ids in blocks_of(views.width, views.height, block, cut[0].detach(), radii):
        color, _ = render_block(pixels, *(g[ids] for g in cut))
        image[ys, xs] = color.detach().reshape(image[ys, xs].shape)
        color.backward(v_colors[ys, xs].reshape(color.shape))
    torch.autograd.backward(gaussians, [g.grad for g in cut])
    return image


def random_scene(
    n: int, width: int, height: int, n_cameras: int = 1, seed: int = 0, dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """Gaussians in front of, behind, beside and across the image, thin and fat ones, with SH colours."""
    g = torch.Generator().manual_seed(seed)

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=g, dtype=torch.float64)

    def randn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    focal = 0.9 * width
    depth = 0.5 + 5 * rand(n)
    ndc = (rand(n, 2) - 0.5) * 1.6
    xy = ndc * torch.tensor([width / focal, height / focal]) * depth[:, None]
    means = torch.cat([xy, depth[:, None]], 1)
    behind = rand(n) < 0.05
    means[behind, 2] *= -1
    scales = torch.exp(randn(n, 3) * 0.8 - 3.2)
    quats = randn(n, 4)
    opacities = torch.sigmoid(randn(n) * 2)
    colors = randn(n, 16, 3) * 0.25
    viewmats = torch.eye(4, dtype=torch.float64).repeat(n_cameras, 1, 1)
    for c in range(n_cameras):
        angle = 0.15 * c
        cos, sin = math.cos(angle), math.sin(angle)
        viewmats[c, :3, :3] = torch.tensor([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], dtype=torch.float64)
        viewmats[c, :3, 3] = torch.tensor([0.2 * c, -0.1 * c, 0.3 * c])
    K = torch.tensor(
        [[focal, 0, width / 2 + 0.7], [0, 1.05 * focal, height / 2 - 0.4], [0, 0, 1]], dtype=torch.float64
    )
    scene = {
        "means": means,
        "quats": quats,
        "scales": scales,
        "opacities": opacities,
        "colors": colors,
        "viewmats": viewmats,
        "Ks": K.repeat(n_cameras, 1, 1),
    }
    return {name: value.to(dtype) for name, value in scene.items()}
