"""What the figures and pictures of StudioGAN and pytorch/examples silently do differently, on real pictures.

    python -m benchmarks.peer_metrics --studiogan PATH --examples PATH [--pictures 200]

The paths are checkouts; either may be left out. Their modules and scripts run as they are. Features come from our networks, since
the published Inception weights need a download. MNIST and ``cifar10-train.zip`` must be in ``GAN_TEST_DATA``.
"""

from __future__ import annotations

import argparse
import importlib
import io
import math
import os
import sys
import tempfile
import types
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x
from torchvision.transforms import ToTensor
from torchvision.utils import save_image

from benchmarks import peer_trainings, peers
from benchmarks.peer_studiogan import stand_in
from gan.config.data import DataConfig
from gan.networks import foreign
from gan.scoring.extractors import efficientnet
from gan.scoring.metrics.fid import fid
from gan.scoring.metrics.inception_score import inception_score
from gan.storage.jobs import say_nothing

SIDE = 299  # pixels of Inception's input


def photographs(count: int) -> Tensor:
    """Return random CIFAR-10 pictures, uint8 [count, 3, 32, 32]."""
    with zipfile.ZipFile(peers.DATA / "cifar10-train.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        chosen = np.random.default_rng(0).choice(len(names), count, replace=False)
        pixels = [np.asarray(Image.open(io.BytesIO(archive.read(names[place]))).convert("RGB")) for place in chosen]
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)


def compare_resizing(pictures: Tensor) -> None:
    """Print how StudioGAN's three ways to 299 pixels differ from TensorFlow's, and "clean" from clean-fid's, which clips."""
    ops, resize = importlib.import_module("utils.ops"), importlib.import_module("utils.resize")
    body: Any = efficientnet.load(peers.CPU, say_nothing).network.body

    def features(images: Tensor) -> Tensor:
        """Return features of images in grey levels."""
        with torch.inference_mode():
            return torch.cat([body(part / 127.5 - 1).mean(dim=(2, 3)) for part in images.split(20)])

    original = interpolate_bilinear_2d_like_tensorflow1x(pictures.float(), size=(SIDE, SIDE), align_corners=False)
    known = features(original)
    half = torch.tensor(0.5).view(1, 1, 1, 1)
    for way in ("legacy", "clean", "friendly"):
        resizer = resize.build_resizer(way, "InceptionV3_tf", SIDE)
        found = (ops.resize_images(pictures.numpy(), resizer, ToTensor(), half, half, "cpu") + 1) * 127.5
        gap = (found - original).abs().mean().item()
        outside = ((found < 0) | (found > 255)).float().mean().item()
        found_features = features(found)
        clipped = fid(features(found.clamp(0, 255)), found_features) if outside else 0.0
        print(
            f"{way}: {gap:.2f} grey levels from TensorFlow's resizing, FID of the same pictures {fid(known, found_features):.2f}; "
            f"{100 * outside:.1f} % of the values outside 0 to 255 ({found.min():.0f} to {found.max():.0f}), "
            f"FID to the clipped ones {clipped:.2f}"
        )


def compare_scores(pictures: Tensor) -> None:
    """Print IS in one part and in ten, FID, and precision and the like of a set with every sample six times."""
    ins, prdc, fids = (importlib.import_module(f"metrics.{name}") for name in ("ins", "prdc", "fid"))
    seen = efficientnet.load(peers.CPU, say_nothing)
    found = seen.extract(pictures.split(seen.batch))
    theirs = float(ins.calculate_kl_div(found.logits.softmax(dim=1), splits=1)[0])
    print(f"IS of {len(pictures)} pictures: StudioGAN {theirs:.3f}, here {inception_score(found.logits)[0]:.3f}")
    sure = torch.eye(10).repeat(100, 1) * 110
    theirs = float(ins.calculate_kl_div(sure.softmax(dim=1), splits=1)[0])
    print(f"IS of logits that are 110 apart, 10 classes: StudioGAN {theirs:.3f}, here {inception_score(sure, splits=1)[0]:.3f}")
    few = found.features[:, :64]
    halves = few[::2], few[1::2]
    try:
        both = [(half.numpy().mean(axis=0), np.cov(half.numpy(), rowvar=False)) for half in halves]
        print(f"FID: StudioGAN {fids.frechet_inception_distance(*both[0], *both[1]):.6f}, here {fid(*halves):.6f}")
    except (TypeError, ValueError, AttributeError) as error:
        print(f"FID of StudioGAN: {type(error).__name__}: {error}; here {fid(*halves):.6f}")
    repeated = np.repeat(found.features[:100].numpy(), 6, axis=0)
    print("Every sample six times, against itself:", prdc.compute_prdc(repeated, repeated.copy(), nearest_k=5))


