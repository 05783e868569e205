"""The groups of settings of a run.

Every field has a title, a range, a unit and a help text. The form on the Train page and the command line are generated from
them, so a new field appears in both automatically.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_serializer, model_validator

from gan.catalogue import data_sets
from gan.catalogue.data_sets import DataSet
from gan.errors import InputError, as_sentence, nearest, quoted

LONGEST = 100_000_000  # steps or epochs


def option(default: Any, title: str, help: str, *, unit: str = "", **bounds: Any) -> Any:
    """Return a pydantic field with the title, help text, unit and bounds that a form shows."""
    return Field(default=default, title=title, description=help, json_schema_extra={"unit": unit}, **bounds)


class Span(BaseModel):
    """A length of training in steps or epochs, written "500 steps" or "10 epochs"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(ge=0, le=LONGEST)
    unit: Literal["steps", "epochs"] = "steps"

    @model_validator(mode="before")
    @classmethod
    def parse(cls, value: Any) -> Any:
        """Accept "10 epochs", "500 steps", "500" and 500 (steps) as well as the two fields themselves."""
        if isinstance(value, int) and not isinstance(value, bool):
            return {"count": value, "unit": "steps"}
        if isinstance(value, str):
            words = value.split()
            unit = {"epoch": "epochs", "step": "steps"}.get(words[1], words[1]) if len(words) == 2 else "steps"
            if len(words) not in (1, 2) or not words[0].isascii() or not words[0].isdigit():
                raise ValueError("expected something like “10 epochs” or “500 steps”")
            if unit not in ("steps", "epochs"):
                raise ValueError("expected something like “10 epochs” or “500 steps”")
            return {"count": int(words[0].lstrip("0")[:12] or 0), "unit": unit}
        return value

    @model_serializer
    def write(self) -> str:
        """Return the text form that :meth:`parse` reads back."""
        return str(self)

    def __str__(self) -> str:
        unit = self.unit.removesuffix("s") if self.count == 1 else self.unit
        return f"{self.count} {unit}"

    def in_steps(self, steps_per_epoch: int) -> int:
        """Return the length in generator steps, for a data set of ``steps_per_epoch`` batches."""
        return self.count * (steps_per_epoch if self.unit == "epochs" else 1)


