"""What a run is: its configuration, validated and immutable, and the sentences for what is wrong with one.

Every field has a title, a range, a unit and a sentence of help; the form on the Train page and the command line
are made from them, so a new field appears in both by being written here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo

from gan.data import catalogue
from gan.data.catalogue import DataSet
from gan.errors import InputError, nearest, shown

SCHEMA_VERSION = 1
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


def is_stored(info: ValidationInfo) -> bool:
    """Return whether the configuration that is validated is that of a run which exists already."""
    return bool(info.context and info.context.get("is_stored"))


class Section(BaseModel):
    """A group of settings: immutable, finite, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


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
        if isinstance(value, str):
            value = value.split(",") if value.strip() else []
        elif isinstance(value, int) and not isinstance(value, bool):
            value = [value]
        if isinstance(value, (list, tuple)):
            return [str(part) if isinstance(part, int) else part.strip() if isinstance(part, str) else part for part in value]
        return value

    @model_validator(mode="after")
    def know_data(self, info: ValidationInfo) -> DataConfig:
        """Refuse a data set that there is not, and classes that it lacks; a run that exists may outlive its data set."""
        known = catalogue.all_sets()
        if self.name not in known:
            if is_stored(info):
                return self
            raise ValueError(f"data.name is {_shown_value(self.name)}, but there is no such data set; {nearest(self.name, known)}")
        entry = known[self.name]
        for name in self.classes:
            if name not in entry.classes:
                hint = nearest(name, entry.classes) if entry.classes else "leave data.classes empty."
                raise ValueError(f"data.classes has {_shown_value(name)}, which is no class of “{self.name}”; {hint}")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("data.classes names a class twice, expected each at most once; remove one")
        if entry.kind == "points" and (self.flips or self.colour != "auto"):
            raise ValueError(f"data.name is '{self.name}', which holds points; switch data.flips off and set data.colour to auto")
        return self

    @property
    def entry(self) -> DataSet:
        """What the catalogue says of the data set. Raises InputError when it has been removed."""
        try:
            return catalogue.find(self.name)
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
        return round(self.held_out * catalogue.count_chosen(self.entry, self.classes))

    @property
    def images(self) -> int:
        """How many images there are to train on."""
        there = catalogue.count_chosen(self.entry, self.classes) - self.held_out_images
        return min(there, self.subset) if self.subset else there


class MlpConfig(Section):
    """Two multilayer perceptrons (fully connected layers), as in Goodfellow et al. 2014 (1406.2661)."""

    family: Literal["mlp"] = option("mlp", "Architecture", "Fully connected layers: simple, fast, and a little noisy.")
    latent: int = option(
        64, "Latent size", "Length of the latent vector z, the random numbers that the generator turns into one image.",
        unit="numbers", ge=1, le=1024,
    )  # fmt: skip
    hidden: int = option(
        256, "Hidden size", "Neurons in each of the two hidden layers, in both networks.",
        unit="neurons", ge=8, le=4096,
    )  # fmt: skip
    batch_norm: bool = option(
        False, "Batch norm", "Normalise the generator's hidden layers over each batch (Ioffe & Szegedy 2015).",
    )  # fmt: skip


class DcganConfig(Section):
    """Two convolutional networks as in Radford et al. 2015 (1511.06434)."""

    family: Literal["dcgan"] = option("dcgan", "Architecture", "Convolutions with batch norm: sharper images, more work.")
    latent: int = option(
        100, "Latent size", "Length of the latent vector z, the random numbers that the generator turns into one image.",
        unit="numbers", ge=1, le=1024,
    )  # fmt: skip
    width: int = option(
        64, "Width", "Filters in the layer nearest to the image; each deeper layer has twice as many.",
        unit="filters", ge=4, le=256,
    )  # fmt: skip
    depth: int = option(
        3, "Depth", "How many times the image is halved (discriminator) or doubled (generator); 32 pixels halved 3 times are 4.",
        unit="layers", ge=1, le=6,
    )  # fmt: skip


Networks = Annotated[Union[MlpConfig, DcganConfig], Field(discriminator="family")]
FAMILIES: dict[str, type[Section]] = {"dcgan": DcganConfig, "mlp": MlpConfig}


