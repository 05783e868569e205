"""The groups of settings that a run consists of.

Every field has a title, a range, a unit and a sentence of help; the form on the Train page and the command line
are made from them, so a new field appears in both by being written here.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_serializer, model_validator

from gan.catalogue import data_sets
from gan.catalogue.data_sets import DataSet
from gan.errors import InputError, as_sentence, nearest, quoted

LONGEST = 100_000_000  # steps or epochs


def option(default: Any, title: str, help: str, *, unit: str = "", **bounds: Any) -> Any:
    """Return a pydantic field with what a form needs to show it: title, help in plain words, unit and bounds."""
    return Field(default=default, title=title, description=help, json_schema_extra={"unit": unit}, **bounds)


class Span(BaseModel):
    """A length of training: a number of steps or of epochs, written "500 steps" or "10 epochs"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(ge=0, le=LONGEST)
    unit: Literal["steps", "epochs"] = "steps"

    @model_validator(mode="before")
    @classmethod
    def parse(cls, value: Any) -> Any:
        """Accept "10 epochs", "500 steps", "500" and 500 (steps) beside the two fields themselves."""
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
        """Return the text form, which :meth:`parse` reads back."""
        return str(self)

    def __str__(self) -> str:
        unit = self.unit.removesuffix("s") if self.count == 1 else self.unit
        return f"{self.count} {unit}"

    def in_steps(self, steps_per_epoch: int) -> int:
        """Return the length in generator steps, for a data set of ``steps_per_epoch`` batches."""
        return self.count * (steps_per_epoch if self.unit == "epochs" else 1)


