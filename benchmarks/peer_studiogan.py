"""StudioGAN's DCGAN on a processor: its training steps, called by this file in place of its main.py and loader.py, which need CUDA.

    cd CHECKOUT/src && python .../benchmarks/peer_studiogan.py --data FOLDER --out FOLDER --steps 24 --points 6 24 --seed 0

``benchmarks.peers`` runs it. StudioGAN's own: the configuration ``configs/CIFAR10/DCGAN.yaml`` and all defaults, data set, networks
and their initialisation, optimisers, ``WORKER.train_discriminator`` and ``train_generator``, sampling and rounding of its pictures.
Ours: the order of these calls, two loading processes instead of eight, no logs to Weights & Biases, and no evaluation.
Stand-ins replace packages that it imports for logs, charts and unused augmentations, where they are not installed.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import sys
import time
import types
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import yaml
from packaging import version
from torch.utils.data import DataLoader

FIRST = 10  # steps that do not count for the speed, as in benchmarks.steps
#: What main.py sets by default, as far as the training reads it.
DEFAULTS: dict[str, Any] = {
    "distributed_data_parallel": False,
    "synchronized_bn": False,
    "mixed_precision": False,
    "truncation_factor": -1.0,
    "truncation_cutoff": None,
    "batch_statistics": False,
    "standing_statistics": False,
    "freezeD": -1,
    "langevin_sampling": False,
    "empty_cache": False,
    "train": True,
}
_UNUSED = (
    *("wandb", "seaborn", "matplotlib", "matplotlib.pyplot", "kornia", "kornia.filters"),
    *("timm", "timm.models", "timm.models.layers"),
)


def stand_in() -> None:
    """Put stand-ins for missing packages that StudioGAN imports and does not use here."""
    missing = [name for name in _UNUSED if importlib.util.find_spec(name.partition(".")[0]) is None]
    sys.modules.update({name: mock.MagicMock() for name in missing})
    if importlib.util.find_spec("pkg_resources") is None:  # gone from recent setuptools; only its parser of versions is used
        sys.modules["pkg_resources"] = types.ModuleType("pkg_resources")
        sys.modules["pkg_resources"].parse_version = version.parse  # type: ignore[attr-defined]


def configure(out: Path, seed: int) -> Any:
    """Return StudioGAN's configuration of its DCGAN, for pictures in folders; its name for CIFAR-10 would start a download."""
    settings = yaml.safe_load(Path("configs/CIFAR10/DCGAN.yaml").read_text(encoding="utf-8"))
    settings["DATA"]["name"] = "CIFAR10_in_folders"
    file = out / "DCGAN.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    configuration = importlib.import_module("config").Configurations(str(file))
    configuration.update_cfgs({**DEFAULTS, "save_dir": str(out), "seed": seed}, super="RUN")
    optimisation = configuration.OPTIMIZATION
    optimisation.world_size = 1
    optimisation.basket_size = optimisation.batch_size * optimisation.acml_steps * optimisation.d_updates_per_step
    return configuration


def make_worker(configuration: Any, data: Path) -> Any:
    """Return StudioGAN's worker with networks and data, as its loader.py makes it."""
    data_set = importlib.import_module("data_util").Dataset_(
        data_name=configuration.DATA.name,
        data_dir=str(data),
        train=True,
        random_flip=configuration.PRE.apply_rflip,
        resizer="wo_resize",
    )
    images = DataLoader(
        data_set,
        batch_size=configuration.OPTIMIZATION.basket_size,
        shuffle=True,
        num_workers=2,
        drop_last=True,
        persistent_workers=True,
    )
    generator, _, _, discriminator, *_ = importlib.import_module("models.model").load_generator_discriminator(
        DATA=configuration.DATA,
        OPTIMIZATION=configuration.OPTIMIZATION,
        MODEL=configuration.MODEL,
        STYLEGAN=configuration.STYLEGAN,
        MODULES=configuration.MODULES,
        RUN=configuration.RUN,
        device="cpu",
        logger=None,
    )
    configuration.define_optimizer(generator, discriminator)
    nothing = (
        "ema Gen_mapping Gen_synthesis Gen_ema Gen_ema_mapping Gen_ema_synthesis eval_model eval_dataloader mu sigma real_feats "
        "logger best_fid best_ckpt_path lecam_emas num_eval loss_list_dict metric_dict_during_train"
    )
    # Only the process of rank 0 writes logs.
    worker = importlib.import_module("worker").WORKER(
        cfgs=configuration, run_name="DCGAN", Gen=generator, Dis=discriminator, train_dataloader=images, global_rank=1,
        local_rank="cpu", aa_p=configuration.AUG.ada_initial_augment_p, best_step=0, **dict.fromkeys(nothing.split()),
    )  # fmt: skip
    worker.prepare_train_iter(epoch_counter=0)
    return worker


@torch.no_grad()
def draw(worker: Any, count: int, seed: int) -> np.ndarray:
    """Return pictures uint8 [count, 3, 32, 32] as StudioGAN draws and rounds them for its scores."""
    misc, sample = importlib.import_module("utils.misc"), importlib.import_module("utils.sample")
    misc.make_GAN_untrainable(worker.Gen, worker.Gen_ema, worker.Dis)
    generator, *_ = worker.gen_ctlr.prepare_generator()
    found: list[np.ndarray] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        while sum(map(len, found)) < count:
            images, *_ = sample.generate_images(
                z_prior=worker.MODEL.z_prior, truncation_factor=-1.0, batch_size=worker.OPTIMIZATION.batch_size,
                z_dim=worker.MODEL.z_dim, num_classes=worker.DATA.num_classes, y_sampler="totally_random", radius="N/A",
                generator=generator, discriminator=worker.Dis, is_train=False, LOSS=worker.LOSS, RUN=worker.RUN,
                MODEL=worker.MODEL, device="cpu", is_stylegan=False, generator_mapping=None, generator_synthesis=None,
                style_mixing_p=0.0, stylegan_update_emas=False, cal_trsp_cost=False,
            )  # fmt: skip
            found.append(importlib.import_module("utils.ops").quantize_images(images))
    misc.make_GAN_trainable(worker.Gen, worker.Gen_ema, worker.Dis)
    return np.concatenate(found)[:count]


def main() -> None:
    """Train, write pictures at some steps, and print the speed as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, kind in (("data", Path), ("out", Path), ("steps", int), ("seed", int), ("pictures", int), ("threads", int)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    parser.add_argument("--points", type=int, nargs="+", required=True, help="steps at which pictures are drawn")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    sys.path.insert(0, str(Path.cwd()))
    stand_in()
    configuration = configure(options.out, options.seed)
    importlib.import_module("utils.misc").fix_seed(options.seed)
    worker = make_worker(configuration, options.data)
    seconds, counted = 0.0, 0
    for step in range(1, options.steps + 1):
        began = time.perf_counter()
        worker.train_discriminator(current_step=step - 1)
        worker.train_generator(current_step=step - 1)
        if step > FIRST:
            seconds, counted = seconds + time.perf_counter() - began, counted + 1
        if step in options.points:
            np.save(options.out / f"{step}.npy", draw(worker, options.pictures, options.seed))
    per_step = configuration.OPTIMIZATION.basket_size
    sizes = {name: sum(one.numel() for one in player.parameters()) for name, player in (("G", worker.Gen), ("D", worker.Dis))}
    print(json.dumps({"images_per_second": per_step * counted / seconds if counted else None, "parameters": sizes}))


if __name__ == "__main__":
    main()
