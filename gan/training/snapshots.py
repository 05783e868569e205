"""Snapshots of a training: its samples, what the discriminator thinks of them, and the real images shown next to them."""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn

from gan import runs
from gan.config import GRID, RunConfig
from gan.data.feed import to_float, to_pixels
from gan.data.loaders import Images
from gan.runs import Run
from gan.storage import files
from gan.training import labels, opinions, pictures, statistics
from gan.training.dealer import draw_latents
from gan.training.game import Game
from gan.training.sampling import generate

_SHOWN_POINTS = 2000  # generated points per picture
_EARLY_SHARE = 0.01  # of the expected training time, for early samples
_FIRST_EARLY = 5  # step of the first early sample; each of the next comes at twice the step


class Snapshots:
    """Draws and saves the samples of a run, always from the same latent vectors."""

    def __init__(self, run: Run, config: RunConfig, images: Images, device: torch.device) -> None:
        self._run, self._config, self._images, self._device = run, config, images, device
        self._columns = len(config.columns) or GRID
        shown = _SHOWN_POINTS if config.data.is_points else GRID * self._columns
        source = torch.Generator().manual_seed(config.training.seed + 2)
        self._latents = draw_latents(config, shown, source).to(device)
        self._labels = labels.in_columns(config, shown)
        self._shown_reals = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[: GRID**2]
        self._estimated_at = -1  # step of the averaged generator's batch-norm statistics
        self._seconds = self._early_seconds = 0.0  # taken by the last snapshot, and by all early ones

    def sampler(self, game: Game, step: int) -> nn.Module:
        """Return the generator that samples are drawn from: the averaged one, if any, with batch-norm statistics of its own."""
        if game.average is None:
            return game.generator
        if self._estimated_at != step:
            statistics.estimate(game.average.module, self._config)
            self._estimated_at = step
        return game.average.module

    def is_early(self, step: int, regular: int, expected: float) -> bool:
        """Return whether an early snapshot is due and affordable: at steps 5, 10, 20, 40, … before the first ``regular`` one.

        ``expected``: seconds that the whole training will take.
        """
        if not self._config.cadence.early_samples or step >= regular:
            return False
        if step not in (_FIRST_EARLY << place for place in range(32)):
            return False
        return self._early_seconds + self._seconds <= _EARLY_SHARE * expected

    def save(self, game: Game, step: int, *, is_early: bool = False) -> None:
        """Save a picture of the samples, and what the discriminator thinks of them."""
        began = time.perf_counter()
        fakes = generate(self.sampler(game, step), self._latents, self._labels, game.autocast)
        if self._config.data.is_points:
            picture = pictures.scatter(fakes, self._images.values)
        else:
            picture = pictures.grid(to_pixels(fakes), columns=self._columns)
        self._save_opinions(game, step, fakes)
        files.write_atomically(self._run.samples_path / f"{step:08d}.png", pictures.to_png(picture), durable=False)
        self._seconds = time.perf_counter() - began
        if is_early:
            self._early_seconds += self._seconds

    def _save_opinions(self, game: Game, step: int, fakes: Tensor) -> None:
        """Save what the discriminator thinks of the real images shown and of the samples; of points, of as many."""
        count = GRID**2 if self._config.data.is_points else len(fakes)
        told = self._labels if self._labels is None else self._labels[:count]
        reals, classes = self._images.take(self._shown_reals), self._images.labels[self._shown_reals]
        reals = to_float(reals) if reals.dtype == torch.uint8 else reals
        packing = self._config.networks.packing
        found = runs.Opinions(
            is_probability=game.is_probability,
            real=opinions.judge(game, reals.to(self._device), None if told is None else classes, packing),
            fake=opinions.judge(game, fakes[:count], told, packing),
        )
        self._run.write_opinions(step, found)

    def save_reals(self) -> None:
        """Save the picture of real images, unless it is there."""
        if self._run.reals_path.exists():
            return
        if self._config.data.is_points:
            picture = pictures.scatter(None, self._images.values)
        else:
            picture = pictures.grid(self._images.take(self._shown_reals))
        files.write_atomically(self._run.reals_path, pictures.to_png(picture), durable=False)
