"""The data section: which real images a run trains on, and how they are prepared."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import field_validator, model_validator

from gan.catalogue import data_sets
from gan.catalogue.data_sets import DataSet
from gan.config.fields import LONGEST, Section, option, split
from gan.errors import InputError, as_sentence, nearest, quoted, shown

#: Sides of images in pixels. 28 is that of MNIST and its relatives, which are then not scaled.
Size = Literal[16, 28, 32, 64, 128, 256]
SIZES: tuple[int, ...] = get_args(Size)


class DataConfig(Section):
    """Which real images the generator imitates, and how they are prepared."""

    name: str = option(
        "digits", "Data set", "The real images, or points, that the generator learns to imitate.", max_length=100, code="{}"
    )  # with a limit, pydantic also refuses characters that no file can hold
    size: Size = option(
        32,
        "Image size",
        "Width and height of the images. Doubling the size means about four times the work. MNIST has 28 and is not scaled then, "
        "which is possible with an MLP, the Keras DCGAN, and a DCGAN of depth 1 or 2.",
        unit="pixels",
        code="{} px",
    )
    fit: Literal["crop", "pad"] = option(
        "crop", "Fit", "Images that are not square: crop keeps the middle, pad keeps everything and adds black bars.", code="{}"
    )
    colour: Literal["auto", "grey", "colour"] = option(
        "auto",
        "Colour",
        "Auto keeps the images as they are. Grey uses one channel instead of three and trains slightly faster.",
        code="colour {}",
    )
    classes: tuple[str, ...] = option(
        (), "Classes", "Train only on images of these classes. Leave empty to use all.", max_length=1000, code="classes {}"
    )
    subset: int = option(
        0,
        "Subset",
        "Number of training images, drawn at random; 0 uses all. With few images the discriminator tends to memorise them.",
        unit="images",
        ge=0,
        le=LONGEST,
        code="subset {}",
    )
    subset_seed: int = option(
        0, "Subset seed", "Random seed that selects the subset and the held-out images.", ge=0, le=2**31 - 1, code="subset s{}"
    )
    flips: bool = option(
        False,
        "Horizontal flips",
        "Mirror each real image with probability ½ whenever it is shown. Adds variety if left and right do not matter.",
        code="flips {}",
    )
    held_out: float = option(
        0.0, "Held out", "Share of the images that is never used for training; scores then compare with these.", ge=0, le=0.9
    )

    @field_validator("classes", mode="before")
    @classmethod
    def split_classes(cls, value: Any) -> Any:
        """Accept "3, 7", 3 and [3, 7] as names of classes."""
        value = split([value] if isinstance(value, int) and not isinstance(value, bool) else value)
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
            raise InputError(f"The data set “{shown(self.name)}” no longer exists; import it again under that name.") from None

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
