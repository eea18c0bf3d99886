"""Training: data, configuration, exact resumption, and that it learns."""

from __future__ import annotations

import gzip
import io
import json
import math
import shutil
import tarfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tccodec.coding.distortion import VISIBLE
from tccodec.coding.neural import NeuralCodec
from tccodec.config import ModelConfig
from tccodec.errors import BadConfig, BadData, BadOption, TccodecError
from tccodec.metrics.networks import ALEX, VGG, Layers, LpipsNetwork
from tccodec.model.folder import read_config
from tccodec.training import loop
from tccodec.training.config import load_config
from tccodec.training.data import Crops, lapped_pca, load_held_out, load_pictures
from tccodec.training.export import export_realism, export_run, load_run
from tccodec.training.loop import Trainer
from tccodec.training.losses import grid, mean_structural_error, seams
from tccodec.training.model import CodecModel
from tccodec.training.optimisers import Optimisers, schedule, split_parameters
from tccodec.training.perceptual import lpips_loss
from tccodec.training.prefetch import Prefetcher
from tccodec.training.sampling import SettingSampler
from tccodec.training.state import load_shards, save_shards
from tccodec.transform.decoder import depends_on_realism
from tests.support.backbones import little_vgg, needs_backbones, pattern_a, pattern_q, pattern_s
from tests.support.models import tiny_config, tiny_renderer_config
from tests.support.paths import ROOT
from tests.support.training import CFG, pictures, trainer


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    for s in range(2):
        with tarfile.open(folder / f"train-{s}.tar", "w") as tar:
            for i, p in enumerate(pictures()[s * 4 : s * 4 + 4]):
                data = io.BytesIO()
                Image.fromarray(p).save(data, "PNG")
                info = tarfile.TarInfo(f"{s}{i}.png")
                info.size = data.tell()
                data.seek(0)
                tar.addfile(info, data)
    return folder


def test_shards_folders_and_files_give_the_same_pictures(shards: Path, tmp_path: Path) -> None:
    want = pictures()
    for i, p in enumerate(want):
        Image.fromarray(p).save(tmp_path / f"{i}.png")
    for sources in ([shards], [tmp_path], sorted(shards.glob("*.tar"))):
        got = load_pictures(sources, 64)
        assert all(np.array_equal(a, b) for a, b in zip(got, want, strict=True))


def test_training_pictures_are_read_as_compress_reads_them(tmp_path: Path) -> None:
    upright = pictures()[0][:64, :96]
    exif = Image.Exif()
    exif[0x112] = 6  # turned by 90 degrees
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(upright)))
    turned.save(tmp_path / "turned.png", exif=exif)
    Image.fromarray(upright[..., 0]).convert("LA").save(tmp_path / "without-a-suffix", "PNG")
    (tmp_path / "LICENSE").write_text("no picture")
    turned, grey = sorted(load_pictures([tmp_path], 64), key=lambda p: -int(p.std(2).sum()))
    assert np.array_equal(turned, upright)
    assert np.array_equal(grey, np.repeat(upright[..., :1], 3, 2))


def test_data_that_cannot_be_used_is_named(tmp_path: Path, shards: Path) -> None:
    with pytest.raises(BadData, match="nowhere"):
        load_pictures([tmp_path / "nowhere"], 64)
    with pytest.raises(BadData, match="at least 500x500"):
        load_pictures([shards], 500)
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    with pytest.raises(BadData, match=r"broken\.png"):
        load_pictures([tmp_path], 64)


def test_hidden_files_are_left_out_of_shards_and_folders(tmp_path: Path, shards: Path) -> None:
    data = io.BytesIO()
    Image.fromarray(pictures()[0]).save(data, "PNG")
    with tarfile.open(tmp_path / "mac.tar", "w") as tar:
        for name, text in (("./._a.png", b"\0\5\26\7"), ("./a.png", data.getvalue())):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    (tmp_path / "._mac.tar").write_bytes(b"\0\5\26\7")
    assert len(load_pictures([tmp_path], 64)) == 1