class Section(BaseModel):
    """A group of settings: immutable, finite, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


def _split(value: Any) -> Any:
    """Return a list for a text with commas or a tuple; anything else as it is."""
    parts = (value.split(",") if value.strip() else []) if isinstance(value, str) else value
    return [part.strip() if isinstance(part, str) else part for part in parts] if isinstance(parts, (list, tuple)) else value


def _in_order(value: Any, known: tuple[str, ...]) -> Any:
    """Return known names once each and in their usual order, so that equal choices are equal; anything else as it is."""
    is_known = isinstance(value, list) and all(isinstance(part, str) and part in known for part in value)
    return [name for name in known if name in value] if is_known else value


class DataConfig(Section):
    """Which real images the generator has to imitate, and how they are prepared."""

    name: str = option("digits", "Data set", "The real images, or points, that the generator learns to imitate.")
    size: Literal[16, 32, 64, 128, 256] = option(
        32, "Image size", "Width and height of the images; larger ones take longer: twice the size, four times the work.",
        unit="pixels",
    )  # fmt: skip
    fit: Literal["crop", "pad"] = option(
        "crop", "Fit", "What happens to images that are not square: crop keeps the middle, pad keeps all and adds black bars.",
    )  # fmt: skip
    colour: Literal["auto", "grey", "colour"] = option(
        "auto", "Colour", "Auto keeps the images as they are; grey has one channel instead of three and trains a little faster.",
    )  # fmt: skip
    classes: tuple[str, ...] = option(
        (), "Classes", "Train on images of these classes only; empty takes all.", max_length=1000,
    )  # fmt: skip
    subset: int = option(
        0, "Subset", "Train on so many images, drawn at random; 0 takes all. Few images tempt the discriminator to learn them by "
        "heart.", unit="images", ge=0, le=LONGEST,
    )  # fmt: skip
    subset_seed: int = option(
        0, "Subset seed", "Start of the random numbers that draw the subset and the held-out images.", ge=0, le=2**31 - 1,
    )  # fmt: skip
    flips: bool = option(
        False, "Horizontal flips", "Mirror half of the real images, at random, each time they are shown: more variety, "
        "where left and right do not matter.",
    )  # fmt: skip
    held_out: float = option(
        0.0, "Held out", "Share of the images that no training sees; scores then compare with these.", ge=0, le=0.9,
    )  # fmt: skip

    @field_validator("classes", mode="before")
    @classmethod
    def split_classes(cls, value: Any) -> Any:
        """Accept "3, 7", 3 and [3, 7] for ["3", "7"]."""
        value = _split([value] if isinstance(value, int) and not isinstance(value, bool) else value)
        return [str(part) if isinstance(part, int) else part for part in value] if isinstance(value, list) else value

    @model_validator(mode="after")
    def suit_data(self) -> DataConfig:
        """Refuse classes and settings that a listed data set lacks; the others are checked at launch."""
        entry = data_sets.DATA_SETS.get(self.name)
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("data.classes names a class twice, expected each at most once; remove one")
        if entry and (sentence := self.refusal(entry)):
            raise ValueError(sentence)
        return self

    def refusal(self, entry: DataSet) -> str:
        """Return why these settings do not suit the data set ``entry``, in a sentence; empty if they do."""
        for name in self.classes:
            if name not in entry.classes:
                hint = nearest(name, entry.classes) if entry.classes else "leave data.classes empty."
                return f"data.classes has {quoted(name)}, which is no class of “{self.name}”; {hint}"
        if entry.kind == "points" and (self.flips or self.colour != "auto"):
            return f"data.name is '{self.name}', which holds points; switch data.flips off and set data.colour to auto"
        return ""

    def require(self) -> DataSet:
        """Return the entry of the data set. Raises InputError if it is not on this machine or lacks the chosen classes."""
        known = data_sets.DATA_SETS if self.name in data_sets.DATA_SETS else data_sets.all_sets()
        if self.name not in known:
            if self.name == data_sets.LSUN:
                raise InputError(
                    f"data.name is {quoted(self.name)}, but LSUN's bedrooms are not in the data folder; put them there as the file "
                    "docs/data.md says, or set data.name to bedrooms, which are rendered."
                )
            raise InputError(f"data.name is {quoted(self.name)}, but there is no such data set; {nearest(self.name, known)}")
        if sentence := self.refusal(known[self.name]):
            raise InputError(as_sentence(sentence))
        return known[self.name]

    @property
    def entry(self) -> DataSet:
        """What the catalogue says of the data set. Raises InputError when it has been removed."""
        try:
            return data_sets.find(self.name)
        except InputError:
            raise InputError(f"The data set “{self.name}” is not there any more; import it again under that name.") from None

    @property
    def is_points(self) -> bool:
        """Whether the data are points in the plane instead of images."""
        return self.entry.kind == "points"

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colour."""
        return {"auto": self.entry.channels, "grey": 1, "colour": 3}[self.colour]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one real image, (channels, size, size), or (2,) for points."""
        return (2,) if self.is_points else (self.channels, self.size, self.size)

    @property
    def held_out_images(self) -> int:
        """How many images are held out."""
        return self._held_out_of(data_sets.count_chosen(self.entry, self.classes))

    @property
    def images(self) -> int:
        """How many images there are to train on."""
        return self.images_of(self.entry)

    def images_of(self, entry: DataSet) -> int:
        """Return how many images of ``entry`` there are to train on."""
        chosen = data_sets.count_chosen(entry, self.classes)
        there = chosen - self._held_out_of(chosen)
        return min(there, self.subset) if self.subset else there

    def _held_out_of(self, chosen: int) -> int:
        return round(self.held_out * chosen)


Policy = Literal["colour", "translation", "cutout"]


class ObjectiveConfig(Section):
    """What the two networks are rewarded for, and what keeps the discriminator from being too steep."""

    loss: Literal["non-saturating", "minimax", "least-squares", "hinge", "wasserstein", "relativistic"] = option(
        "non-saturating", "Loss",
        "What the players minimise. Non-saturating is the usual one; minimax the original game; least-squares and hinge punish "
        "by distance; wasserstein scores without bounds and needs a penalty or clipping; relativistic compares pairs.",
    )  # fmt: skip
    label_smoothing: float = option(
        0.0, "Label smoothing", "The discriminator aims at 1 − s instead of 1 for real images, so that it never becomes too sure "
        "(one-sided, Salimans et al. 2016).", ge=0, le=0.5,
    )  # fmt: skip
    gradient_penalty: float = option(
        0.0, "Gradient penalty λ", "λ·E(‖∇D(x̂)‖ − 1)² between real and generated images, as in WGAN-GP (Gulrajani et al. 2017); 10 "
        "is usual, 0 is off.", ge=0, le=1000,
    )  # fmt: skip
    dragan: float = option(
        0.0, "DRAGAN λ", "λ·E(‖∇D(x + noise)‖ − 1)² around real images (Kodali et al. 2017); 10 is usual, 0 is off.", ge=0, le=1000,
    )  # fmt: skip
    r1: float = option(
        0.0, "R1 γ", "γ/2·E‖∇D(x)‖² on real images: no slope where the data is (Mescheder et al. 2018); 0.1 to 10, 0 is off.",
        ge=0, le=1000,
    )  # fmt: skip
    r2: float = option(
        0.0, "R2 γ", "γ/2·E‖∇D(G(z))‖² on generated images (Mescheder et al. 2018); R3GAN takes the same γ for R1 and R2.",
        ge=0, le=1000,
    )  # fmt: skip
    weight_clip: float = option(
        0.0, "Weight clipping", "Keeps each weight of the discriminator within ±c after every step, as the first WGAN did "
        "with 0.01 "
        "(Arjovsky et al. 2017); 0 is off.", ge=0, le=10,
    )  # fmt: skip


class AugmentationConfig(Section):
    """What happens to images, real and generated alike, before the discriminator sees them."""

    policies: tuple[Policy, ...] = option(
        (), "DiffAugment", "Change colours, move, or cut a square out of all images that the discriminator sees; gradients flow "
        "through, so the generator does not learn the changes. For few images (Zhao et al. 2020).",
    )  # fmt: skip
    instance_noise: float = option(
        0.0, "Instance noise σ", "Adds normal noise to all images that the discriminator sees (from −1 to 1), so that it "
        "cannot tell them "
        "too easily (Sønderby et al. 2017); 0.1 is much, 0 is off.", ge=0, le=2,
    )  # fmt: skip
    noise_fade: float = option(
        0.5, "Noise fades until", "Share of the training after which the instance noise has faded to nothing, evenly; 0 keeps it "
        "to the end.", ge=0, le=1,
    )  # fmt: skip

    @field_validator("policies", mode="before")
    @classmethod
    def split_policies(cls, value: Any) -> Any:
        """Accept "colour, cutout" for ["colour", "cutout"]; order and repetition do not matter."""
        return _in_order(_split(value), get_args(Policy))


class OptimizerConfig(Section):
    """How the weights are updated."""

    algorithm: Literal["adam", "rmsprop", "sgd"] = option(
        "adam", "Optimiser", "Adam (Kingma & Ba 2014) is the usual one; RMSprop was the first WGAN's; SGD takes plain steps.",
    )  # fmt: skip
    batch_size: int = option(
        64, "Batch size", "Real images, and as many generated ones, that each turn looks at.", unit="images", ge=2, le=4096,
    )  # fmt: skip
    generator_lr: float = option(
        2e-4, "Generator learning rate", "How far one step moves the generator's weights.", gt=0, le=1,
    )  # fmt: skip
    discriminator_lr: float = option(
        2e-4, "Discriminator learning rate", "How far one step moves the discriminator's weights; two rates that differ are "
        "called TTUR (Heusel et al. 2017).", gt=0, le=1,
    )  # fmt: skip
    discriminator_steps: int = option(
        1, "Discriminator steps", "Turns of the discriminator, each on new images, before each turn of the generator; 5 in WGAN.",
        unit="turns", ge=1, le=20,
    )  # fmt: skip
    beta1: float = option(
        0.5, "Momentum β₁", "Memory of past gradients, for every optimiser; GANs prefer 0.5 or less over the usual "
        "0.9.", ge=0, lt=1,
    )  # fmt: skip
    beta2: float = option(
        0.999, "Memory β₂", "Memory of past squared gradients, which scales each weight's own step (Adam, RMSprop).", ge=0, lt=1,
    )  # fmt: skip
    lr_decay: Literal["none", "linear", "cosine"] = option(
        "none", "Learning-rate decay", "How both learning rates fall to zero over the whole training; a training that is prolonged "
        "stretches the fall.",
    )  # fmt: skip
    gradient_clip: float = option(
        0.0, "Gradient clipping", "Longest gradient, as a norm over all weights of a player, that one step follows; "
        "longer ones are "
        "shortened to it; 0 is off.", ge=0, le=1e6,
    )  # fmt: skip
    ema_half_life: int = option(
        4400, "EMA half-life",
        "Samples come from a running average of the generator's weights, in which weights count half after so many real images "
        "seen: decay = 0.5^(images a step / half-life); 0 switches it off.", unit="images", ge=0, le=LONGEST,
    )  # fmt: skip

    @property
    def images_per_step(self) -> int:
        """Real images that one step looks at: a batch for each turn of the discriminator."""
        return self.batch_size * self.discriminator_steps

    @property
    def ema_decay(self) -> float:
        """What is kept of the average in each step, from 0 (no average) to 1."""
        return 0.5 ** (self.images_per_step / self.ema_half_life) if self.ema_half_life else 0.0


class TrainingConfig(Section):
    """How long, from which random numbers, and on what part of the machine."""

    length: Span = option(
        Span(count=60, unit="epochs"), "Train for", "An epoch is one pass over all real images; a step is one generator update.",
    )  # fmt: skip
    seed: int = option(
        0, "Seed", "Start of all random numbers: the same seed and settings give the same run.", ge=0, le=2**31 - 1,
    )  # fmt: skip
    device: Literal["auto", "cpu", "cuda", "mps"] = option(
        "auto", "Device", "Where to compute; auto takes a GPU when there is one.",
    )  # fmt: skip
    precision: Literal["auto", "fp32", "bf16", "fp16"] = option(
        "auto", "Precision",
        "Bits per number in the networks: auto takes bf16 where this machine computes it faster; fp16 needs an NVIDIA GPU.",
    )  # fmt: skip
    threads: int = option(
        0, "CPU cores", "Cores for this run; 0 takes half of them at most, which leaves room for the browser and for a second run. "
        "A resumed run keeps its number.",
        unit="threads", ge=0, le=256,
    )  # fmt: skip
    compile: bool = option(
        False, "Compile", "Let torch.compile write faster code for the networks first, which takes a minute or more and a C++ "
        "compiler; worth it for long trainings on a GPU.",
    )  # fmt: skip


class CadenceConfig(Section):
    """How often things are written down; 0 means never."""

    log_every: Span = option(
        Span(count=10), "Log every", "Losses, D(real), D(fake), gradient norms and speed: one point of the curves.",
    )  # fmt: skip
    sample_every: Span = option(
        Span(count=1, unit="epochs"), "Samples every", "A grid of images from always the same latent vectors.",
    )  # fmt: skip
    score_every: Span = option(
        Span(count=5, unit="epochs"), "Scores every", "FID and more of 500 images during training, which pauses for a moment: a "
        "point of the curve, and the best checkpoint is kept beside the last.",
    )  # fmt: skip
    score_share: float = option(
        0.03, "Scores take at most", "Share of the training time so far; a score that would take more is left out. 0 leaves "
        "none out.", ge=0, le=1,
    )  # fmt: skip
    checkpoint_every: Span = option(
        Span(count=10, unit="epochs"), "Checkpoint every", "How much work a crash can cost at most.",
    )  # fmt: skip

    @model_validator(mode="after")
    def need_some(self) -> CadenceConfig:
        """Log lines and checkpoints cannot be switched off: a run without them could be neither watched nor resumed."""
        for name in ("log_every", "checkpoint_every"):
            if getattr(self, name).count == 0:
                raise ValueError(f"cadence.{name} is 0, expected at least 1 step; set it to “10 steps”, say")
        return self