class ObjectiveConfig(Section):
    """What the two networks are rewarded for."""

    loss: Literal["non-saturating", "minimax"] = option(
        "non-saturating", "Loss",
        "Minimax is the original game: the generator minimises log(1 − D(G(z))). Non-saturating gives it stronger "
        "gradients early on: it maximises log D(G(z)) (Goodfellow et al. 2014).",
    )  # fmt: skip


class OptimizerConfig(Section):
    """How the weights are updated (Adam, Kingma & Ba 2014)."""

    batch_size: int = option(
        64, "Batch size", "Real images, and as many generated ones, that each step looks at.", unit="images", ge=2, le=4096,
    )  # fmt: skip
    generator_lr: float = option(
        2e-4, "Generator learning rate", "How far one step moves the generator's weights.", gt=0, le=1,
    )  # fmt: skip
    discriminator_lr: float = option(
        2e-4, "Discriminator learning rate", "How far one step moves the discriminator's weights.", gt=0, le=1,
    )  # fmt: skip
    beta1: float = option(
        0.5, "Adam β₁", "Memory of past gradients (momentum); GANs prefer 0.5 or less over the usual 0.9.", ge=0, lt=1,
    )  # fmt: skip
    beta2: float = option(
        0.999, "Adam β₂", "Memory of past squared gradients, which scales each weight's own step.", ge=0, lt=1,
    )  # fmt: skip
    ema_decay: float = option(
        0.99, "EMA decay",
        "Samples come from a running average of the generator's weights: average ← decay·average + (1 − decay)·weights "
        "after each step; 0 switches it off.", ge=0, lt=1,
    )  # fmt: skip


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


