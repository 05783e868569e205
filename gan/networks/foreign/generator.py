"""A generator that another program has trained: its network, pictures drawn from it, and the same network as one of ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode

from gan.config import RunConfig
from gan.errors import InputError

MOST_VALUES = 1 << 26  # weights of a network: 268 MB in float32
SIZES = (8, 512)  # pixels of the sides of its pictures
MOST_LATENT = 4096
MOST_WORK = 50_000_000_000  # multiply-adds per picture: seconds on one core

_BATCH, _BATCH_WORK = 50, 10_000_000_000  # pictures drawn at once, and their multiply-adds


class Misfit(Exception):
    """A network that is none of ours; the text is a clause on what was found and expected."""


@dataclass(frozen=True)
class Ours:
    """A network as one of ours: the settings that follow from its shapes, and its tensors by our names.

    ``config`` has the right networks and size; its data set is a placeholder. ``channels``: of the pictures.
    """

    config: RunConfig
    channels: int
    tensors: dict[str, Tensor]


@dataclass(frozen=True)
class Foreign:
    """A generator in evaluation mode: z [N, latent], and labels int64 [N] if it has classes → images [N, C, H, W].

    ``title`` says what it is, as in "Keras generator “g.keras”, 28 × 28 pixels". ``shape``: [C, H, W] of an image. ``low``: its
    darkest value, −1 or 0; the brightest is 1. ``shares``: how often each class is drawn, in any unit; empty without classes.
    ``work``: multiply-adds per picture. ``ours``: the same network as one of ours; None for the reason ``misfit``.
    """

    title: str
    network: nn.Module
    latent: int
    shape: tuple[int, int, int]
    shares: tuple[float, ...] = ()
    low: float = -1.0
    work: int = 0
    ours: Ours | None = field(default=None, repr=False)
    misfit: str = ""

    @torch.inference_mode()
    def draw(self, count: int, seed: int = 0) -> Iterator[Tensor]:
        """Yield ``count`` pictures, uint8 [n, C, H, W] with n up to 50, from normal latent vectors and random classes."""
        source, shares = torch.Generator().manual_seed(seed), torch.tensor(self.shares, dtype=torch.float64)
        most = max(1, min(_BATCH, _BATCH_WORK // max(1, self.work)))
        for place in range(0, count, most):
            batch = min(most, count - place)
            z = torch.randn(batch, self.latent, generator=source)
            told = torch.multinomial(shares, batch, replacement=True, generator=source) if self.shares else None
            yield self.pictures(z, told)

    @torch.inference_mode()
    def pictures(self, z: Tensor, told: Tensor | None = None) -> Tensor:
        """Return the pictures of latent vectors [N, latent] and classes int64 [N], uint8 [N, C, H, W]."""
        images = self.network(z, *([] if told is None else [told]))
        pixels: Tensor = (images - self.low).mul_(255 / (1 - self.low)).round_().clamp_(0, 255).byte()
        return pixels

    def as_ours(self, ours: Ours | None, misfit: str = "") -> Foreign:
        """Return the generator with what it is as one of ours, or why it is none."""
        return replace(self, ours=ours, misfit=misfit)


def finished(title: str, network: nn.Module, latent: int, *, shares: tuple[float, ...] = (), low: float = -1.0) -> Foreign:
    """Return a generator whose weights and pictures have been checked. Raises InputError if either cannot be used."""
    network.eval().requires_grad_(False)
    if any(not torch.isfinite(value).all() for value in network.state_dict().values()):
        raise InputError(f"{title} has weights that are infinite or no numbers; export it from an earlier epoch.")
    if not 1 <= latent <= MOST_LATENT:
        raise InputError(f"{title} has latent vectors of {latent} numbers, expected 1 to {MOST_LATENT}; choose another generator.")
    work = _work(network, latent, has_classes=bool(shares))
    if work > MOST_WORK:
        raise InputError(
            f"{title} takes {work / 1e9:,.0f} billion multiply-adds a picture, at most {MOST_WORK / 1e9:,.0f} billion are drawn "
            "here; draw its pictures where it was trained, and import those."
        )
    with torch.inference_mode():
        told = [torch.zeros(1, dtype=torch.int64)] if shares else []
        shape = tuple(network(torch.zeros(1, latent), *told).shape[1:])
    if len(shape) != 3 or shape[0] not in (1, 3) or not all(SIZES[0] <= side <= SIZES[1] for side in shape[1:]):
        found = " × ".join(map(str, shape))
        raise InputError(
            f"{title} draws {found} values, expected pictures of 1 or 3 channels with {SIZES[0]} to {SIZES[1]} pixels to a side; "
            "choose another generator."
        )
    return Foreign(f"{title}, {shape[2]} × {shape[1]} pixels", network, latent, shape, shares, low, work)


def _work(network: nn.Module, latent: int, *, has_classes: bool) -> int:
    """Return the multiply-adds for one picture, without computing it."""
    told = [torch.zeros(1, dtype=torch.int64, device="meta")] if has_classes else []
    weights = {key: torch.empty_like(value, device="meta") for key, value in network.state_dict(keep_vars=True).items()}
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        functional_call(network, weights, (torch.zeros(1, latent, device="meta"), *told))
    return int(counter.get_total_flops()) // 2
