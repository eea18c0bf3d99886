"""The transform: lapped filter, attention on any size, shapes, absent groups."""

from __future__ import annotations

import pytest
import torch

from tccodec.config import ModelConfig
from tccodec.transform.blocks import WindowAttention, Windows
from tccodec.transform.lapped import lap, prefilter_matrix
from tccodec.transform.layout import (
    join_latents,
    shuffle,
    split_latents,
    to_pixels,
    to_tokens,
    unshuffle,
)
from tccodec.transform.tcae import TCAE
from tests.support.models import tiny_codec_model, tiny_config


def test_lapped_filter_inverts_itself_on_any_multiple_of_16() -> None:
    m = prefilter_matrix()
    assert torch.allclose(m @ m.t(), torch.eye(16, dtype=torch.float64), atol=1e-12)
    for h, w in ((16, 16), (32, 32), (64, 96), (160, 16)):
        x = torch.randn(2, 3, h, w, dtype=torch.float64)
        assert torch.allclose(lap(lap(x, m.t()), m), x, atol=1e-12)


def test_lapped_filter_raises_the_coding_gain_of_the_dct() -> None:
    from tccodec.transform.lapped import dct2

    n = 32 * 6
    i = torch.arange(n, dtype=torch.float64)
    correlation = 0.95 ** (i[:, None] - i[None]).abs()
    dct = torch.block_diag(*[dct2(16)] * 12)

    def log_variance(filters: torch.Tensor) -> float:
        t = dct @ filters
        return float((t @ correlation @ t.t()).diag()[64:128].log().mean())

    lapped = torch.stack(
        [lap(e.expand(64, n), prefilter_matrix().t())[20] for e in torch.eye(n).double()], 1
    )
    assert log_variance(lapped) < log_variance(torch.eye(n).double()) - 0.04


def test_token_layouts_are_inverses() -> None:
    x = torch.randn(2, 3, 64, 96)
    assert torch.equal(to_pixels(to_tokens(x, 8), 8), x)
    t = torch.randn(2, 4, 6, 10)
    assert torch.equal(shuffle(unshuffle(t, 2), 2), t)


