"""Named configurations that anyone can launch from the dashboard or the command line."""

from __future__ import annotations

from dataclasses import dataclass

from gan import config as configs
from gan.config import RunConfig
from gan.errors import InputError, nearest, shown


@dataclass(frozen=True)
class Preset:
    """A configuration with a name, a title, and a sentence on what to look for."""

    name: str
    title: str
    description: str
    config: RunConfig


def _preset(name: str, title: str, description: str, **settings: object) -> Preset:
    changes = {key.replace("__", "."): value for key, value in settings.items()}
    return Preset(name, title, description, configs.replace(RunConfig(preset=name), changes))


DEFAULT = "digits-dcgan"

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        _preset(
            "digits-dcgan", "Digits, DCGAN",
            "A small convolutional GAN on the built-in digits: recognisable after some 15 seconds on a laptop. Watch D(fake) "
            "settle well below ½ while the pictures still get better.",
            networks__width=32, optimizer__batch_size=64, optimizer__generator_lr=4e-4, optimizer__discriminator_lr=1e-4,
            training__length="100 epochs",
            cadence__sample_every="2 epochs",
        ),
        _preset(
            "digits-mlp", "Digits, MLP",
            "Fully connected networks on the same digits: quicker steps, noisier pictures. Compare its FID with the DCGAN's.",
            networks__family="mlp", training__length="200 epochs", cadence__sample_every="5 epochs",
            cadence__checkpoint_every="20 epochs", cadence__log_every="20 steps",
        ),
        _preset(
            "ring-mlp", "Ring of 8, MLP",
            "Points instead of images: eight places on a circle. Watch the orange points: a generator that collapses sits on a "
            "few of the places, or jumps from one to the next.",
            data__name="ring", networks__family="mlp", networks__latent=2, networks__hidden=128, optimizer__batch_size=256,
            optimizer__generator_lr=1e-3, optimizer__discriminator_lr=1e-3, training__length="100 epochs",
            training__precision="fp32", cadence__log_every="20 steps", cadence__sample_every="5 epochs",
        ),
        _preset(
            "shapes-dcgan", "Shapes, DCGAN",
            "64 combinations of shape, colour, size and background, drawn equally often: count which the generator leaves out.",
            data__name="shapes", networks__width=32, optimizer__generator_lr=4e-4, optimizer__discriminator_lr=1e-4,
            training__length="30 epochs", cadence__sample_every="1 epoch", cadence__checkpoint_every="5 epochs",
        ),
        _preset(
            "bedrooms-small", "Bedrooms, 1,000 images",
            "The bedroom report in small: a DCGAN on 1,000 rendered rooms. Few images tempt the discriminator to learn them by "
            "heart; look whether the rooms become dark or all alike, then try more images or flips.",
            data__name="bedrooms", data__size=64, data__subset=1000, networks__width=32, networks__depth=4,
            optimizer__batch_size=100, training__length="100 epochs", cadence__sample_every="5 epochs",
            cadence__checkpoint_every="10 epochs",
        ),
        _preset(
            "mnist-dcgan", "MNIST, DCGAN",
            "The same architecture on 60,000 digits: more variety to cover, so look for missing digits.",
            data__name="mnist", networks__width=32, optimizer__batch_size=128, training__length="10 epochs",
            cadence__sample_every="100 steps", cadence__checkpoint_every="1 epoch", cadence__log_every="20 steps",
        ),
        _preset(
            "mlp-table", "MLP table, baseline",
            "The baseline row of the MLP report on MNIST (latent 64, hidden 256, batch 100, Adam 2e-4, 200 epochs): change one "
            "setting at a time and compare FID.",
            data__name="mnist", networks__family="mlp", networks__latent=64, networks__hidden=256,
            optimizer__batch_size=100, optimizer__beta1=0.9, optimizer__ema_half_life=0, training__length="200 epochs",
            cadence__log_every="100 steps", cadence__sample_every="10 epochs", cadence__checkpoint_every="10 epochs",
        ),
    )
}  # fmt: skip


def find(name: str) -> Preset:
    """Return the preset called ``name``. Raises InputError, naming what there is, when there is none."""
    if name not in PRESETS:
        raise InputError(f"There is no preset “{shown(name)}”; " + nearest(name, PRESETS))
    return PRESETS[name]