def compare_reading() -> None:
    """Print what StudioGAN's data set makes of a 16-bit ramp, and of a red square on transparent pixels that are red too."""
    ramp = np.linspace(0, 1, 32 * 32).reshape(32, 32)
    square = np.zeros((32, 32, 4), np.uint8)
    square[..., 0] = 255
    square[8:24, 8:24, 3] = 255
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "train" / "one"
        folder.mkdir(parents=True)
        Image.fromarray((ramp * 65535).round().astype(np.uint16)).save(folder / "a.png")
        Image.fromarray(square).save(folder / "b.png")
        read = importlib.import_module("data_util").Dataset_("own", name, train=True, normalize=False)
        wide, red = read[0][0].float(), read[1][0]
    print(f"16-bit ramp: mean {wide.mean():.1f}, {100 * (wide == 255).float().mean():.1f} % white")
    print(f"transparent ground: {'all red' if bool((red[0] == 255).all() and (red[1:] == 0).all()) else 'laid on another colour'}")


def compare_moments(pictures: Tensor) -> None:
    """Print whether moments of other real pictures are taken if the data set has the same name."""
    preparation = importlib.import_module("metrics.preparation")
    with tempfile.TemporaryDirectory() as name:
        run = types.SimpleNamespace(
            save_dir=name, pre_resizer="wo_resize", ref_dataset="train", post_resizer="legacy", eval_backbone="InceptionV3_tf"
        )
        settings = types.SimpleNamespace(RUN=run, DATA=types.SimpleNamespace(name="own", img_size=32))
        kept = Path(name) / "moments" / "own_32_wo_resize_train_legacy_InceptionV3_tf_moments.npz"
        kept.parent.mkdir()
        np.savez(kept, mu=np.full(2, 7.0), sigma=np.eye(2))
        network = types.SimpleNamespace(eval=lambda: None)
        loader: Any = [(pictures, torch.zeros(len(pictures)))]
        mu, _ = preparation.prepare_moments(loader, network, quantize=True, cfgs=settings, logger=None, device="cpu")
    print(f"moments of other pictures under the same name: {'taken' if mu.tolist() == [7.0, 7.0] else 'made again'}")


def compare_sheets(checkout: Path, work: Path, digits: int, width: int) -> None:
    """Train pytorch/examples for two passes over some digits; print how its sheets differ from pictures of its saved generator."""
    peers.bring_digits(work)
    contest = peers.Contest("MNIST", DataConfig(name="mnist", size=64), peer_trainings.Length(20, 64), 10_000, {})
    judge = peers.judge_of(contest, 500, work)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peer_trainings.write_digits(folder / "peer", digits)
        settings = ["--ngf", str(width), "--ndf", str(width), "--manualSeed", "0", "--niter", "2"]
        command = [sys.executable, "main.py", "--dataset", "mnist", "--dataroot", str(folder / "peer"), "--outf", name, *settings]
        peer_trainings.run(command, checkout / "dcgan", 1)
        z = torch.randn(512, 100, generator=torch.Generator().manual_seed(0))
        for epoch in (0, 1):
            generator = foreign.read(folder / f"netG_epoch_{epoch}.pth")
            found: dict[str, Tensor] = {}
            with torch.inference_mode():
                found["saved generator"] = torch.cat([generator.network(part) for part in z.split(64)])
                generator.network.train()
                found["batch statistics"] = torch.cat([generator.network(part) for part in z.split(64)])
            for way, images in found.items():
                pixels = ((images + 1) * 127.5).round().clamp(0, 255).byte()
                low, high = int(pixels[:64].min()), int(pixels[:64].max())
                print(f"{(epoch + 1) * digits:,} images seen, {way}: FID {judge.fid(pixels[:500]):.1f}, values {low} to {high}")
            save_image(found["batch statistics"][:64], folder / "sheet.png", normalize=True)  # as main.py does
            sheet = np.asarray(Image.open(folder / "sheet.png"))
            inside = sheet[2:66, 2:66]
            print(f"    in its sheet: values {sheet.min()} to {sheet.max()}, first picture {inside.min()} to {inside.max()}")


def main() -> None:
    """Print all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studiogan", type=Path)
    parser.add_argument("--examples", type=Path)
    for name, default in (("pictures", 200), ("digits", 3200), ("width", 32)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--work", type=Path, default=peers.WORK, help="folder of data, as of benchmarks.peers")
    options = parser.parse_args()
    os.environ["GAN_DATA"] = str(options.work.resolve() / "data")
    if options.studiogan:
        print(f"StudioGAN {peers.commit(options.studiogan)}")
        sys.path.insert(0, str(options.studiogan.resolve() / "src"))
        stand_in()
        pictures = photographs(max(options.pictures, 1000))
        compare_reading()
        compare_moments(pictures[:8])
        compare_scores(pictures)
        compare_resizing(pictures[: options.pictures])
    if options.examples:
        print(f"pytorch/examples {peers.commit(options.examples)}")
        compare_sheets(options.examples.resolve(), options.work.resolve(), math.ceil(options.digits / 64) * 64, options.width)


if __name__ == "__main__":
    main()
