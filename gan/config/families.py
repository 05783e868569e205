"""Settings of each family of networks."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union

from pydantic import Field

from gan.config.fields import Section, option

_MINIBATCH_HELP = (
    "Lets the discriminator compare the images of a batch, so that identical images are easy to detect. Discrimination learns "
    "distances between their features (Salimans et al. 2016); deviation adds their standard deviation over groups of four (Karras "
    "et al. 2018)."
)
_NORM_HELP = (
    "Batch normalises each feature over the batch; layer and instance normalise within one image; spectral divides the weights by "
    "their largest singular value, which limits the slope of the network (Miyato et al. 2018)."
)


def _latent(default: int) -> Any:
    return option(
        default,
        "Latent size",
        "Length of the latent vector z: the random numbers that the generator turns into one image.",
        unit="numbers",
        ge=1,
        le=1024,
        code="z {}",
    )


def _conditional() -> Any:
    return option(
        False,
        "Class-conditional",
        "Give both networks the class, so that you can ask for a 7, for example. The generator receives an embedding of the class "
        "in addition to z; the discriminator adds ⟨embedding, features⟩ to its output (Miyato & Koyama 2018).",
        code="conditional {}",
    )


def _minibatch() -> Any:
    return option("none", "Minibatch statistics", _MINIBATCH_HELP, code="minibatch {}")


def _packing() -> Any:
    return option(
        1,
        "Packing",
        "Number of images the discriminator judges together, all real or all generated. A pack without variety is easy to detect "
        "(PacGAN, Lin et al. 2017).",
        unit="images",
        ge=1,
        le=4,
        code="pack {}",
    )


def _dropout(player: str, default: float = 0.0) -> Any:
    return option(
        default,
        f"{player} dropout",
        f"Share of the {player.lower()}'s features switched off at random in each step.",
        ge=0,
        le=0.9,
        code=f"drop_{player[0]} {{}}",
    )


Minibatch = Literal["none", "discrimination", "deviation"]


class MlpConfig(Section):
    """Two multilayer perceptrons (fully connected layers), as in Goodfellow et al. 2014 (1406.2661)."""

    family: Literal["mlp"] = option(
        "mlp", "Architecture", "Fully connected layers: simple, fast, slightly noisy images.", code="{}"
    )
    latent: int = _latent(64)
    hidden: int = option(
        256, "Hidden size", "Neurons in each hidden layer of both networks.", unit="neurons", ge=8, le=4096, code="h {}"
    )
    depth: int = option(2, "Depth", "Number of hidden layers in each network.", unit="layers", ge=1, le=10, code="d {}")
    generator_norm: Literal["none", "batch", "layer", "spectral"] = option("none", "Generator norm", _NORM_HELP, code="norm_G {}")
    discriminator_norm: Literal["none", "batch", "layer", "spectral"] = option(
        "none", "Discriminator norm", _NORM_HELP, code="norm_D {}"
    )
    generator_dropout: float = _dropout("Generator")
    discriminator_dropout: float = _dropout("Discriminator")
    conditional: bool = _conditional()
    minibatch: Minibatch = _minibatch()
    packing: int = _packing()


class DcganConfig(Section):
    """Two convolutional networks as in Radford et al. 2015 (1511.06434)."""

    family: Literal["dcgan"] = option(
        "dcgan", "Architecture", "Convolutions with batch norm: sharper images, more computation.", code="{}"
    )
    latent: int = _latent(100)
    width: int = option(
        64,
        "Width",
        "Filters in the layer closest to the image; each deeper layer has twice as many.",
        unit="filters",
        ge=4,
        le=256,
        code="w {}",
    )
    depth: int = option(
        3,
        "Depth",
        "Number of times the image size is halved (discriminator) or doubled (generator). 32 pixels halved 3 times give 4.",
        unit="layers",
        ge=1,
        le=6,
        code="d {}",
    )
    extra_layers: int = option(
        0,
        "Extra layers",
        "Additional 3×3 convolutions at every size in both networks: more detail, more computation.",
        unit="layers a size",
        ge=0,
        le=3,
        code="extra {}",
    )
    kernel: Literal[3, 4, 5] = option(
        4,
        "Kernel",
        "Kernel width of the convolutions that change the image size. 4 covers all pixels equally often; 3 and 5 can cause "
        "checkerboard patterns (Odena et al. 2016).",
        unit="pixels",
        code="k {}",
    )
    generator_norm: Literal["batch", "instance", "spectral", "none"] = option(
        "batch", "Generator norm", _NORM_HELP, code="norm_G {}"
    )
    discriminator_norm: Literal["batch", "instance", "spectral", "none"] = option(
        "batch", "Discriminator norm", _NORM_HELP, code="norm_D {}"
    )
    generator_dropout: float = _dropout("Generator")
    discriminator_dropout: float = _dropout("Discriminator")
    conditional: bool = _conditional()
    minibatch: Minibatch = _minibatch()
    packing: int = _packing()


class KerasDcganConfig(Section):
    """The DCGAN of the Keras and TensorFlow tutorials: a dense projection, then 5×5 convolutions."""

    family: Literal["keras-dcgan"] = option(
        "keras-dcgan",
        "Architecture",
        "The DCGAN of the Keras tutorial: dense projection to a quarter of the image size, 5×5 kernels, dropout.",
        code="{}",
    )
    latent: int = _latent(100)
    width: int = option(
        64,
        "Width",
        "Filters in the layer closest to the image; the dense projection has four times as many (256 in the tutorial).",
        unit="filters",
        ge=4,
        le=256,
        code="w {}",
    )
    extra_layers: int = option(
        0,
        "Extra layers",
        "Additional 5×5 convolutions in the generator, one after each of its first layers.",
        unit="layers",
        ge=0,
        le=3,
        code="extra {}",
    )
    discriminator_dropout: float = _dropout("Discriminator", 0.3)
    conventions: Literal["keras", "torch"] = option(
        "keras",
        "Conventions",
        "Keras: convolutions with stride 2 pad 1 pixel before and 2 after, and batch norm keeps variances divided by n, so that "
        "Keras draws the same from the same weights. Torch: 2 pixels on both sides and n − 1, as in runs made before this setting.",
        code="as in {}",
    )
    conditional: bool = _conditional()
    minibatch: Minibatch = _minibatch()
    packing: int = _packing()


class ResnetConfig(Section):
    """The residual networks of SNGAN, Miyato et al. 2018 (1802.05957), table 4."""

    family: Literal["resnet"] = option(
        "resnet",
        "Architecture",
        "Residual blocks with spectral norm, as in SNGAN: more stable than a DCGAN, but slower.",
        code="{}",
    )
    latent: int = _latent(128)
    width: int = option(
        64,
        "Width",
        "Filters in every layer (SNGAN: 256 in the generator, 128 in the discriminator).",
        unit="filters",
        ge=4,
        le=512,
        code="w {}",
    )
    generator_norm: Literal["batch", "none"] = option("batch", "Generator norm", _NORM_HELP, code="norm_G {}")
    discriminator_norm: Literal["spectral", "none"] = option("spectral", "Discriminator norm", _NORM_HELP, code="norm_D {}")
    conditional: bool = _conditional()
    minibatch: Minibatch = _minibatch()
    packing: int = _packing()


class ModernConfig(Section):
    """A small version of R3GAN, Huang et al. 2024 (2501.05441): no normalisation, grouped convolutions, residual blocks."""

    family: Literal["modern"] = option(
        "modern",
        "Architecture",
        "A small version of R3GAN: residual blocks without normalisation, designed for the relativistic loss with R1 and R2.",
        code="{}",
    )
    latent: int = _latent(64)
    width: int = option(
        32,
        "Width",
        "Filters at full image size; the number doubles at each smaller size, up to four times as many.",
        unit="filters",
        ge=16,
        le=256,
        multiple_of=16,
        code="w {}",
    )
    blocks: int = option(
        1, "Blocks", "Residual blocks at every size in both networks.", unit="blocks", ge=1, le=4, code="blocks {}"
    )
    conditional: bool = _conditional()
    minibatch: Minibatch = _minibatch()
    packing: int = _packing()


Networks = Annotated[Union[DcganConfig, MlpConfig, KerasDcganConfig, ResnetConfig, ModernConfig], Field(discriminator="family")]
FAMILIES: dict[str, type[Section]] = {
    "dcgan": DcganConfig,
    "mlp": MlpConfig,
    "keras-dcgan": KerasDcganConfig,
    "resnet": ResnetConfig,
    "modern": ModernConfig,
}
