"""Named configurations for the dashboard and the command line."""

from __future__ import annotations

from dataclasses import dataclass

from gan.config import whole as configs
from gan.config.whole import RunConfig
from gan.errors import InputError, nearest, shown


@dataclass(frozen=True)
class Preset:
    """A configuration with a name, a title, and a description of what to look for."""

    name: str
    title: str
    description: str
    config: RunConfig


def _preset(name: str, title: str, description: str, **settings: object) -> Preset:
    changes = {key.replace("__", "."): value for key, value in settings.items()}
    # No check of the disk: some presets need a data set that users provide themselves. The launch checks for it.
    return Preset(name, title, description, configs.replace(RunConfig(preset=name), changes))


DEFAULT = "digits-dcgan"
CLASS = "digits-class"  # for the first training of everyone in a class

_MLP_TABLE = {
    "networks__family": "mlp", "networks__latent": 64, "networks__hidden": 256, "optimizer__batch_size": 100,
    "optimizer__beta1": 0.9, "optimizer__ema_half_life": 0, "training__length": "200 epochs",
}  # fmt: skip
_KERAS = {
    "networks__family": "keras-dcgan", "optimizer__generator_lr": 1e-4, "optimizer__discriminator_lr": 1e-4,
    "optimizer__beta1": 0.9, "optimizer__algorithm": "keras-adam", "optimizer__updates": "simultaneous",
    "optimizer__ema_half_life": 0,
}  # fmt: skip

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        _preset(
            "digits-dcgan", "Digits, DCGAN",
            "A small convolutional GAN on the built-in digits; recognisable after about 15 seconds on a laptop. D(fake) settles "
            "well below ½ while the images keep improving.",
            networks__width=32, optimizer__batch_size=64, optimizer__generator_lr=4e-4, optimizer__discriminator_lr=1e-4,
            training__length="100 epochs", cadence__sample_every="2 epochs",
        ),
        _preset(
            "digits-class", "Digits for a class, small DCGAN",
            "Half the width and half the batch of “Digits, DCGAN”: digits within a minute on one busy core, so that everyone in a "
            "class gets a turn.",
            networks__width=16, optimizer__batch_size=32, optimizer__generator_lr=4e-4, optimizer__discriminator_lr=2e-4,
            training__length="30 epochs", cadence__sample_every="1 epoch", cadence__checkpoint_every="10 epochs",
            cadence__log_every="14 steps",
        ),
        _preset(
            "digits-mlp", "Digits, MLP",
            "Fully connected networks on the same digits: faster steps, noisier images. Compare the FID with the DCGAN's.",
            networks__family="mlp", training__length="200 epochs", cadence__sample_every="5 epochs",
            cadence__checkpoint_every="20 epochs", cadence__log_every="20 steps", cadence__score_every="10 epochs",
        ),
        _preset(
            "digits-conditional", "Digits on demand, conditional DCGAN",
            "Both networks receive the digit as input, so each column of the samples shows one digit. Ask for a 7 during training, "
            "and see which digit is learnt last.",
            networks__width=32, networks__conditional=True, optimizer__generator_lr=2e-4, optimizer__discriminator_lr=8e-4,
            training__length="60 epochs", cadence__sample_every="2 epochs",
        ),
        _preset(
            "ring-mlp", "Ring of 8, MLP",
            "Points instead of images: eight clusters on a circle. Watch the orange points: a collapsed generator covers only a "
            "few clusters, or jumps from one to the next.",
            data__name="ring", networks__family="mlp", networks__latent=2, networks__hidden=128, optimizer__batch_size=256,
            optimizer__generator_lr=1e-3, optimizer__discriminator_lr=1e-3, training__length="100 epochs",
            training__precision="fp32", cadence__log_every="20 steps", cadence__sample_every="5 epochs",
            cadence__score_every="5 epochs",
        ),
        _preset(
            "ring-relativistic", "Ring of 8, relativistic with R1 and R2",
            "The same networks with R3GAN's objective: the points spread over all eight clusters and stay there. Compare with the "
            "“Ring of 8, MLP” preset.",
            data__name="ring", networks__family="mlp", networks__latent=2, networks__hidden=128, optimizer__batch_size=256,
            objective__loss="relativistic", objective__r1=0.1, objective__r2=0.1,
            optimizer__generator_lr=1e-3, optimizer__discriminator_lr=1e-3, training__length="100 epochs",
            training__precision="fp32", cadence__log_every="20 steps", cadence__sample_every="5 epochs",
            cadence__score_every="5 epochs",
        ),
        _preset(
            "shapes-dcgan", "Shapes, DCGAN",
            "64 combinations of shape, colour, size and background, all equally frequent. See which ones the generator misses.",
            data__name="shapes", networks__width=32, optimizer__generator_lr=4e-4, optimizer__discriminator_lr=1e-4,
            training__length="30 epochs", cadence__sample_every="1 epoch", cadence__checkpoint_every="5 epochs",
            cadence__score_every="1 epoch",
        ),
        _preset(
            "mlp-table-quick", "MLP table · quick, on digits",
            "A small version of the MLP report: change one setting at a time (hidden 512, batch norm, latent 128, 256 or 512) and "
            "compare the FID. Check whether the difference is larger than between two seeds.",
            **_MLP_TABLE, cadence__log_every="20 steps", cadence__sample_every="10 epochs", cadence__score_every="10 epochs",
            cadence__checkpoint_every="20 epochs",
        ),
        _preset(
            "dcgan-cifar-quick", "DCGAN report · quick, on shapes",
            "A DCGAN with an extra convolution at every size, on built-in colour images. Do losses near equilibrium mean good "
            "images? Then try dropout, instance noise or the gradient penalty.",
            data__name="shapes", networks__width=32, networks__extra_layers=1, training__length="20 epochs",
            cadence__sample_every="1 epoch", cadence__score_every="1 epoch", cadence__checkpoint_every="4 epochs",
        ),
        _preset(
            "dcgan-mnist-to-cifar-quick", "Keras DCGAN · quick, on digits",
            "The DCGAN of the Keras tutorial (dense projection, 5×5 kernels, dropout) at half the width. Compare the first five "
            "samples with the last five, and see when more epochs stop helping.",
            **_KERAS, networks__width=32, training__length="100 epochs", cadence__sample_every="5 epochs",
            cadence__score_every="5 epochs", cadence__checkpoint_every="10 epochs",
        ),
        _preset(
            "bedrooms-small-quick", "Bedrooms, 1,000 images · quick, rendered",
            "A small version of the bedroom report: a DCGAN on 1,000 rendered rooms. With few images the discriminator tends to "
            "memorise them. Do the rooms become dark or identical? Then try more images, flips or DiffAugment.",
            data__name="bedrooms", data__size=64, data__subset=1000, networks__width=32, networks__depth=4,
            optimizer__batch_size=100, training__length="100 epochs", cadence__sample_every="5 epochs",
            cadence__checkpoint_every="10 epochs", cadence__score_every="5 epochs",
        ),
        _preset(
            "bedrooms-size-quick", "Bedrooms, large images · quick, rendered",
            "Rendered rooms of 128 pixels in small batches, with dropout. Check the time per epoch before launching, and watch for "
            "the first duplicates. Compare with 64 pixels.",
            data__name="bedrooms", data__size=128, data__subset=500, networks__width=16, networks__depth=5,
            networks__discriminator_dropout=0.3, optimizer__batch_size=32, training__length="30 epochs",
            cadence__sample_every="2 epochs", cadence__checkpoint_every="5 epochs", cadence__score_every="2 epochs",
        ),
        _preset(
            "mnist-dcgan", "MNIST, DCGAN",
            "The architecture of “Digits, DCGAN” on 60,000 digits. There is more variety to cover, so look for missing digits.",
            data__name="mnist", networks__width=32, optimizer__batch_size=128, training__length="10 epochs",
            cadence__sample_every="100 steps", cadence__checkpoint_every="1 epoch", cadence__log_every="20 steps",
            cadence__score_every="200 steps",
        ),
        _preset(
            "mlp-table", "MLP table · full, on MNIST",
            "The baseline of the MLP report (latent 64, hidden 256, batch 100, Adam 2e-4, 200 epochs). Change one setting at a "
            "time and compare the FID, also during training.",
            **_MLP_TABLE, data__name="mnist", cadence__log_every="100 steps", cadence__sample_every="10 epochs",
            cadence__score_every="10 epochs", cadence__checkpoint_every="10 epochs",
        ),
        _preset(
            "dcgan-cifar", "DCGAN report · full, on CIFAR-10",
            "The DCGAN report: extra convolutions, samples every 10 epochs. Check whether the generator collapses, and which "
            "remedy helps: dropout, instance noise or the gradient penalty.",
            data__name="cifar10", networks__width=64, networks__extra_layers=1, optimizer__batch_size=128,
            training__length="100 epochs", cadence__log_every="50 steps", cadence__sample_every="10 epochs",
            cadence__score_every="5 epochs", cadence__checkpoint_every="5 epochs",
        ),
        _preset(
            "dcgan-mnist-to-cifar", "Keras DCGAN · full, first part on MNIST",
            "The DCGAN of the Keras tutorial on MNIST for 500 epochs. Compare the first five samples with the last five, then "
            "continue with the second part.",
            **_KERAS, data__name="mnist", optimizer__batch_size=256, training__length="500 epochs",
            cadence__log_every="50 steps", cadence__sample_every="10 epochs", cadence__score_every="10 epochs",
            cadence__checkpoint_every="10 epochs",
        ),
        _preset(
            "dcgan-mnist-to-cifar-2", "Keras DCGAN · full, second part on CIFAR-10",
            "The same networks in colour, with three extra layers, for 1,742 epochs. Did epochs 1,000 to 1,742 improve anything? "
            "Make it class-conditional to see what each image is meant to show.",
            **_KERAS, data__name="cifar10", networks__extra_layers=3, optimizer__batch_size=256, training__length="1742 epochs",
            cadence__log_every="100 steps", cadence__sample_every="20 epochs", cadence__score_every="20 epochs",
            cadence__checkpoint_every="10 epochs",
        ),
        _preset(
            "bedrooms-small", "Bedrooms, 1,000 images · full, LSUN",
            "1,000 of LSUN's 300,000 bedrooms, batches of 100, 100 epochs. Check brightness and duplicates; then try 2,000 images, "
            "50 epochs, batches of 256, or DiffAugment. Requires LSUN in the data folder.",
            data__name="lsun-bedroom", data__size=64, data__subset=1000, networks__width=64, networks__depth=4,
            optimizer__batch_size=100, training__length="100 epochs", cadence__sample_every="5 epochs",
            cadence__checkpoint_every="5 epochs", cadence__score_every="5 epochs",
        ),
        _preset(
            "bedrooms-size", "Bedrooms, large images · full, LSUN",
            "5,000 bedrooms of 256 pixels in batches of 32, with dropout and six layers. Check the time per epoch, and compare "
            "with 64 pixels and batches of 64 to 256. Requires LSUN in the data folder.",
            data__name="lsun-bedroom", data__size=256, data__subset=5000, networks__width=32, networks__depth=6,
            networks__discriminator_dropout=0.3, optimizer__batch_size=32, training__length="50 epochs",
            cadence__sample_every="1 epoch", cadence__checkpoint_every="1 epoch", cadence__score_every="1 epoch",
        ),
    )
}  # fmt: skip


def find(name: str) -> Preset:
    """Return the preset called ``name``. Raises InputError, which names similar or all presets, if it does not exist."""
    if name not in PRESETS:
        raise InputError(f"There is no preset “{shown(name)}”; " + nearest(name, PRESETS))
    return PRESETS[name]
