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
            optimizer__batch_size=100, optimizer__beta1=0.9, optimizer__ema_decay=0.0, training__length="200 epochs",
            cadence__log_every="100 steps", cadence__sample_every="10 epochs", cadence__checkpoint_every="10 epochs",
        ),
    )
}  # fmt: skip


def find(name: str) -> Preset:
    """Return the preset called ``name``. Raises InputError, naming what there is, when there is none."""
    if name not in PRESETS:
        raise InputError(f"There is no preset “{shown(name)}”; " + nearest(name, PRESETS))
    return PRESETS[name]