def test_pictures_beside_shards_are_not_left_out_in_silence(tmp_path: Path, shards: Path) -> None:
    shutil.copy(shards / "train-0.tar", tmp_path)
    Image.fromarray(pictures()[0]).save(tmp_path / "a.png")
    with pytest.raises(BadData, match=r"holds \.tar files and pictures \(a\.png\)"):
        load_pictures([tmp_path], 64)
    assert len(load_pictures([tmp_path / "train-0.tar"], 64)) == 4


@pytest.mark.parametrize(
    "damage", ["text", "cut", "short", "gzip", "zip", "link", "circle", "picture"]
)
def test_a_damaged_shard_is_named(tmp_path: Path, shards: Path, damage: str) -> None:
    whole, bad = (shards / "train-0.tar").read_bytes(), tmp_path / "bad.tar"
    if damage in ("link", "circle"):
        with tarfile.open(bad, "w") as tar:
            info = tarfile.TarInfo("a.png")
            info.type = tarfile.SYMTYPE
            info.linkname = "nowhere.png" if damage == "link" else "a.png"
            tar.addfile(info)
    else:
        broken = bytearray(whole)
        broken[600:5000] = bytes(4400)
        packed = gzip.compress(whole)
        bad.write_bytes(
            {
                "text": b"no tar file" * 100,
                "cut": whole[:1500],
                "short": whole[:100],
                "gzip": packed[: len(packed) // 2],
                "zip": packed[:200] + bytes(200) + packed[400:],
                "picture": bytes(broken),
            }[damage]
        )
    said = {"text": r"bad\.tar is not a valid tar file: ", "picture": r"bad\.tar/.* cannot be read"}
    with pytest.raises(BadData, match=said.get(damage, r"bad\.tar")):
        load_pictures([tmp_path], 64)


def test_crops_are_parts_of_the_pictures_and_repeat_exactly() -> None:
    source = pictures()
    crops = Crops(source, crop=128, device=torch.device("cpu"), seed=3)
    a, b = crops.batch(5, 4, rescale=0.0), crops.batch(5, 4, rescale=0.0)
    assert torch.equal(a, b)
    assert not torch.equal(a, crops.batch(6, 4, rescale=0.0))
    assert not torch.equal(a, crops.batch(5, 4, rescale=0.0, rank=1))
    want = (a[0].permute(1, 2, 0) + 128).to(torch.uint8).numpy()
    found = False
    for p in source:
        for y in range(p.shape[0] - 127):
            for x in range(p.shape[1] - 127):
                cut = p[y : y + 128, x : x + 128]
                found |= np.array_equal(cut, want) or np.array_equal(cut[:, ::-1], want)
    assert found


def test_the_first_basis_vectors_carry_the_most_energy() -> None:
    crops = Crops(pictures(), crop=128, device=torch.device("cpu"), seed=3)
    cfg = tiny_config()
    basis, merge, std = lapped_pca(crops, cfg, blocks=500)
    coarse, fine = std[: 4 * cfg.low], std[4 * cfg.low :]
    for rows, count in ((basis, cfg.latents // 4), (merge, 4 * cfg.low)):
        assert torch.allclose(rows @ rows.t(), torch.eye(count), atol=1e-4)
    for deviations in (coarse, fine):
        assert (deviations[:-1] >= deviations[1:] - 1e-3).all()
    assert len(std) == cfg.channels


@pytest.mark.parametrize("shapes", [tiny_config(), tiny_renderer_config()], ids=lambda c: c.name)
def test_both_looks_are_trained_at_once_and_exported_together(
    shapes: ModelConfig, shards: Path, tmp_path: Path
) -> None:
    cfg = replace(CFG, batch=4, perceptual=300.0, grid=5.0, second_look=0.5, log_steps=1)
    run = Trainer(shapes, cfg, tmp_path / "run", backbones=little_vgg(tmp_path))
    (tmp_path / "run").mkdir()
    run.load_data([shards])
    run.initialise(blocks=300)
    rows: list[dict] = []
    run.run(5, report=rows.append, steps=4)
    assert all(row["lpips"] > 0 for row in rows)
    export_run(tmp_path / "run", tmp_path / "model")
    assert read_config(tmp_path / "model")["realism"]["steps"] == 4
    saved = load_run(tmp_path / "run")[0]
    assert saved.second is not None
    codec = NeuralCodec.load(tmp_path / "model", device="cpu", precision="fp32")
    for realism, decoder in ((0.0, saved.tcae.decoder), (1.0, saved.second)):
        found = codec.transforms.decoder(realism).state_dict()
        for name, value in decoder.state_dict().items():
            assert torch.equal(found[name], value.half().float()), name
    last = "small.bias" if shapes.renderer else "out.bias"
    own, other = (part.get_parameter(last) for part in (saved.tcae.decoder, saved.second))
    assert not torch.equal(own, other)

    again = Trainer(shapes, cfg, tmp_path / "next", backbones=little_vgg(tmp_path))
    again.start_from(tmp_path / "run" / "last")
    assert again.model.second is not None
    assert torch.equal(again.model.second.get_parameter(last), other)
    again.start_from(tmp_path / "model")
    assert torch.equal(again.model.second.get_parameter(last), other.half().float())
    first = Trainer(shapes, CFG, tmp_path / "alone")
    first.start_from(tmp_path / "run" / "last")
    first.save("last")
    deeper = replace(shapes, dec_blocks2=shapes.dec_blocks2 + 1)
    for source in ("run", "model", "alone"):
        grown = Trainer(deeper, cfg, tmp_path / "deeper", backbones=little_vgg(tmp_path))
        grown.start_from(tmp_path / source)
    assert torch.equal(first.model.tcae.decoder.get_parameter(last), own)


@pytest.mark.parametrize("shapes", [tiny_config(), tiny_renderer_config()], ids=lambda c: c.name)
def test_the_second_look_passes_a_share_of_its_gradient_to_what_both_have(
    shapes: ModelConfig,
) -> None:
    torch.manual_seed(0)
    model = CodecModel(shapes)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.05)
    model.add_second_decoder()
    assert model.second is not None
    knot_weights = model.tcae.knot_weights(torch.tensor([300.0]))
    found = []
    for gradient in (1.0, 0.25):
        model.zero_grad()
        y = torch.ones(1, 2, 2, model.cfg.latents, requires_grad=True)
        pixels, _ = model.tcae.synthesise_with(model.second, y, knot_weights, gradient=gradient)
        pixels.square().sum().backward()
        opened, own = model.tcae.decoder.fine1.weight.grad, model.second.blocks2[0].fc1.weight.grad
        assert y.grad is not None and opened is not None and own is not None
        found.append((y.grad, opened, own, model.tcae.shortcut.basis.grad))
    (a, b, c, d), (e, f, g, h) = found
    for whole, share in ((a, e), (b, f), (d, h)):
        assert torch.allclose(share, 0.25 * whole, rtol=1e-3, atol=1e-6)
    assert torch.allclose(c, g) and float(c.abs().max()) > 0


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_batches_come_in_order(depth: int) -> None:
    def made(step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        if step == 9:
            raise BadData("no more")
        return torch.tensor(step), torch.tensor(0), torch.tensor(0)

    with Prefetcher(made, 5, torch.device("cpu"), depth=depth) as batches:
        assert [int(batches.next()[0]) for _ in range(4)] == [5, 6, 7, 8]
        with pytest.raises(BadData, match="no more"):
            batches.next()


def test_without_depth_the_calling_thread_makes_the_batches() -> None:
    def made(step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        assert threading.current_thread() is threading.main_thread()
        return torch.tensor(step), torch.tensor(0), torch.tensor(0)

    with Prefetcher(made, 5, torch.device("cpu"), depth=0) as batches:
        assert [int(batches.next()[0]) for _ in range(2)] == [5, 6]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_recorded_step_trains_as_a_plain_one(shards: Path, tmp_path: Path) -> None:
    ends = []
    for recorded in (True, False):
        run = Trainer(tiny_renderer_config(), CFG, tmp_path / str(recorded), device="cuda")
        run.load_data([shards])
        run.initialise(blocks=300)
        run.compiled, run.records = False, recorded
        (tmp_path / str(recorded)).mkdir()
        run.run(5, report=lambda row: None, steps=10)
        ends.append(run.model.state_dict())
    for name, value in ends[0].items():
        assert torch.allclose(value, ends[1][name], rtol=0.05, atol=0.02), name


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[model]\npatchh = 8", "patchh"),
        ("[train]\nbatchh = 8", "batchh"),
        ("[train]\nbatch = 'x'", "batch"),
        ("[train]\ncrop = 100", "crop"),
        ("[train]\ncrop = 64", "crop"),
        ("[train]\nminutes = 0", "minutes"),
        ("[train]\nstructure = 2", "structure"),
        ("[trian]", "trian"),
        ("[model", "TOML"),
    ],
)
def test_a_bad_configuration_is_one_sentence(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(BadConfig, match=word):
        load_config(path)
    with pytest.raises(BadConfig, match="missing"):
        load_config(tmp_path / "missing.toml")


def test_shipped_configurations_load() -> None:
    for path in ROOT.glob("configs/*.toml"):
        model, _ = load_config(path)
        if model.name == "next":
            assert model.latents == 3 * 32 * 32  # all directions of a block
        else:
            assert model == ModelConfig(name=model.name, blend=3)


def test_rates_warm_up_hold_and_decay_to_zero() -> None:
    cfg = replace(CFG, warmup_steps=10, decay_fraction=0.4)
    assert schedule(0, 0, cfg) == pytest.approx(0.1)
    assert schedule(0.3, 500, cfg) == 1
    assert schedule(0.8, 500, cfg) == pytest.approx(0.5)
    assert schedule(1.0, 500, cfg) == 0


def test_every_parameter_belongs_to_one_optimiser_group() -> None:
    model = CodecModel(tiny_config())
    groups = split_parameters(model)
    ids = [id(p) for g in groups.values() for p in g]
    assert sorted(ids) == sorted(id(p) for p in model.parameters())
    assert all(p.ndim == 2 for p in groups["matrices"])
    assert all(groups.values())


def test_shards_are_small_and_round_trip(tmp_path: Path) -> None:
    tensors = {f"t{i}": torch.randn(700, 1000) for i in range(12)}
    for _ in range(2):  # the second time replaces the first
        save_shards(tmp_path / "s", tensors, {"step": 3})
    assert max(f.stat().st_size for f in (tmp_path / "s").iterdir()) < 16_000_000
    back, meta = load_shards(tmp_path / "s")
    assert meta == {"step": 3}
    assert all(torch.equal(back[k], v) for k, v in tensors.items())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s"]


def test_a_resumed_run_continues_exactly(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "schedule", lambda done, step, cfg: 0.5)
    straight = trainer(shards, tmp_path / "a")
    straight.initialise(blocks=300)
    straight.run(5, report=lambda row: None, steps=6)
    half = trainer(shards, tmp_path / "b")
    half.initialise(blocks=300)
    half.run(5, report=lambda row: None, steps=3)
    with (tmp_path / "b" / "metrics.jsonl").open("a") as log:
        log.write('{"step": 3, "mi')  # as a killed run leaves it
    resumed = trainer(shards, tmp_path / "b")
    resumed.load(tmp_path / "b" / "last")
    assert resumed.step == 3
    resumed.run(5, report=lambda row: None, steps=6)
    for (name, a), b in zip(
        straight.model.state_dict().items(), resumed.model.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), name
    rows = [json.loads(r) for r in (tmp_path / "b" / "metrics.jsonl").read_text().splitlines()]
    assert [r["step"] for r in rows] == [2, 4, 6]


def test_training_lowers_the_cost(shards: Path, tmp_path: Path) -> None:
    rates = {"lr": 2e-4, "lr_muon": 1e-3, "lr_scale_tables": 0.05, "lr_basis": 0.0}
    gentle = replace(CFG, batch=4, ema=0.9, **rates)
    t = trainer(shards, tmp_path, gentle)
    t.initialise(blocks=300)
    before = t.validate()
    t.run(5, report=lambda row: None, steps=25)
    after = t.validate()
    for quality in (150, 300, 600):
        assert after[f"cost{quality}"] < 0.99 * before[f"cost{quality}"]


def test_another_shape_cannot_be_resumed(shards: Path, tmp_path: Path) -> None:
    t = trainer(shards, tmp_path)
    t.save("last")
    other = Trainer(replace(tiny_config(), hidden=48), CFG, tmp_path)
    with pytest.raises(TccodecError, match="another"):
        other.load(tmp_path / "last")


@pytest.mark.parametrize("key", ["name", "description"])
def test_export_writes_no_model_that_cannot_be_read(shards: Path, tmp_path: Path, key: str) -> None:
    trainer(shards, tmp_path / "run").save("last")
    for text in ("two\nlines", "x" * 1001):
        with pytest.raises(BadOption, match=f"^{key} must be a line of at most 1000 letters$"):
            export_run(tmp_path / "run", tmp_path / "model", **{key: text})  # type: ignore[arg-type]
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(("trellis", "off"), [(0, 0.01), (12, 0.02)])
def test_the_estimate_in_training_is_what_gets_written(
    shards: Path, tmp_path: Path, trellis: int, off: float
) -> None:
    """A trained model's estimated bits against the bytes of its export, within 1 or 2 %."""
    cfg = tiny_config()
    if trellis:
        cfg = replace(cfg, trellis=trellis, spacing=(20, 24))
    t = trainer(shards, tmp_path / "run", replace(CFG, batch=4), cfg)
    t.initialise(blocks=300)
    t.run(5, report=lambda row: None, steps=30)
    export_run(tmp_path / "run", tmp_path / "model", name="tried")
    model, _ = load_run(tmp_path / "run")
    codec = NeuralCodec.load(tmp_path / "model", device="cpu", precision="fp32")
    assert codec.cfg.name == "tried"
    card = (tmp_path / "model" / "README.md").read_text("utf-8")
    assert card.startswith("# tried\n") and "30 steps" in card and "<!-- kodak -->" in card
    later = trainer(shards, tmp_path / "later")
    later.start_from(tmp_path / "model")  # a released model knows its runs, too
    assert [run["steps"] for run in later.earlier_runs] == [30]
    for quality in (300, 500, 700):  # above, a model of 30 steps escapes too often
        estimated = written = 0.0
        for p in pictures():
            v = codec.latents(p, quality)
            with torch.no_grad():
                bits, _ = model.entropy(
                    v[None], model.tcae.knot_weights(torch.tensor([float(quality)]))
                )
            payloads, _ = codec.encode_latents(v, quality)
            estimated += float(bits.sum()) / 8
            written += sum(map(len, payloads))
        assert abs(written - estimated) <= off * estimated + 6 * len(pictures())


def test_structural_error_is_one_minus_ssim_over_sizes() -> None:
    x = 60 * torch.randn(1, 3, 80, 64)
    y = x + 20 * torch.randn(1, 3, 80, 64)
    luma = [np.tensordot((0.299, 0.587, 0.114), t[0].numpy(), 1) + 128 for t in (x, y)]
    wanted = 0.0
    for weight in VISIBLE:
        a, b = luma
        scores = []
        for i in range(0, a.shape[0] - 4, 2):
            for j in range(0, a.shape[1] - 4, 2):
                u, v = a[i : i + 5, j : j + 5], b[i : i + 5, j : j + 5]
                cov = np.cov(u.ravel(), v.ravel(), bias=True)
                light = (2 * u.mean() * v.mean() + 6.5025) / (
                    u.mean() ** 2 + v.mean() ** 2 + 6.5025
                )
                scores.append(light * (2 * cov[0, 1] + 58.5225) / (np.trace(cov) + 58.5225))
        wanted += weight * (1 - np.mean(scores))
        luma = [t.reshape(len(t) // 2, 2, -1, 2).mean((1, 3)) for t in luma]
    assert sum(VISIBLE) == pytest.approx(1)
    assert float(mean_structural_error(y, x)) == pytest.approx(wanted, abs=1e-4)
    assert float(mean_structural_error(x, x)) == pytest.approx(0, abs=1e-5)


def test_seams_count_jumps_at_patch_borders_only() -> None:
    error = torch.zeros(1, 3, 32, 32)
    error[..., 8:] = 2.0
    assert float(seams(error, 8)) == pytest.approx(0.5 * 4 / 3)
    error = torch.zeros(1, 3, 32, 32)
    error[:, :, 4:] = 2.0
    assert float(seams(error, 8)) == 0


def test_grid_counts_what_patches_repeat() -> None:
    generator = torch.Generator().manual_seed(0)
    tile = torch.randn(1, 3, 8, 8, generator=generator)
    tile = tile - tile.mean((2, 3), keepdim=True)
    assert float(grid(tile.repeat(1, 1, 8, 8), 8)) == pytest.approx(float(tile.square().mean()))
    free = torch.randn(1, 3, 256, 256, generator=generator)
    assert float(grid(free, 8)) == pytest.approx(1 / 16, rel=0.1)
    assert float(grid(torch.full((1, 3, 64, 64), 5.0), 8)) == 0


def test_repetition_counts_over_what_the_decoder_knows_at_once(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x, y = 20 * torch.randn(2, 2, 3, 128, 128)
    cfg = replace(CFG, grid=1.0)
    for shapes, side in ((tiny_config(), 8), (tiny_renderer_config(), 16)):
        objective = Trainer(shapes, cfg, tmp_path).objective
        found, mse = objective.errors(y, x, None, cfg=cfg)
        assert torch.allclose(found - mse, grid(y - x, side), rtol=1e-3)


def test_training_the_decoder_alone_leaves_the_files(shards: Path, tmp_path: Path) -> None:
    first = trainer(shards, tmp_path / "first")
    first.initialise(blocks=300)
    first.run(5, report=lambda row: None, steps=3)
    cfg = replace(CFG, decoder_only=True, seam=0.3)
    other = trainer(shards, tmp_path / "second", cfg)
    other.start_from(tmp_path / "first" / "last")
    before = {k: v.clone() for k, v in other.model.state_dict().items()}
    other.run(5, report=lambda row: None, steps=3)
    start, *_ = (tmp_path / "second" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(start)["step"] == 0 and "cost300" in json.loads(start)
    for name, value in other.model.state_dict().items():
        if not name.startswith("tcae.decoder."):
            assert torch.equal(value, before[name]), name
    out = "tcae.decoder.out.weight"
    assert not torch.equal(other.model.state_dict()[out], before[out])


def test_training_the_rate_alone_leaves_the_transforms(shards: Path, tmp_path: Path) -> None:
    run = trainer(shards, tmp_path / "run", replace(CFG, rate_only=True, structure=0.5))
    run.initialise(blocks=300)
    before = {k: v.clone() for k, v in run.model.state_dict().items()}
    run.run(5, report=lambda row: None, steps=3)
    changed = {k for k, v in run.model.state_dict().items() if not torch.equal(v, before[k])}
    assert {k for k in changed if k.startswith("tcae.")} == {"tcae.log_step"}
    assert {"entropy.base", "entropy.ha.out.weight", "entropy.groups.0.fc1.weight"} <= changed


@pytest.mark.slow
def test_a_run_may_start_from_a_smaller_model(tmp_path: Path) -> None:
    small = replace(tiny_config(), blend=0, dec_blocks2=1)
    rng = np.random.default_rng(0)  # noise: something to see for the last group
    noisy = [np.clip(p + rng.normal(0, 12, p.shape), 0, 255).astype(np.uint8) for p in pictures()]
    crops = Crops(noisy, crop=128, device=torch.device("cpu"), seed=1)
    first = Trainer(small, CFG, tmp_path / "first")
    first.data = crops
    first.initialise(blocks=300)
    with torch.no_grad():  # every layer counts
        for p in first.model.parameters():
            p.add_(0.01 * torch.randn_like(p))
    first.average.restart()
    first.save("last")
    deeper = Trainer(tiny_config(), CFG, tmp_path / "second")
    deeper.start_from(tmp_path / "first" / "last")
    x, q = crops.batch(0, 1), torch.tensor([900.0])
    with torch.no_grad():
        y, bits, *_ = first.model.eval()(x, q)
        same, same_bits, *_ = deeper.model.eval()(x, q)
    assert torch.equal(y, same) and torch.equal(bits, same_bits)

    wider = Trainer(replace(small, groups=(16, 32, 64, 128, 64)), CFG, tmp_path / "third")
    wider.data = crops
    wider.start_from(tmp_path / "first" / "last")
    with torch.no_grad():
        more, more_bits, *_ = wider.model.eval()(x, q)
    assert torch.equal(more_bits[:, :4], bits[:, :4]) and more_bits[0, 4] > 0
    assert float((more - x).square().mean()) < float((y - x).square().mean())
    wider.save("last")
    with pytest.raises(TccodecError, match="not extend"):
        deeper.start_from(tmp_path / "third" / "last")


def test_compiling_needs_a_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(TccodecError, match=r"C\+\+ compiler"):
        Trainer(tiny_config(), replace(CFG, compile=True), tmp_path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, of its compiler
def test_validation_compiles_nothing(shards: Path, tmp_path: Path) -> None:
    """It has shapes of its own, and compiling for them would take minutes each time."""
    t = trainer(shards, tmp_path)
    t.initialise(blocks=300)
    t.compile()
    torch._dynamo.utils.counters.clear()
    t.validate()
    assert not torch._dynamo.utils.counters["stats"]


def test_realism_is_trained_exported_and_only_for_its_model(shards: Path, tmp_path: Path) -> None:
    first = trainer(shards, tmp_path / "first")
    first.initialise(blocks=300)
    first.run(5, report=lambda row: None, steps=3)
    export_run(tmp_path / "first", tmp_path / "model")
    cfg = replace(CFG, perceptual=300.0, grid=5.0, log_steps=1)
    (tmp_path / "second").mkdir()
    second = Trainer(tiny_config(), cfg, tmp_path / "second", backbones=little_vgg(tmp_path))
    second.load_data([shards])
    second.start_from(tmp_path / "first" / "last")
    before = {k: v.clone() for k, v in second.model.state_dict().items()}
    rows: list[dict] = []
    second.run(5, report=rows.append, steps=4)
    assert all(row["lpips"] > 0 for row in rows)
    moved = {k for k, v in second.model.state_dict().items() if not torch.equal(v, before[k])}
    assert moved and all(depends_on_realism(k.removeprefix("tcae.decoder.")) for k in moved)
    assert all(k.startswith("tcae.decoder.") for k in moved)
    assert "lpips300" in second.validate()

    export_realism(tmp_path / "second", tmp_path / "model")
    assert read_config(tmp_path / "model")["realism"]["steps"] == 4
    codec = NeuralCodec.load(tmp_path / "model", device="cpu", precision="fp32")
    out = load_run(tmp_path / "second")[0].tcae.decoder.out.weight
    assert torch.equal(codec.transforms.decoder(1.0).out.weight, out.half().float())
    assert not torch.equal(codec.transforms.decoder(0.0).out.weight, out.half().float())
    first.run(5, report=lambda row: None, steps=5)
    export_run(tmp_path / "first", tmp_path / "later")
    assert not (tmp_path / "later" / "realism.safetensors").exists()
    with pytest.raises(TccodecError, match="did not start from"):
        export_realism(tmp_path / "second", tmp_path / "later")
    export_run(tmp_path / "first", tmp_path / "model")  # other weights: another model's realism
    assert not (tmp_path / "model" / "realism.safetensors").exists()


@pytest.mark.parametrize(
    ("layers", "file", "values"),
    [
        (ALEX, "lpips_alexnet.safetensors", (0.46300, 0.67916)),
        pytest.param(VGG, "lpips_vgg16.safetensors", (0.65705, 0.77724), marks=needs_backbones),
    ],
)
def test_perceptual_distance_is_lpips(layers: Layers, file: str, values: tuple[float, ...]) -> None:
    network = LpipsNetwork(file, layers, needed_by="test", folder=None, dtype=torch.bfloat16)
    a, s, q = (
        torch.from_numpy(p(64)).permute(2, 0, 1)[None].float() - 128
        for p in (pattern_a, pattern_s, pattern_q)
    )
    assert float(lpips_loss(network, s, s)) == 0
    assert float(lpips_loss(network, s, q)) == pytest.approx(values[0], rel=0.02)
    assert float(lpips_loss(network, a, s)) == pytest.approx(values[1], rel=0.02)
    q.requires_grad_()
    lpips_loss(network, s, q).sum().backward()
    assert q.grad is not None and bool(q.grad.any())


def test_the_qualities_of_a_step_are_spread_evenly_and_fall() -> None:
    cfg = replace(CFG, batch=64, setting_low=100.0, setting_high=600.0, uniform_share=0.25)
    model = replace(tiny_config(), start=(0, 0, 0, 350))
    sampling = SettingSampler(model, cfg)
    assert sampling.share_from(0) == pytest.approx(1)
    assert sampling.share_from(350) == pytest.approx(0.25 * 0.65 + 0.75 * 0.5)
    assert sampling.counts == (64, 64, 64, math.ceil(64 * sampling.share_from(350)))
    for seed in range(20):
        q = sampling.draw(np.random.default_rng(seed)).numpy()
        assert (np.diff(q) <= 0).all() and q[-1] >= 0 and q[0] <= 1000
        for edge in (150, 350, 500):
            assert abs(np.mean(q >= edge) - sampling.share_from(edge)) <= 1 / 64
    assert SettingSampler(tiny_config(), cfg).counts is None


def test_a_step_without_finite_gradients_changes_nothing_and_is_counted() -> None:
    for muon in (0.0, 1e-3):
        model = torch.nn.Sequential(torch.nn.Linear(40, 40), torch.nn.Linear(40, 2))
        optimisers = Optimisers(model, replace(CFG, lr_muon=muon))
        assert sorted(optimisers.named()) == (["adam", "muon"] if muon else ["adam"])
        before = {k: v.clone() for k, v in model.state_dict().items()}
        for factor, moves in ((math.nan, False), (1.0, True)):
            (model(torch.ones(1, 40)).sum() * factor).backward()
            optimisers.set_rates(1.0)
            optimisers.step()
            assert int(optimisers.skipped) == 1
            same = [torch.equal(v, before[k]) for k, v in model.state_dict().items()]
            assert not any(same) if moves else all(same)


def test_the_last_pictures_of_each_source_are_held_out(tmp_path: Path) -> None:
    for source, count in (("a", 12), ("b", 5)):
        (tmp_path / source).mkdir()
        for i in range(count):
            value = 10 * i + (source == "b")
            Image.new("L", (130, 130), value).save(tmp_path / source / f"{i:02d}.png")
    seen, unseen = load_held_out([tmp_path / "a", tmp_path / "b"], 128, 2)
    assert [int(p[0, 0, 0]) for p in unseen] == [100, 110, 41]  # a fifth of few
    assert len(seen) == 14