class Section(BaseModel):
    """A group of settings: immutable, without infinite values, NaN or unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


def _split(value: Any) -> Any:
    """Return a list for a comma-separated text or a tuple; return anything else unchanged."""
    parts = (value.split(",") if value.strip() else []) if isinstance(value, str) else value
    return [part.strip() if isinstance(part, str) else part for part in parts] if isinstance(parts, (list, tuple)) else value


def _in_order(value: Any, known: tuple[str, ...]) -> Any:
    """Return known names without repetition and in their usual order, so that equal choices compare equal.

    Anything else is returned unchanged.
    """
    is_known = isinstance(value, list) and all(isinstance(part, str) and part in known for part in value)
    return [name for name in known if name in value] if is_known else value


class DataConfig(Section):
    """Which real images the generator imitates, and how they are prepared."""

    name: str = option("digits", "Data set", "The real images, or points, that the generator learns to imitate.")
    size: Literal[16, 32, 64, 128, 256] = option(
        32,
        "Image size",
        "Width and height of the images. Doubling the size means about four times the work.",
        unit="pixels",
    )
    fit: Literal["crop", "pad"] = option(
        "crop", "Fit", "Images that are not square: crop keeps the middle, pad keeps everything and adds black bars."
    )
    colour: Literal["auto", "grey", "colour"] = option(
        "auto", "Colour", "Auto keeps the images as they are. Grey uses one channel instead of three and trains slightly faster."
    )
    classes: tuple[str, ...] = option(
        (), "Classes", "Train only on images of these classes. Leave empty to use all.", max_length=1000
    )
    subset: int = option(
        0,
        "Subset",
        "Number of training images, drawn at random; 0 uses all. With few images the discriminator tends to memorise them.",
        unit="images",
        ge=0,
        le=LONGEST,
    )
    subset_seed: int = option(0, "Subset seed", "Random seed that selects the subset and the held-out images.", ge=0, le=2**31 - 1)
    flips: bool = option(
        False,
        "Horizontal flips",
        "Mirror each real image with probability ½ whenever it is shown. Adds variety if left and right do not matter.",
    )
    held_out: float = option(
        0.0, "Held out", "Share of the images that is never used for training; scores then compare with these.", ge=0, le=0.9
    )

    @field_validator("classes", mode="before")
    @classmethod
    def split_classes(cls, value: Any) -> Any:
        """Accept "3, 7", 3 and [3, 7] as names of classes."""
        value = _split([value] if isinstance(value, int) and not isinstance(value, bool) else value)
        return [str(part) if isinstance(part, int) else part for part in value] if isinstance(value, list) else value

    @model_validator(mode="after")
    def suit_data(self) -> DataConfig:
        """Refuse classes and settings that do not suit a built-in data set; other data sets are checked at launch."""
        entry = data_sets.DATA_SETS.get(self.name)
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("data.classes names a class twice, expected each at most once; remove one")
        if entry and (sentence := self.refusal(entry)):
            raise ValueError(sentence)
        return self

    def refusal(self, entry: DataSet) -> str:
        """Return one sentence on why these settings do not suit the data set ``entry``; empty if they do."""
        for name in self.classes:
            if name not in entry.classes:
                hint = nearest(name, entry.classes) if entry.classes else "leave data.classes empty."
                return f"data.classes has {quoted(name)}, which is not a class of “{self.name}”; {hint}"
        if entry.kind == "points" and (self.flips or self.colour != "auto"):
            return f"data.name is '{self.name}', which holds points; switch data.flips off and set data.colour to auto"
        return ""

    def require(self) -> DataSet:
        """Return the catalogue entry. Raises InputError if the data set is not on this machine or lacks the chosen classes."""
        known = data_sets.DATA_SETS if self.name in data_sets.DATA_SETS else data_sets.all_sets()
        if self.name not in known:
            if self.name == data_sets.LSUN:
                raise InputError(
                    f"data.name is {quoted(self.name)}, but LSUN's bedrooms are not in the data folder; put them there as "
                    "described in docs/data.md, or set data.name to bedrooms, which are rendered."
                )
            raise InputError(f"data.name is {quoted(self.name)}, but there is no such data set; {nearest(self.name, known)}")
        if sentence := self.refusal(known[self.name]):
            raise InputError(as_sentence(sentence))
        return known[self.name]

    @property
    def entry(self) -> DataSet:
        """The catalogue entry of the data set. Raises InputError if it has been removed."""
        try:
            return data_sets.find(self.name)
        except InputError:
            raise InputError(f"The data set “{self.name}” no longer exists; import it again under that name.") from None

    @property
    def is_points(self) -> bool:
        """Whether the data are points in the plane, not images."""
        return self.entry.kind == "points"

    @property
    def channels(self) -> int:
        """1 for greyscale, 3 for colour."""
        return {"auto": self.entry.channels, "grey": 1, "colour": 3}[self.colour]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one real image, (channels, size, size), or (2,) for points."""
        return (2,) if self.is_points else (self.channels, self.size, self.size)

    @property
    def held_out_images(self) -> int:
        """Number of held-out images."""
        return self._held_out_of(data_sets.count_chosen(self.entry, self.classes))

    @property
    def images(self) -> int:
        """Number of images to train on."""
        return self.images_of(self.entry)

    def images_of(self, entry: DataSet) -> int:
        """Return the number of images of ``entry`` to train on."""
        chosen = data_sets.count_chosen(entry, self.classes)
        there = chosen - self._held_out_of(chosen)
        return min(there, self.subset) if self.subset else there

    def _held_out_of(self, chosen: int) -> int:
        return round(self.held_out * chosen)


Policy = Literal["colour", "translation", "cutout"]