def test_latent_layouts_are_inverses_and_quadrants_lie_where_they_tell_of() -> None:
    cfg = tiny_config()
    y = torch.randn(2, 3, 5, cfg.latents)
    coarse, fine = split_latents(y, cfg)
    assert torch.equal(join_latents(coarse, fine, cfg), y)
    model = TCAE(cfg)
    with torch.no_grad():
        model.shortcut.basis.copy_(torch.eye(768)[: cfg.latents // 4])
    atoms = model.shortcut._blocks(torch.eye(cfg.latents)[:, None, None])
    first, count = sum(cfg.groups[: cfg.coarse]), cfg.groups[cfg.coarse] // 4
    for quadrant in range(4):
        atom = atoms[first + quadrant * count]
        y, x = 16 * (quadrant // 2), 16 * (quadrant % 2)
        inside = atom[:, y : y + 16, x : x + 16]
        assert inside.abs().sum() == atom.abs().sum() > 0


def _attention_by_definition(layer: WindowAttention, x: torch.Tensor) -> torch.Tensor:
    """Softmax over the tokens that share a window of the shifted grid, one token at a time."""
    _, h, w, d = x.shape
    n, s = layer.window, layer.shift
    q, k, v = layer.qkv(x).view(h, w, 3, layer.heads, layer.head_dim).unbind(2)
    out = torch.zeros(h, w, d)
    for i in range(h):
        for j in range(w):
            y0, x0 = (i - s) // n * n + s, (j - s) // n * n + s
            keys = [
                (a, b)
                for a in range(max(0, y0), min(h, y0 + n))
                for b in range(max(0, x0), min(w, x0 + n))
            ]
            for head in range(layer.heads):
                logits = torch.stack(
                    [
                        q[i, j, head] @ k[a, b, head] * layer.head_dim**-0.5
                        + layer.bias[head, (i - a + n - 1) * (2 * n - 1) + j - b + n - 1]
                        for a, b in keys
                    ]
                )
                p = logits.softmax(0)
                o = sum(p[m] * v[a, b, head] for m, (a, b) in enumerate(keys))
                out[i, j, head * layer.head_dim : (head + 1) * layer.head_dim] = o
    return layer.proj(out)[None]


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("size", [(8, 8), (5, 11), (9, 3)])
def test_window_attention_equals_its_definition(shifted: bool, size: tuple[int, int]) -> None:
    torch.manual_seed(1)
    layer = WindowAttention(8, head_dim=4, window=4, shifted=shifted)
    torch.nn.init.normal_(layer.proj.weight)
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(1, *size, 8)
    with torch.no_grad():
        windows = Windows(x, size=layer.window, shift=layer.shift, above=None)
        out = windows.join(layer(windows.cut(x), windows))
        assert torch.allclose(out, _attention_by_definition(layer, x), atol=1e-4)


@pytest.mark.parametrize(
    ("patch", "staged"), [(4, True), (8, True), (4, False), (8, False), (16, False)]
)
def test_every_layout_of_the_config_runs_forward_and_backward(patch: int, staged: bool) -> None:
    cfg = ModelConfig(
        patch=patch,
        staged=staged,
        dim1=32,
        dim2=32,
        groups=(8, 24),
        coarse=1,
        bottleneck=16,
        hidden=16,
    )
    model = TCAE(cfg)
    x = torch.randn(1, 3, 64, 96)
    knot_weights = model.knot_weights(torch.tensor([437.0]))
    y = model.analyse(x, knot_weights)
    assert y.shape == (1, 2, 3, 32)
    out = model.synthesise(y, knot_weights)
    assert out.shape == x.shape
    out.square().mean().backward()


def test_untouched_networks_leave_the_shortcut_alone() -> None:
    cfg = ModelConfig(dim1=32, dim2=32, groups=(512, 2560), coarse=1, bottleneck=16)
    model = TCAE(cfg)
    with torch.no_grad():
        model.shortcut.basis.copy_(torch.linalg.qr(torch.randn(768, 768))[0])
        model.shortcut.merge.copy_(torch.linalg.qr(torch.randn(512, 512))[0])
    x = torch.randn(1, 3, 64, 64) * 50
    knot_weights = model.knot_weights(torch.tensor([500.0]))
    assert torch.allclose(
        model.synthesise(model.analyse(x, knot_weights), knot_weights), x, atol=2e-2
    )


def test_absent_groups_may_be_left_out() -> None:
    model = tiny_codec_model().tcae
    knot_weights = model.knot_weights(torch.tensor([200.0]))
    y = torch.randn(1, 2, 3, model.cfg.latents) * 20
    for count in (112, 48, 16):
        y[..., count:] = 0
        with torch.no_grad():
            whole, short = (
                model.synthesise(y, knot_weights),
                model.synthesise(y[..., :count], knot_weights),
            )
        assert torch.allclose(whole, short, atol=1e-3)


def test_quality_weights_interpolate_between_knots() -> None:
    model = TCAE(tiny_config())
    knot_weights = model.knot_weights(torch.tensor([0.0, 1000.0, 62.5, 500.0]))
    assert torch.allclose(knot_weights.sum(1), torch.ones(4))
    picked = [knot_weights[0, 0], knot_weights[1, -1], knot_weights[2, 0], knot_weights[3, 4]]
    assert [float(p) for p in picked] == [1, 1, 0.5, 1]


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"patch": 7}, "patch"),
        ({"dim1": 33}, "dim1"),
        ({"groups": []}, "groups"),
        ({"groups": [4000]}, "latents"),
        ({"lambda_min": 1.0}, "lambda"),
        ({"patchh": 8}, "patchh"),
        ({"dw_kernel": 2}, "dw_kernel"),
        ({"patch": 16}, "quadrant"),
        ({"coarse": 7}, "coarse"),
        ({"groups": [32, 30, 30]}, "coarse"),
    ],
)
def test_bad_shapes_are_named(values: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        ModelConfig.from_dict(values)