class CadenceConfig(Section):
    """How often things are written down; 0 means never."""

    log_every: Span = option(
        Span(count=10), "Log every", "Losses, D(real), D(fake), gradient norms and speed: one point of the curves.",
    )  # fmt: skip
    sample_every: Span = option(
        Span(count=1, unit="epochs"), "Samples every", "A grid of images from always the same latent vectors.",
    )  # fmt: skip
    score_every: Span = option(
        Span(count=0, unit="epochs"), "Scores every", "FID and IS during training; each pauses the training for a moment.",
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


class RunConfig(Section):
    """Everything that a run was asked to do; written once as ``config.json``."""

    schema_version: Literal[1] = 1
    preset: str = Field(default="", max_length=64)
    data: DataConfig = DataConfig()
    networks: Networks = DcganConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    training: TrainingConfig = TrainingConfig()
    cadence: CadenceConfig = CadenceConfig()

    @model_validator(mode="after")
    def fit_together(self, info: ValidationInfo) -> RunConfig:
        """Refuse combinations that cannot be trained."""
        if isinstance(self.networks, DcganConfig) and self.data.size >> self.networks.depth < 2:
            deepest = self.data.size.bit_length() - 2
            raise ValueError(
                f"networks.depth is {self.networks.depth}, but {self.data.size}-pixel images can be halved at most "
                f"{deepest} times; set networks.depth to {deepest} or less, or choose larger images"
            )
        if is_stored(info) and self.data.name not in catalogue.all_sets():
            return self
        if self.data.is_points and not isinstance(self.networks, MlpConfig):
            raise ValueError(
                f"networks.family is {self.networks.family}, but “{self.data.name}” holds points, not images; "
                "set networks.family to mlp"
            )
        if self.optimizer.batch_size > self.data.images:
            raise ValueError(
                f"optimizer.batch_size is {self.optimizer.batch_size}, but there are only {self.data.images} images of "
                f"“{self.data.name}” to train on; choose a smaller batch or more images"
            )
        return self

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass over the real images (the last, smaller one is left out)."""
        return self.data.images // self.optimizer.batch_size

    @property
    def total_steps(self) -> int:
        """Generator steps of the whole training."""
        return self.training.length.in_steps(self.steps_per_epoch)


def sections() -> dict[str, FieldInfo]:
    """Return the groups of settings of a :class:`RunConfig` by name, in the order in which a form shows them."""
    return {name: info for name, info in RunConfig.model_fields.items() if name not in ("schema_version", "preset")}


def parse(raw: Any, *, stored: bool = False) -> RunConfig:
    """Return the configuration in ``raw`` (parsed JSON). Raises InputError with one sentence for the first mistake.

    That of a ``stored`` run may name a data set that has been removed since.
    """
    if not isinstance(raw, dict):
        raise InputError("The configuration is not a JSON object; expected one as written in a run's config.json.")
    version = raw.get("schema_version", SCHEMA_VERSION)
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise InputError(
            f"The configuration has schema version {version}, but this program knows versions up to "
            f"{SCHEMA_VERSION}; update the program to use it."
        )
    try:
        return RunConfig.model_validate(raw, context={"is_stored": stored})
    except ValidationError as error:
        raise InputError(explain(error)) from None


def replace(config: RunConfig, changes: dict[str, Any]) -> RunConfig:
    """Return ``config`` with ``changes`` such as ``{"optimizer.batch_size": 32}`` applied and validated as a whole.

    Setting ``networks.family`` to another family starts from that family's defaults and keeps the fields that both have.
    Raises InputError for unknown keys and bad values.
    """
    raw = config.model_dump(mode="json")
    family = changes.get("networks.family")
    if isinstance(family, str) and family in FAMILIES and family != config.networks.family:
        fields = FAMILIES[family].model_fields
        kept = {key: value for key, value in raw["networks"].items() if key in fields and key not in ("family", "latent")}
        raw["networks"] = {"family": family, **kept}
    for key, value in changes.items():
        section, _, field = key.partition(".")
        if section not in sections() or not field or "." in field:
            known = [f"{name}.{field}" for name in sections() for field in raw[name]]
            raise InputError(f"There is no setting “{shown(key)}”; " + nearest(key, known))
        raw[section][field] = value
    return parse(raw)


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Return ``["optimizer.batch_size=32"]`` as a dictionary for :func:`replace`; values are JSON or plain text."""
    changes: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise InputError(f"“{shown(assignment)}” is not a setting; expected section.field=value, e.g. optimizer.batch_size=32.")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = text.strip()
        changes[key.strip()] = value
    return changes


def assignments(start: RunConfig, config: RunConfig) -> list[str]:
    """Return the ``--set`` arguments that turn ``start`` into ``config``."""
    family = {"networks.family": config.networks.family} if config.networks.family != start.networks.family else {}
    begun, wanted = flatten(replace(start, family)), flatten(config)
    changes = family | {key: value for key, value in wanted.items() if begun[key] != value}
    return [part for key, value in changes.items() for part in ("--set", f"{key}={_as_text(value)}")]


def _as_text(value: Any) -> str:
    """Return a value so that :func:`parse_assignments` reads it back."""
    return value if isinstance(value, str) else json.dumps(value)


def explain(error: ValidationError) -> str:
    """Return one sentence for the first mistake in ``error``: what was wrong, what was expected, what to do."""
    first = error.errors()[0]
    where, family = _place(first["loc"])
    key = shown(".".join(where)) or "configuration"
    value = _shown_value(first.get("input"))
    kind, context = first["type"], first.get("ctx", {})
    if kind == "extra_forbidden":
        return _explain_unknown(where, family)
    if kind == "value_error":
        message = str(context.get("error", first["msg"])).rstrip(".")
        if message.split(" ", maxsplit=1)[0].partition(".")[0] not in sections():
            return f"{key} is {value}: {message}; change it."
        return message if message.endswith("?") else f"{message}."
    if kind == "literal_error":
        return f"{key} is {value}, expected one of {context['expected']}; choose one of these."
    if kind == "union_tag_invalid":
        tag = _shown_value(context.get("tag"))
        return f"{key}.family is {tag}, expected one of {context['expected_tags']}; choose one of these."
    if kind == "union_tag_not_found" and isinstance(first.get("input"), dict):
        return f"{key}.family is missing, expected one of {', '.join(FAMILIES)}; add it."
    if kind == "missing":
        return f"{key} is missing; add it."
    return f"{key} is {value}, expected {_expected(where, family, first)}; change it."


def _place(loc: tuple[int | str, ...]) -> tuple[list[str], str]:
    """Return the path of keys to a mistake, and the family of the networks where that is part of pydantic's ``loc``."""
    where, family = [str(part) for part in loc], ""
    if where[:1] == ["networks"] and len(where) > 1:
        family = where.pop(1)
    if _owner(where[:-1], family) is Span.model_fields and where[-1] in Span.model_fields:
        where.pop()  # people write a length as one text
    return where, family


def _explain_unknown(where: list[str], family: str) -> str:
    """Return the sentence for a key that is not there: what is near, or which family of networks has it."""
    key = ".".join(where)
    owners = [name for name, model in FAMILIES.items() if where == ["networks", where[-1]] and where[-1] in model.model_fields]
    if owners:
        change = f"remove it, or set networks.family to {owners[0]}"
        return f"The setting “{key}” belongs to {' and '.join(owners)}, and these networks are {family}; {change}."
    known = [".".join([*where[:-1], name]) for name in _owner(where[:-1], family)]
    return f"There is no setting “{shown(key)}”; " + (nearest(key, known) if known else "remove it.")


def _shown_value(value: Any) -> str:
    """Return a value as it may stand in a sentence."""
    if isinstance(value, (dict, BaseModel)):
        return "a group"
    try:
        return shown(repr(value))
    except ValueError:  # Python refuses to write integers of more than 4,300 digits
        return "a very long number"


def _expected(where: list[str], family: str, first: Any) -> str:
    """Return what the field at ``where`` takes, in words, from its annotation and bounds."""
    info = _owner(where[:-1], family).get(where[-1]) if where else None
    if info is None:
        message: str = first["msg"]
        return message[:1].lower() + message[1:]
    return describe_range(info)


def describe_range(info: FieldInfo) -> str:
    """Return what a field accepts in words, e.g. "a whole number from 2 to 4096 (images)"."""
    kind = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}.get(info.annotation, "")  # type: ignore[arg-type]
    if get_origin(info.annotation) is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(info.annotation))
    if info.annotation is Span:
        return "something like “10 epochs” or “500 steps”, at most 100000000"
    if get_origin(info.annotation) is Union or (isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)):
        return "a group of settings"
    if info.annotation == tuple[str, ...]:
        return "names of classes, separated by commas"
    bounds = bounds_of(info)
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    words = ""
    if low is not None:
        words = f" above {low:g}" if "gt" in bounds else f" from {low}"
    if high is not None:
        words += f" and below {high:g}" if "lt" in bounds else f" to {high}"
    longest = next((limit for part in info.metadata if (limit := getattr(part, "max_length", None))), None)
    if longest is not None:
        words = f" of at most {longest} characters"
    unit = (info.json_schema_extra or {}).get("unit", "")  # type: ignore[union-attr]
    return f"{kind}{words}" + (f" ({unit})" if unit else "")