class ObjectiveConfig(Section):
    """What the two networks minimise, and what limits the slope of the discriminator."""

    loss: Literal["non-saturating", "minimax", "least-squares", "hinge", "wasserstein", "relativistic"] = option(
        "non-saturating",
        "Loss",
        "What the players minimise. Non-saturating: the usual choice. Minimax: the original game. Least-squares and hinge: "
        "penalties that grow with distance. Wasserstein: unbounded scores; needs a penalty or clipping. Relativistic: compares "
        "pairs of a real and a generated image.",
    )
    label_smoothing: float = option(
        0.0,
        "Label smoothing",
        "Target 1 − s instead of 1 for real images, which keeps the discriminator from becoming overconfident (one-sided, Salimans "
        "et al. 2016).",
        ge=0,
        le=0.5,
    )
    gradient_penalty: float = option(
        0.0,
        "Gradient penalty λ",
        "λ·E(‖∇D(x̂)‖ − 1)² at points between real and generated images, as in WGAN-GP (Gulrajani et al. 2017). 10 is usual; 0 is "
        "off.",
        ge=0,
        le=1000,
    )
    dragan: float = option(
        0.0,
        "DRAGAN λ",
        "λ·E(‖∇D(x + noise)‖ − 1)² around real images (Kodali et al. 2017). 10 is usual; 0 is off.",
        ge=0,
        le=1000,
    )
    r1: float = option(
        0.0,
        "R1 γ",
        "γ/2·E‖∇D(x)‖² on real images: keeps the discriminator flat at the data (Mescheder et al. 2018). 0.1 to 10 is usual; 0 is "
        "off.",
        ge=0,
        le=1000,
    )
    r2: float = option(
        0.0,
        "R2 γ",
        "γ/2·E‖∇D(G(z))‖² on generated images (Mescheder et al. 2018). R3GAN uses the same γ for R1 and R2; 0 is off.",
        ge=0,
        le=1000,
    )
    weight_clip: float = option(
        0.0,
        "Weight clipping",
        "Limits each discriminator weight to ±c after every step, as in the first WGAN with c = 0.01 (Arjovsky et al. 2017). 0 is "
        "off.",
        ge=0,
        le=10,
    )


class AugmentationConfig(Section):
    """Changes to all images, real and generated, before the discriminator sees them."""

    policies: tuple[Policy, ...] = option(
        (),
        "DiffAugment",
        "Randomly change colours, shift, or cut out a square in every image the discriminator sees. The changes are "
        "differentiable, so the generator does not learn to reproduce them. Helps with few images (Zhao et al. 2020).",
    )
    instance_noise: float = option(
        0.0,
        "Instance noise σ",
        "Standard deviation of the normal noise added to every image the discriminator sees (values from −1 to 1), which makes "
        "real and generated harder to tell apart (Sønderby et al. 2017). 0.1 is a lot; 0 is off.",
        ge=0,
        le=2,
    )
    noise_fade: float = option(
        0.5,
        "Noise fades until",
        "Share of the training over which the instance noise falls linearly to zero. 0 keeps it constant to the end.",
        ge=0,
        le=1,
    )

    @field_validator("policies", mode="before")
    @classmethod
    def split_policies(cls, value: Any) -> Any:
        """Accept "colour, cutout" for ["colour", "cutout"]; ignore order and repetition."""
        return _in_order(_split(value), get_args(Policy))


