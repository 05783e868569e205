"""Train the Keras DCGAN in Keras itself, and compare each step with ours: python -m benchmarks.keras_steps [--write FILE]

Both begin with the same weights and see the same batches, drawn by NumPy from a seed, in float32 and without dropout, whose masks
cannot be shared. Needs Keras, which the program does not: pip install keras==3.15.1 (with KERAS_BACKEND=torch, no other backend is
needed). The order of updates is either that of the tutorials (``simultaneous``: one step of both from the same forward passes) or
that of Goodfellow et al. 2014 (``alternating``). ``--write`` stores Keras' numbers for tests/networks/test_keras.py.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gan import config as configs
from gan.config import RunConfig
from gan.training import assembly
from gan.training.game import Game, Turn

WIDTH, LATENT, SIZE, BATCH, STEPS = 4, 8, 16, 16, 50
RATE = 1e-3  # ten times the tutorial's, so that 50 steps change much
ORDERS = ("simultaneous", "alternating")

Weights = list[np.ndarray[Any, Any]]


def weights(seed: int = 0) -> tuple[Weights, Weights]:
    """Return the kernels of generator and discriminator in Keras' order and layout; all else begins with 0 or 1."""
    chance, start = np.random.RandomState(seed), SIZE // 4
    makers = [(LATENT, start * start * 4 * WIDTH), (5, 5, 2 * WIDTH, 4 * WIDTH), (5, 5, WIDTH, 2 * WIDTH), (5, 5, 1, WIDTH)]
    judges = [(5, 5, 1, WIDTH), (5, 5, WIDTH, 2 * WIDTH), (start * start * 2 * WIDTH, 1)]

    def draw(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        fans = (shape[-1] + shape[-2]) * int(np.prod(shape[:-2]))
        return chance.uniform(-1, 1, shape).astype(np.float32) * np.float32(np.sqrt(6 / fans))

    return [draw(shape) for shape in makers], [draw(shape) for shape in judges]


def batch(step: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return real images [N, S, S, 1] from −1 to 1, each a bright square on noise, and latent vectors [N, latent]."""
    chance = np.random.RandomState(1000 + step)
    images = chance.uniform(-1, -0.8, (BATCH, SIZE, SIZE, 1))
    for image, (top, left) in zip(images, chance.randint(0, SIZE - 6, (BATCH, 2)), strict=True):
        image[top : top + 6, left : left + 6] = 0.9
    return images.astype(np.float32), chance.randn(BATCH, LATENT).astype(np.float32)


def in_keras(order: str) -> dict[str, Any]:
    """Return losses [steps, 2] of discriminator and generator, and what the trained generator draws, as Keras computes them."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    layers, start = keras.layers, SIZE // 4
    generator = keras.Sequential(
        [
            keras.Input((LATENT,)),
            layers.Dense(start * start * 4 * WIDTH, use_bias=False),
            *(layers.BatchNormalization(), layers.LeakyReLU()),
            layers.Reshape((start, start, 4 * WIDTH)),
            layers.Conv2DTranspose(2 * WIDTH, 5, strides=1, padding="same", use_bias=False),
            *(layers.BatchNormalization(), layers.LeakyReLU()),
            layers.Conv2DTranspose(WIDTH, 5, strides=2, padding="same", use_bias=False),
            *(layers.BatchNormalization(), layers.LeakyReLU()),
            layers.Conv2DTranspose(1, 5, strides=2, padding="same", use_bias=False, activation="tanh"),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            *(layers.Conv2D(WIDTH, 5, strides=2, padding="same"), layers.LeakyReLU(), layers.Dropout(0.0)),
            *(layers.Conv2D(2 * WIDTH, 5, strides=2, padding="same"), layers.LeakyReLU(), layers.Dropout(0.0)),
            *(layers.Flatten(), layers.Dense(1)),
        ]
    )
    for network, start_values in zip((generator, discriminator), weights(), strict=True):
        kernels = [weight for weight in network.trainable_weights if weight.name == "kernel"]
        for weight, value in zip(kernels, start_values, strict=True):
            weight.assign(value)
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    optimizers = [keras.optimizers.Adam(RATE), keras.optimizers.Adam(RATE)]

    def gradients(network: Any, loss: Any) -> list[Any]:
        return list(torch.autograd.grad(loss, [weight.value for weight in network.trainable_weights], retain_graph=True))

    def apply(network: Any, optimizer: Any, found: list[Any]) -> None:
        with torch.no_grad():
            optimizer.apply(found, network.trainable_weights)

    losses = []
    for step in range(STEPS):
        reals, z = batch(step)
        fakes = generator(z, training=True)
        real, fake = discriminator(reals, training=True), discriminator(fakes, training=True)
        ones, zeros = keras.ops.ones_like(real), keras.ops.zeros_like(fake)
        judged, made = entropy(ones, real) + entropy(zeros, fake), entropy(ones, fake)
        found = gradients(discriminator, judged)
        if order == "simultaneous":
            answer = gradients(generator, made)
            apply(discriminator, optimizers[1], found)
        else:
            apply(discriminator, optimizers[1], found)
            made = entropy(ones, discriminator(fakes, training=True))
            answer = gradients(generator, made)
        apply(generator, optimizers[0], answer)
        losses.append([float(judged.detach()), float(made.detach())])
    drawn = keras.ops.convert_to_numpy(generator(batch(STEPS)[1][:1], training=False))
    return {"losses": np.round(losses, 6).tolist(), "drawn": np.round(drawn[0, :, :, 0], 5).tolist()}


def in_torch(order: str) -> tuple[dict[str, Any], Game]:
    """Return the same of our networks and our game."""
    game = assembly.build_game(_config(order), torch.device("cpu"), "fp32")
    for player, values in zip((game.generator, game.discriminator), weights(), strict=True):
        kernels = [weight for name, weight in player.named_parameters() if weight.ndim > 1]
        with torch.no_grad():
            for weight, value in zip(kernels, values, strict=True):
                weight.copy_(_from_keras(value))
    losses = []
    for step in range(STEPS):
        reals, z = batch(step)
        outcome = game.step([Turn(torch.from_numpy(reals).permute(0, 3, 1, 2), torch.from_numpy(z))])
        losses.append([float(outcome.discriminator_loss), float(outcome.generator_loss)])
    with torch.inference_mode():
        drawn = game.generator.eval()(torch.from_numpy(batch(STEPS)[1][:1]))
    return {"losses": losses, "drawn": drawn[0, 0].tolist()}, game


def _config(order: str) -> RunConfig:
    settings = {
        "data.size": SIZE, "networks.family": "keras-dcgan", "networks.width": WIDTH, "networks.latent": LATENT,
        "networks.discriminator_dropout": 0, "optimizer.algorithm": "keras-adam", "optimizer.updates": order,
        "optimizer.batch_size": BATCH, "optimizer.beta1": 0.9, "optimizer.generator_lr": RATE, "optimizer.discriminator_lr": RATE,
        "optimizer.ema_half_life": 0, "training.precision": "fp32",
    }  # fmt: skip
    return configs.replace(RunConfig(), settings)


def _from_keras(value: np.ndarray[Any, Any]) -> torch.Tensor:
    """Return a kernel in torch's layout; Keras flattens maps with the channel last, we with the channel first."""
    side = SIZE // 4
    if value.ndim == 4:  # [h, w, C, O], or [h, w, O, C] if transposed
        value = value.transpose(3, 2, 0, 1)
    elif value.shape[1] == 1:
        value = value.reshape(side, side, -1).transpose(2, 0, 1).reshape(1, -1)
    else:
        value = value.reshape(len(value), side, side, -1).transpose(3, 1, 2, 0).reshape(-1, len(value))
    return torch.from_numpy(np.ascontiguousarray(value))


def apart(one: dict[str, Any], other: dict[str, Any]) -> dict[str, float]:
    """Return the largest differences of losses and drawn pixels."""
    return {key: float(np.abs(np.subtract(one[key], other[key])).max()) for key in one}


def main() -> None:
    """Compare, print the largest differences, and store Keras' numbers if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", metavar="FILE", type=Path, help="store the losses and a picture of Keras as JSON")
    arguments = parser.parse_args()
    try:
        found = {order: in_keras(order) for order in ORDERS}
    except ModuleNotFoundError:
        raise SystemExit("Keras is not installed; pip install keras==3.15.1") from None
    for order, theirs in found.items():
        ours, _ = in_torch(order)
        print(f"{order}: largest differences after {STEPS} steps: {apart(theirs, ours)}")
    if arguments.write:
        import keras

        arguments.write.write_text(json.dumps({"keras": keras.__version__, **found}))


if __name__ == "__main__":
    main()