def bounds_of(info: FieldInfo) -> dict[str, Any]:
    """Return the ``ge``, ``gt``, ``le`` and ``lt`` limits of a field, as far as it has them."""
    found = {}
    for constraint in info.metadata:
        for name in ("ge", "gt", "le", "lt"):
            if getattr(constraint, name, None) is not None:
                found[name] = getattr(constraint, name)
    return found


def _owner(where: list[str], family: str) -> dict[str, FieldInfo]:
    """Return the fields of the group at ``where``; under ``networks`` those of ``family``. Empty for anything else."""
    fields: dict[str, FieldInfo] = RunConfig.model_fields
    for part in where:
        model = FAMILIES.get(family) if part == "networks" else fields[part].annotation if part in fields else None
        fields = model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}
    return fields


def difference(configs: list[RunConfig]) -> list[str]:
    """Return the keys ("optimizer.batch_size") whose values are not the same in all ``configs``."""
    flat = [flatten(config) for config in configs]
    keys = list(dict.fromkeys(key for one in flat for key in one))
    return [key for key in keys if len({json.dumps(one.get(key)) for one in flat}) > 1]


def flatten(config: RunConfig) -> dict[str, Any]:
    """Return all settings as ``{"optimizer.batch_size": 64, ...}``, in form order."""
    raw = config.model_dump(mode="json")
    return {f"{name}.{field}": value for name in sections() for field, value in raw[name].items()}


def field_info(config: RunConfig, key: str) -> FieldInfo:
    """Return the field behind a key such as "optimizer.batch_size" (title, help, bounds) for this configuration."""
    section, _, field = key.partition(".")
    return type(getattr(config, section)).model_fields[field]