class OptimizerConfig(Section):
    """How the weights are updated."""

    algorithm: Literal["adam", "rmsprop", "sgd"] = option(
        "adam",
        "Optimiser",
        "Adam (Kingma & Ba 2014) is the usual choice, RMSprop was used by the first WGAN, SGD is plain gradient descent.",
    )
    batch_size: int = option(64, "Batch size", "Real images per turn, and as many generated ones.", unit="images", ge=2, le=4096)
    generator_lr: float = option(2e-4, "Generator learning rate", "Size of the generator's weight updates.", gt=0, le=1)
    discriminator_lr: float = option(
        2e-4,
        "Discriminator learning rate",
        "Size of the discriminator's weight updates. Different rates for the two players are known as TTUR (Heusel et al. 2017).",
        gt=0,
        le=1,
    )
    discriminator_steps: int = option(
        1,
        "Discriminator steps",
        "Discriminator turns, each on new images, before each generator turn. WGAN uses 5.",
        unit="turns",
        ge=1,
        le=20,
    )
    beta1: float = option(
        0.5,
        "Momentum β₁",
        "Decay rate of the average of past gradients, for every optimiser. GANs usually need 0.5 or less instead of the common "
        "0.9.",
        ge=0,
        lt=1,
    )
    beta2: float = option(
        0.999,
        "Memory β₂",
        "Decay rate of the average of past squared gradients, which scales the step of each weight (Adam and RMSprop).",
        ge=0,
        lt=1,
    )
    lr_decay: Literal["none", "linear", "cosine"] = option(
        "none",
        "Learning-rate decay",
        "How both learning rates fall to zero over the whole training. Prolonging a training stretches the decay.",
    )
    gradient_clip: float = option(
        0.0,
        "Gradient clipping",
        "Maximum gradient norm over all weights of a player; larger gradients are scaled down to it. 0 is off.",
        ge=0,
        le=1e6,
    )
    ema_half_life: int = option(
        4400,
        "EMA half-life",
        "Samples come from a running average of the generator's weights. Number of real images seen after which a weight counts "
        "half: decay = 0.5^(images per step / half-life). 0 switches averaging off.",
        unit="images",
        ge=0,
        le=LONGEST,
    )

    @property
    def images_per_step(self) -> int:
        """Real images per step: one batch for each turn of the discriminator."""
        return self.batch_size * self.discriminator_steps

    @property
    def ema_decay(self) -> float:
        """Weight of the previous average in each step, from 0 (no averaging) to 1."""
        return 0.5 ** (self.images_per_step / self.ema_half_life) if self.ema_half_life else 0.0


class TrainingConfig(Section):
    """Length, random seed, and use of the machine."""

    length: Span = option(
        Span(count=60, unit="epochs"), "Train for", "An epoch is one pass over all real images; a step is one generator update."
    )
    seed: int = option(0, "Seed", "Random seed of the run. The same seed and settings give the same run.", ge=0, le=2**31 - 1)
    device: Literal["auto", "cpu", "cuda", "mps"] = option("auto", "Device", "Where to compute. Auto uses a GPU if there is one.")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = option(
        "auto",
        "Precision",
        "Number format in the networks. Auto uses bf16 if this machine computes it faster; fp16 needs an NVIDIA GPU.",
    )
    threads: int = option(
        0,
        "CPU cores",
        "Cores for this run. 0 uses at most half of them, which leaves room for the browser and a second run. A resumed run keeps "
        "its number of cores.",
        unit="threads",
        ge=0,
        le=256,
    )
    compile: bool = option(
        False,
        "Compile",
        "Compile the networks with torch.compile before training. Takes a minute or more and needs a C++ compiler; worthwhile for "
        "long trainings on a GPU.",
    )


class CadenceConfig(Section):
    """How often results are written; 0 means never."""

    log_every: Span = option(
        Span(count=10), "Log every", "One point of the curves: losses, D(real), D(fake), gradient norms and speed."
    )
    sample_every: Span = option(
        Span(count=1, unit="epochs"), "Samples every", "A grid of images, always from the same latent vectors."
    )
    score_every: Span = option(
        Span(count=5, unit="epochs"),
        "Scores every",
        "FID and other scores of 500 images, one point of the curve each; training pauses briefly. The best checkpoint is kept in "
        "addition to the last.",
    )
    score_share: float = option(
        0.03,
        "Scores take at most",
        "Maximum share of the training time so far spent on scores; a score that would exceed it is skipped. 0 means no limit.",
        ge=0,
        le=1,
    )
    checkpoint_every: Span = option(Span(count=10, unit="epochs"), "Checkpoint every", "The most work that a crash can cost.")

    @model_validator(mode="after")
    def need_some(self) -> CadenceConfig:
        """Refuse 0 for log lines and checkpoints: a run without them could be neither watched nor resumed."""
        for name in ("log_every", "checkpoint_every"):
            if getattr(self, name).count == 0:
                raise ValueError(f"cadence.{name} is 0, expected at least 1 step; set it to “10 steps”, for example")
        return self
