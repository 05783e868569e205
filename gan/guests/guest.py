"""The directory of a guest: its pictures, where they come from, and its scores, in the files of a run."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field

from gan import runs
from gan.config import RunConfig
from gan.config.data import DataConfig, Size
from gan.errors import InputError, explained
from gan.runs import Run, index
from gan.runs.listing import Listed
from gan.runs.records import RUN_ID
from gan.runs.registry import GUEST, GUESTS
from gan.storage.models import read_model, stamp

if TYPE_CHECKING:
    import numpy as np

MARK = "(guest)"  # at the end of every name
PICTURES = "pictures.bin"
_ORIGINAL, _EXPORT, _PAIR = "generator.original", "generator.safetensors", "pair.safetensors"

Unit = Literal["epoch", "step", ""]


class Place(BaseModel):
    """Pictures from one moment of a training: rows ``start`` to ``start + count``, at the epoch or step ``number``."""

    model_config = ConfigDict(frozen=True)

    number: int = Field(default=0, ge=0, le=10**15)
    start: int = Field(ge=0)
    count: int = Field(ge=1)


class Network(BaseModel):
    """The generator that a guest was drawn from.

    ``title``: what it is. ``config``: the settings of a run with this network; empty if it is none of ours, for the reason
    ``misfit``. ``discriminator``: name of its file, if it was given. ``why_not``: why the two cannot be trained on.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    title: str = Field(max_length=1000)
    config: dict[str, Any] = {}
    misfit: str = ""
    discriminator: str = Field(default="", max_length=300)
    why_not: str = ""


