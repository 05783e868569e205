"""Explore a trained generator: walks between latents, neighbours, arithmetic, nearest images, and its training as a film."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from gan.data.feed import to_float, to_pixels
from gan.errors import InputError
from gan.play import wire
from gan.play.messages import LATENTS
from gan.play.setup import Setup
from gan.playground import explored
from gan.playground.views import as_array, number

SHOWN = 16
_WALK = 12  # images of a whole walk
_NEAREST = 7
_FRAMES, _FILM_SIZE, _FRAME_MS = 100, 512, 180

#: Number of a seed, and which of its latent vectors.
Pick = tuple[int, int]


class Explorer:
    """One visitor's view of a trained generator. Every message is answered with images; nothing goes on by itself."""

    def __init__(self, setup: Setup, root: Path) -> None:
        """Load the generator. Raises InputError if there is none, or if it cannot be explored."""
        assert setup.start is not None
        self._source = explored.find(root, setup.start)

    def wait(self, now: float) -> float | None:
        """Return None: an explorer waits for its visitor."""
        return None

    def turn(self) -> bytes:
        """Do nothing that was not asked for."""
        raise NotImplementedError

    def opened(self, *, is_continued: bool) -> bytes:
        """Return the message with which exploring begins, or goes on in a new socket."""
        facts = {"is_explore": True, "is_points": False, "is_continued": is_continued}
        return wire.pack({"kind": "opened", **facts, **self._source.about})

    def frame(self) -> bytes:
        """Return the images that are shown first."""
        return self._drawn("samples", 0, self._source.draw(self._picked([(0, place) for place in range(SHOWN)])))

    def obey(self, message: dict[str, Any]) -> list[bytes]:
        """Answer a message "draw" (:class:`gan.play.messages.Draw`). Raises InputError for what cannot be drawn."""
        if message["do"] != "draw":
            return []
        mode, ticket = message["mode"], message["ticket"]
        picks: list[Pick] = [(seed, place) for seed, place in message["picks"]]
        if mode not in ("samples", "film") and not picks:
            raise InputError("No sample is chosen; choose one or more first.")
        if mode == "film":
            return [self._film(ticket)]
        if mode == "nearest":
            return [self._nearest(ticket, picks, message)]
        if mode == "samples":
            z = self._picked([(message["seed"], place) for place in range(SHOWN)])
        elif mode == "walk":
            z = self._walk(picks, message["share"])
        elif mode == "neighbours":
            z = self._neighbours(picks[0], message["radius"], message["seed"])
        else:
            z = self._sum(picks, *([(seed, place) for seed, place in message[name]] for name in ("minus", "plus")))
        return [self._drawn(mode, ticket, self._source.draw(z * message["truncation"], message["label"]))]

    def _picked(self, picks: Sequence[Pick]) -> Tensor:
        """Return the latent vectors [n, latent] of picks."""
        drawn = {seed: self._latents(LATENTS, seed) for seed, _ in picks}
        return torch.stack([drawn[seed][place] for seed, place in picks])

    def _latents(self, count: int, seed: int) -> Tensor:
        return torch.randn(count, self._source.latent, generator=torch.Generator().manual_seed(seed))

    def _walk(self, picks: Sequence[Pick], share: float | None) -> Tensor:
        """Return latent vectors on the way through all picks: 12, or the one at a ``share`` (0 to 1) of the way."""
        ends = self._picked(picks)
        if len(ends) == 1:
            return ends
        places = torch.linspace(0, 1, _WALK) if share is None else torch.tensor([share])
        legs = len(ends) - 1
        found = []
        for place in (places * legs).tolist():
            leg = min(int(place), legs - 1)
            found.append(slerp(ends[leg], ends[leg + 1], place - leg))
        return torch.stack(found)

    def _neighbours(self, pick: Pick, radius: float, seed: int) -> Tensor:
        """Return a latent vector and 15 around it; ``radius`` from 0 (the same) to 1 (any other)."""
        centre = self._picked([pick])
        others = self._latents(SHOWN - 1, seed)
        return torch.cat([centre, torch.stack([slerp(centre[0], other, radius) for other in others])])

    def _sum(self, base: list[Pick], minus: list[Pick], plus: list[Pick]) -> Tensor:
        """Return the means of up to three groups and base − minus + plus, all of the length that latent vectors have.

        As in Radford et al. 2016 (1511.06434), section 6.3.2, where the means are of three samples each.
        """
        means = [self._picked(group).mean(dim=0) for group in (base, minus, plus) if group]
        total = self._picked(base).mean(dim=0)
        if minus:
            total = total - self._picked(minus).mean(dim=0)
        if plus:
            total = total + self._picked(plus).mean(dim=0)
        length = self._source.latent**0.5
        return torch.stack([one * (length / max(float(one.norm()), 1e-6)) for one in [*means, total]])

    def _drawn(self, mode: str, ticket: int, images: Tensor, **facts: Any) -> bytes:
        head = {"kind": "drawn", "mode": mode, "ticket": ticket, **facts}
        return wire.pack(head, [as_array("images", images.permute(0, 2, 3, 1))])

    def _nearest(self, ticket: int, picks: Sequence[Pick], message: dict[str, Any]) -> bytes:
        """Return an image and the training images nearest to it, pixel by pixel, with the root mean squared differences."""
        image = self._source.draw(self._picked(picks[:1]) * message["truncation"], message["label"])
        reals, fitted = self._source.compared(image)
        squared = (reals.flatten(1) - to_float(fitted).flatten(1)).square().mean(dim=1)
        found = squared.topk(min(_NEAREST, len(squared)), largest=False)
        pixels = to_pixels(reals[found.indices])
        distances = [number(127.5 * value**0.5) for value in found.values.tolist()]
        return self._drawn("nearest", ticket, torch.cat([fitted, pixels]), distances=distances, searched=len(reals))

    def _film(self, ticket: int) -> bytes:
        """Return the samples of the training, always of the same latent vectors, as an animated WebP."""
        found = list(self._source.samples().items())
        if len(found) < 2:
            raise InputError("This run has fewer than two snapshots of samples, so there is no film; train it for longer.")
        places = sorted({round(place * (len(found) - 1) / (_FRAMES - 1)) for place in range(_FRAMES)})
        pictures, steps = [], []
        for step, path in (found[place] for place in places):
            with contextlib.suppress(OSError), Image.open(path) as picture:
                picture.load()
                factor = _FILM_SIZE / max(picture.size)
                size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
                pictures.append(
                    picture.convert("RGB").resize(size, Image.Resampling.BOX if factor < 1 else Image.Resampling.NEAREST)
                )
                steps.append(step)
        if len(pictures) < 2:
            raise InputError("The snapshots of this run cannot be read, so there is no film; restore them from a copy.")
        times = [*[_FRAME_MS] * (len(pictures) - 1), 8 * _FRAME_MS]
        content = io.BytesIO()
        pictures[0].save(content, "WEBP", save_all=True, append_images=pictures[1:], duration=times, loop=0, quality=70, method=2)
        film = content.getvalue()
        if len(film) > wire.MOST_BYTES // 2:
            raise InputError("The film is too large to be sent; choose a run with smaller pictures.")
        head = {"kind": "drawn", "mode": "film", "ticket": ticket, "steps": steps}
        return wire.pack(head, [("film", "uint8", [len(film)], film)])


def slerp(start: Tensor, end: Tensor, share: float) -> Tensor:
    """Return the vector at a ``share`` (0 to 1) of the way from ``start`` to ``end``, turning instead of cutting through.

    A straight line would pass near the origin, where no latent vector of a normal distribution lies. White 2016 (1609.04468).
    """
    lengths = start.norm(), end.norm()
    cosine = (start @ end / (lengths[0] * lengths[1]).clamp_min(1e-12)).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if float(angle.sin()) < 1e-6:
        return torch.lerp(start, end, share)
    return (torch.sin((1 - share) * angle) * start + torch.sin(share * angle) * end) / angle.sin()
