"""The fused GPU kernels against torch's own, in Triton's interpreter, where Triton is installed."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton")

pytestmark = pytest.mark.slow

SCRIPT = """
import torch
from tccodec.config import ModelConfig
from tccodec.training.config import TrainConfig
from tccodec.training.model import CodecModel
from tccodec.training.objective import Objective
from tccodec.transform import fusing

cfg = ModelConfig(
    dim1=32, dim2=64, groups=(32, 32, 64, 64, 64), hidden=32, fine_hidden=32, one_pass=4,
    gated=True, mlp_ratio=2, renderer=16, renderer_hidden=16, enc_blocks1=0, enc_blocks2=1,
    dec_blocks1=0, dec_blocks2=1, signed_groups=1, start=(0, 0, 0, 100, 300), hyper=16,
    bottleneck=32,
)
torch.manual_seed(0)
model = CodecModel(cfg).train()
model.rdoq = 0.8
with torch.no_grad():
    for p in model.parameters():
        p.add_(0.02 * torch.randn_like(p))
    model.entropy.base.add_(5 * torch.randn_like(model.entropy.base))
    model.tcae.log_step.add_(3)
    size = len(model.tcae.shortcut.basis)
    model.tcae.shortcut.basis.copy_(torch.linalg.qr(torch.randn(768, 768))[0][:size])
objective = Objective(model, TrainConfig(structure=0.1, seam=0.1), distance=None)
x, setting = 40 * torch.randn(4, 3, 64, 64), torch.tensor([900.0, 500.0, 250.0, 50.0])


def step(on):
    fusing.enabled = on
    model.zero_grad()
    torch.manual_seed(1)
    y, bits, small, _ = model(x, setting, (4, 4, 4, 3, 2))
    error, _ = objective.errors(y, x, small, cfg=objective.first_cfg)
    loss = (bits.sum(1) / 64**2 + cfg.lam(setting) * error).sum()
    loss.backward()
    return loss.detach(), {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


(wanted, slopes), (loss, found) = step(False), step(True)
torch.testing.assert_close(loss, wanted, rtol=1e-5, atol=0)
assert slopes.keys() == found.keys()
for name, slope in slopes.items():
    assert (found[name] - slope).norm() <= 1e-4 * slope.norm(), name
"""


def test_kernels_have_the_values_and_gradients_of_torch() -> None:
    env = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
