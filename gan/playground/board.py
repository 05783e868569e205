"""One live game: the same data, players and turns as a training of the same configuration."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from gan.config import RunConfig
from gan.data import loaders
from gan.data.loaders import Images
from gan.play.setup import Setup
from gan.training import precision
from gan.training.assembly import adjust, build_game
from gan.training.checkpoints import Checkpoint
from gan.training.counting import Count
from gan.training.dealer import Dealer, draw_latents
from gan.training.game import Turn
from gan.training.state import unpack

NUMBERS = ("d_loss", "g_loss", "d_real", "d_fake", "g_norm")
_CPU = torch.device("cpu")
_JITTER = 0.005  # of the width of own points: standard deviation of the noise on repeated ones


class Board:
    """A game that is stepped one player at a time.

    ``step``: generator updates so far. ``numbers``: losses and mean opinions of the last turns, and the norm of the generator's
    gradient; None where unknown or not finite.
    With the same seed and settings, steps of both players give the numbers of a training in the same precision.
    """

    def __init__(self, config: RunConfig, images: Images, saved: Checkpoint | None = None) -> None:
        """``saved``: the checkpoint to go on from. Raises RuntimeError if it does not fit the networks."""
        self.config, self.images = config, images
        asked = saved.facts.get("precision", "fp32") if saved else config.training.precision
        self._random = torch.get_rng_state()
        with self._own_random():
            torch.manual_seed(config.training.seed)
            self.game = build_game(config, _CPU, precision.choose_precision(asked, _CPU))
            self.dealer = Dealer(config, images, _CPU)
            self.step = 0
            if saved is not None:
                unpack(self.game, saved.tensors, saved.facts)
                self.game = adjust(self.game, config)
                self.dealer.latents.set_state(saved.tensors["random/latents"])
                torch.set_rng_state(saved.tensors["random/torch"])
                self.step = saved.step
        count = Count.restored(saved.facts, config) if saved else Count()
        self.place = count.turns_at(self.step, config)  # of the next turn, among all real data
        self.shown_latents = draw_latents(config, 512, torch.Generator().manual_seed(config.training.seed + 2))
        self.hand: Turn | None = None  # of the discriminator's last turn, until the generator has answered it
        self.is_finite = True
        self.numbers: dict[str, float | None] = dict.fromkeys(NUMBERS)

    @property
    def noise(self) -> float:
        """Standard deviation of the instance noise, which does not fade in a live game."""
        return self.config.augmentation.instance_noise

    def deal(self) -> None:
        """Draw new real images and latent vectors for the next turns."""
        self.hand = self.dealer.deal(self.place)
        self.place += 1

    def step_discriminator(self, *, is_dealt: bool = False) -> None:
        """Play one turn of the discriminator on new images, or on those in hand if ``is_dealt``."""
        if not (is_dealt and self.hand):
            self.deal()
        assert self.hand is not None
        with self._own_random():
            judged = self.game.discriminator_turn(self.hand, noise=self.noise)
        self._note(d_loss=judged.loss, d_real=self.game.as_shown(judged.real).mean(), d_fake=self.game.as_shown(judged.fake).mean())

    def step_generator(self) -> None:
        """Play the generator's turn, with the latent vectors of the discriminator's last turn."""
        if self.hand is None:
            self.deal()
        assert self.hand is not None
        with self._own_random():
            loss, norm = self.game.generator_turn(self.hand, noise=self.noise, wants_norm=True)
        self.hand = None
        self.step += 1
        self._note(g_loss=loss, g_norm=norm)

    def step_both(self) -> None:
        """Play a whole step."""
        turns = []
        for _ in range(self.config.optimizer.discriminator_steps):
            self.deal()
            assert self.hand is not None
            turns.append(self.hand)
        with self._own_random():
            outcome = self.game.step(turns, noise=self.noise, wants_norms=True)
        self.hand = None
        self.step += 1
        self._note(
            d_loss=outcome.discriminator_loss,
            g_loss=outcome.generator_loss,
            d_real=outcome.d_real,
            d_fake=outcome.d_fake,
            g_norm=outcome.generator_grad_norm,
        )

    def turn_knob(self, config: RunConfig) -> None:
        """Go on with another configuration, which differs in knobs (:data:`gan.play.setup.KNOBS`) only."""
        if config.optimizer.batch_size != self.config.optimizer.batch_size:
            latents, self.dealer = self.dealer.latents, Dealer(config, self.images, _CPU)
            self.dealer.latents, self.hand = latents, None
        self.config, self.game = config, adjust(self.game, config)

    def _note(self, **values: Tensor | None) -> None:
        """Keep numbers of a turn as floats; one that is not finite ends the game."""
        for name, value in values.items():
            if value is None:
                continue
            number = float(value)
            self.numbers[name] = number if math.isfinite(number) else None
            self.is_finite &= math.isfinite(number)

    @contextmanager
    def _own_random(self) -> Iterator[None]:
        """Use the random state of this game, because all games of a process share torch's global one."""
        others = torch.get_rng_state()
        torch.set_rng_state(self._random)
        try:
            yield
        finally:
            self._random = torch.get_rng_state()
            torch.set_rng_state(others)


def images_of(setup: Setup, config: RunConfig) -> Images:
    """Return the real data of a game: its own points, or what the configuration names. Raises InputError if that is missing."""
    return loaders.load(config.data) if setup.points is None else _own_points(setup.points, 4 * config.optimizer.batch_size)


def _own_points(points: Sequence[tuple[float, float]], fewest: int) -> Images:
    """Return own points as a data set; they are repeated with a little noise until there are at least ``fewest``."""
    drawn = torch.tensor(points, dtype=torch.float32)
    count = max(len(drawn), fewest)
    width = float((drawn.amax(dim=0) - drawn.amin(dim=0)).max())
    noise = torch.randn(count, 2, generator=torch.Generator().manual_seed(0)) * _JITTER * width
    noise[: len(drawn)] = 0
    return Images(drawn[torch.arange(count) % len(drawn)] + noise, torch.zeros(count, dtype=torch.int64))
