"""What is explored: the generator of a run, or of a guest."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor

from gan import runs
from gan.config.data import DataConfig
from gan.data import decoder, loaders
from gan.data.feed import to_float, to_pixels
from gan.errors import InputError, quoted
from gan.guests import guest as guests
from gan.guests.guest import Guest
from gan.networks import foreign
from gan.play import setup as setups
from gan.play.setup import Start
from gan.training import labels, sampling

_FEW = 10_000  # training images that are searched
_MOST_WORK = 2_000_000_000  # multiply-adds per picture of a guest: 16 of them take about a second
_NO_FILM = "A generator from a file has no past here, so there is no film."


class Explored(Protocol):
    """A generator to explore. ``latent``: length of its latent vectors; ``about``: what its page says of it."""

    @property
    def latent(self) -> int: ...

    @property
    def about(self) -> dict[str, Any]: ...

    def draw(self, z: Tensor, label: str = "") -> Tensor:
        """Return images uint8 [N, C, H, W]; of the class ``label``, or of all classes in turn if it is empty."""
        ...

    def compared(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return up to 10,000 real images, float32 from −1 to 1, and a drawn image, uint8 [1, C, H, W], at their size."""
        ...

    def samples(self) -> Mapping[int, Path]:
        """Return the grids of samples during the training, by step."""
        ...


def find(root: Path, start: Start) -> Explored:
    """Return what a set-up starts from. Raises InputError if it is not there or cannot be explored."""
    found = guests.find(root, start.run)
    return OfGuest(found) if isinstance(found, Guest) else OfRun(runs.find(root, start.run), start.checkpoint)


class OfRun:
    """The generator of a run."""

    def __init__(self, run: runs.Run, checkpoint: str) -> None:
        """Load the generator. Raises InputError if there is no checkpoint, or if it draws points."""
        self._run, self._config = run, run.config()
        if self._config.data.is_points:
            raise InputError("This run draws points, and only pictures can be explored; choose a run on images.")
        setups.require_small(self._config)
        saved = sampling.newest(run, "Exploring", checkpoint)
        self._generator, self._weights = sampling.restore(self._config, saved, torch.device("cpu"))
        self._step = saved.step

    @property
    def latent(self) -> int:
        return self._config.networks.latent

    @property
    def about(self) -> dict[str, Any]:
        data, count = self._config.data, len(self._run.samples())
        facts = {"size": data.size, "channels": data.channels, "classes": list(self._config.told), "weights": self._weights}
        return {**facts, "step": self._step, "snapshots": count}

    def draw(self, z: Tensor, label: str = "") -> Tensor:
        told = labels.of(self._config, label, len(z)) if label else labels.in_columns(self._config, len(z))
        return to_pixels(sampling.generate(self._generator, z, told, contextlib.nullcontext))

    def compared(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return self._training, image

    @cached_property
    def _training(self) -> Tensor:
        return _some(self._config.data)

    def samples(self) -> Mapping[int, Path]:
        return self._run.samples()


class OfGuest:
    """The generator of a guest, whose real images are those that it is scored against."""

    def __init__(self, guest: Guest) -> None:
        """Load the generator. Raises InputError if the guest has none, or one that is too slow."""
        self._guest, self._generator = guest, foreign.read(guest.generator_path, guest.facts().source)
        if self._generator.work > _MOST_WORK:
            raise InputError(
                f"“{guest.label()}” takes {self._generator.work / 1e9:,.1f} billion multiply-adds a picture, expected at most "
                f"{_MOST_WORK / 1e9:,.0f} billion for exploring; draw from it with “python -m gan sample” instead."
            )
        places = [place for place, share in enumerate(self._generator.shares) if share]
        names = guest.data().entry.classes if len(guest.data().entry.classes) == len(self._generator.shares) else ()
        self._classes = {names[place] if names else str(place): place for place in places}

    @property
    def latent(self) -> int:
        return self._generator.latent

    @property
    def about(self) -> dict[str, Any]:
        channels, high, _ = self._generator.shape
        number = max(place.number for place in self._guest.facts().places)
        facts = {"size": high, "channels": channels, "classes": list(self._classes), "weights": self._guest.facts().weights}
        told = {"moment": self._guest.moment(number), "reals": f"pictures of {self._guest.data().entry.title}"}
        return {**facts, **told, "step": 0, "snapshots": 0, "missing": {"film": _NO_FILM}}

    def draw(self, z: Tensor, label: str = "") -> Tensor:
        if label and label not in self._classes:
            known = ", ".join(self._classes) or "none"
            raise InputError(f"{quoted(label)} is no class of this generator, which has {known}; choose one of these.")
        if not self._classes:
            return self._generator.pictures(z)
        places = torch.tensor([self._classes[label]] if label else list(self._classes.values()))
        return self._generator.pictures(z, places.repeat(-(-len(z) // len(places)))[: len(z)])

    def compared(self, image: Tensor) -> tuple[Tensor, Tensor]:
        data, pixels = self._guest.data(), image[0].permute(1, 2, 0).numpy()
        picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        fitted = torch.from_numpy(decoder.fit(picture, data.size, "crop", data.channels).copy())  # as its pictures were for scores
        return self._training, fitted.permute(2, 0, 1)[None]

    @cached_property
    def _training(self) -> Tensor:
        return _some(self._guest.data())

    def samples(self) -> Mapping[int, Path]:
        raise InputError(_NO_FILM)


def _some(data: DataConfig) -> Tensor:
    """Return up to 10,000 training images, float32 from −1 to 1."""
    images = loaders.load(data)
    places = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:_FEW]
    return to_float(images.take(places))