class Facts(BaseModel):
    """What is known of a guest.

    ``source``: name of the file or folder, as text. ``data``, ``size``, ``channels``: what it is scored as.
    ``unit``: what the numbers of its places are. ``batch``: images per step, 0 if unknown. ``weights``: whether its generator had
    averaged weights. ``conditions``: what decides whether a comparison is fair, see :mod:`gan.judging.conditions`. ``network``: the
    generator, if it was given and not only its pictures.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    schema_version: Literal[1] = 1
    source: str = Field(default="", max_length=300)
    data: str = Field(max_length=100)
    size: Size
    channels: Literal[1, 3]
    images: int = Field(ge=1)
    unit: Unit = ""
    batch: int = Field(default=0, ge=0, le=10**9)
    weights: Literal["raw", "EMA"] = "raw"
    places: tuple[Place, ...] = Field(min_length=1)
    conditions: dict[str, Any] = {}
    network: Network | None = None


@dataclass(frozen=True)
class Guest(Run):
    """Pictures made elsewhere, with a name, an owner and scores like a run, but without settings, curves and checkpoints.

    Whatever shows, compares or reports runs takes it as a run whose settings are unknown.
    """

    @property
    def root(self) -> Path:
        """Folder of all runs, which has the folder of all guests."""
        return self.path.parent.parent

    @property
    def has_checkpoint(self) -> bool:
        """Whether it can be scored: a guest always has its pictures."""
        return True

    @property
    def facts_path(self) -> Path:
        return self.path / GUEST

    @property
    def original_path(self) -> Path:
        """File of a generator that is none of ours, as it was given."""
        return self.path / _ORIGINAL

    @property
    def export_path(self) -> Path:
        """Generator in the format of our exports."""
        return self.path / _EXPORT

    @property
    def pair_path(self) -> Path:
        """Tensors of both players, as in a checkpoint."""
        return self.path / _PAIR

    @property
    def generator_path(self) -> Path:
        """File to draw from. Raises InputError if the guest has pictures only."""
        found = next((path for path in (self.export_path, self.original_path) if path.is_file()), None)
        if found is None:
            raise InputError(f"“{self.label()}” has pictures only, no generator; import the file of its generator as a guest.")
        return found

    @property
    def has_generator(self) -> bool:
        """Whether its generator is here, so that it can be explored and exported."""
        return self.export_path.is_file() or self.original_path.is_file()

    def facts(self) -> Facts:
        """Return what is known of the guest. Raises InputError if its file is missing or damaged."""
        return read_model(Facts, self.facts_path)

    def config(self) -> RunConfig:
        """Raise InputError: the settings of a guest are unknown."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise InputError(f"“{self.label()}” was made elsewhere, so it has no settings here; choose a run.")

    def data(self) -> DataConfig:
        """Return the real images that it is scored against. Raises InputError if that data set is gone."""
        facts = self.facts()
        config = DataConfig(name=facts.data, size=facts.size)
        colour: Literal["grey", "colour"] = "grey" if facts.channels == 1 else "colour"
        return config if config.channels == facts.channels else DataConfig(name=facts.data, size=facts.size, colour=colour)

    def pixels(self) -> np.ndarray:
        """Return its pictures, uint8 [N, S, S, C], mapped from disk. Raises InputError if the file is damaged."""
        facts, path = self.facts(), self.path / PICTURES
        shape = facts.images, facts.size, facts.size, facts.channels
        if stamp(path)[2] != math.prod(shape):
            raise InputError(f"The pictures of “{self.label()}” are damaged; delete the guest and import it again.")
        import numpy as np  # most pages list guests, and do without it

        with explained(f"reading the pictures of “{self.label()}”"):
            return np.memmap(path, dtype=np.uint8, mode="r", shape=shape)

    def label(self) -> str:
        """Return its display name, which always says that it is a guest."""
        name = self.told().name or self.id
        return name if name.endswith(MARK) else f"{name} {MARK}"

    def moment(self, number: int) -> str:
        """Return a place in words: "Epoch 500", "Step 2,000", or the number of pictures if it has no places."""
        try:
            facts = self.facts()
        except InputError:
            return ""
        return f"{facts.unit.capitalize()} {number:,}" if facts.unit else f"{facts.images:,} pictures"

    def moment_of(self, place: Place) -> dict[str, Any]:
        """Return ``step``, ``epoch`` and ``images_seen`` of a place, each None if unknown.

        An epoch is one pass over the whole data set; a step needs the number of images per step. Raises InputError if the data set
        is gone.
        """
        facts, images = self.facts(), self.data().images
        if facts.unit == "epoch":
            seen = place.number * images
            return {"step": round(seen / facts.batch) if facts.batch else None, "epoch": float(place.number), "images_seen": seen}
        if facts.unit == "step":
            shown = place.number * facts.batch or None
            return {"step": place.number, "epoch": shown / images if shown else None, "images_seen": shown}
        return dict.fromkeys(("step", "epoch", "images_seen"))

    def scores(self) -> list[dict[str, Any]]:
        """Return its scores in file order; of those of one place that were measured alike, the latest."""
        found = super().scores()
        latest = {_key(line): index for index, line in enumerate(found)}
        return [line for index, line in enumerate(found) if latest[_key(line)] == index]


def _key(line: dict[str, Any]) -> tuple[Any, ...]:
    asked = tuple(line.get(name) for name in ("extractor_id", "images", "draws", "seed"))
    return (
        line.get("source"),
        line.get("step"),
        line.get("epoch"),
        *(asked if line.get("source") == "training" else (line.get("time"),)),
    )


def folder(root: Path) -> Path:
    """Return the folder of all guests."""
    return root / GUESTS


def list_guests(root: Path) -> list[Guest]:
    """Return all guests in ``root``, newest first; an empty list if there are none."""
    place = folder(root)
    try:
        names = sorted((name for name in os.listdir(place) if RUN_ID.fullmatch(name)), reverse=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"The guests in {place} cannot be read ({error.strerror}); make the folder accessible.") from error
    return [Guest(place / name) for name in names]


def listed(root: Path) -> list[Listed]:
    """Return all guests with what lists show of them, newest first."""
    return [index.look(guest) for guest in list_guests(root)]


def find(root: Path, run_id: str) -> Run:
    """Return the run or the guest with this id. Raises InputError as :func:`gan.runs.find` does."""
    if RUN_ID.fullmatch(run_id) and (guest := Guest(folder(root) / run_id)).path.is_dir():
        return guest
    return runs.find(root, run_id)
