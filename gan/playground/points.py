"""Points in the plane: the generated points, the map of the discriminator, the generator's gradient and manifold."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from gan.data.loaders import Images
from gan.data.rendered import points as known
from gan.play.wire import Array
from gan.playground.board import Board
from gan.playground.views import as_array, drawn, number, watched
from gan.scoring.metrics.manifold import precision_recall
from gan.scoring.metrics.modes import score_points
from gan.training import labels

_SHOWN = 128  # generated points in a frame
_REALS = 500
_MEASURED = 256  # points of either kind for precision and recall
_MARGIN = 0.3  # around the real points, as a share of their extent on either side
_EVERY = 16  # steps between two measurements
_CELLS = 32  # of the map, along each side
_LINES = 21  # of the manifold, along each side
_REACH = 2.0  # standard deviations of the latent plane


class PointsView:
    """Draws a board whose data are points; see :class:`gan.playground.views.View`."""

    def __init__(self, name: str, images: Images) -> None:
        """``name``: of the data set, for its modes."""
        self._shown = images.values[:_REALS]
        low, high = images.values.amin(dim=0), images.values.amax(dim=0)
        middle, reach = (low + high) / 2, float((high - low).max()) * (0.5 + _MARGIN) or 1.0
        self.bounds = [float(middle[0]) - reach, float(middle[0]) + reach, float(middle[1]) - reach, float(middle[1]) + reach]
        across = torch.linspace(self.bounds[0], self.bounds[1], 2 * _CELLS + 1)[1::2]
        up = torch.linspace(self.bounds[2], self.bounds[3], 2 * _CELLS + 1)[1::2]
        self._cells = torch.stack(torch.meshgrid(across, up, indexing="xy"), dim=-1).view(-1, 2)
        found = known.modes(name)
        self._modes = None if found is None else (torch.from_numpy(found.centres), found.sigma)
        self._scores = WeakKeyDictionary[Board, tuple[int, dict[str, Any]]]()  # the step, and what was measured there
        self.about = {"bounds": [round(value, 4) for value in self.bounds]}

    def reals(self) -> Array:
        """Return up to 500 real points, float32 [n, 2]."""
        return as_array("reals", self._shown)

    def frame(self, board: Board, layers: Collection[str], *, is_still: bool) -> tuple[dict[str, Any], list[Array]]:
        """Return numbers, and the arrays "fakes" [128, 2], "heat" [32, 32], "gradients" [128, 2] and "manifold" [21, 21, 2]."""
        told = labels.in_columns(board.config, len(board.shown_latents))
        fakes = drawn(board, board.shown_latents, told)
        arrays = [as_array("fakes", fakes[:_SHOWN])]
        if "heat" in layers:
            arrays.append(as_array("heat", self._heat(board)))
        if "gradients" in layers:
            arrays.append(as_array("gradients", self._gradients(board, fakes[:_SHOWN], None if told is None else told[:_SHOWN])))
        if "manifold" in layers:
            arrays.append(as_array("manifold", self._manifold(board)))
        return self._measured(board, fakes, is_still=is_still), arrays

    def _heat(self, board: Board) -> Tensor:
        """Return the discriminator's output in each cell, uint8 [32, 32] from 0 ("generated") to 255 ("real")."""
        game, packing = board.game, board.config.networks.packing
        with torch.no_grad(), watched(game.discriminator):
            outputs = game.discriminator(self._cells.repeat_interleave(packing, dim=0)).float()
        if not game.is_probability:  # has no scale of its own, so it gets one: from certain to certain, ½ in the middle
            real, fake = board.numbers["d_real"], board.numbers["d_fake"]
            middle, reach = float(outputs.mean()), float(outputs.std())
            if real is not None and fake is not None:
                middle, reach = (real + fake) / 2, max(abs(real - fake) / 2, 1e-3)
            outputs = 2 * (outputs - middle) / max(reach, 1e-6)
        return torch.sigmoid(outputs).nan_to_num(0.5).mul(255).round().byte().view(_CELLS, _CELLS)

    def _gradients(self, board: Board, fakes: Tensor, told: Tensor | None) -> Tensor:
        """Return where the generator's loss pushes each generated point, −∂loss/∂x of its own term, float32 [n, 2]."""
        game, packing = board.game, board.config.networks.packing
        places = fakes.clone().requires_grad_()
        with watched(game.discriminator), torch.enable_grad():
            seen = [game.discriminator(places.repeat_interleave(packing, dim=0), _repeated(told, packing)).float()]
            if game.loss.is_relative:
                reals = self._shown[torch.arange(len(fakes)) % len(self._shown)]
                seen.append(game.discriminator(reals.repeat_interleave(packing, dim=0), _repeated(told, packing)).float().detach())
            (found,) = torch.autograd.grad(game.loss.generator(*seen), places)
        return (-found * len(fakes)).nan_to_num(0.0, 0.0, 0.0)

    def _manifold(self, board: Board) -> Tensor:
        """Return where the generator puts a grid of the first two latent numbers, the others 0; float32 [21, 21, 2]."""
        ticks = torch.linspace(-_REACH, _REACH, _LINES)
        z = torch.zeros(_LINES * _LINES, board.config.networks.latent)
        plane = torch.stack(torch.meshgrid(ticks, ticks, indexing="xy"), dim=-1).view(-1, 2)
        z[:, : min(2, z.shape[1])] = plane[:, : min(2, z.shape[1])]
        return drawn(board, z, labels.in_columns(board.config, len(z))).view(_LINES, _LINES, 2)

    def _measured(self, board: Board, fakes: Tensor, *, is_still: bool) -> dict[str, Any]:
        """Return modes found, precision and recall; while playing, measured anew every 16 steps."""
        step, before = self._scores.get(board, (-_EVERY, {}))
        if not is_still and 0 <= board.step - step < _EVERY:
            return before
        modes = None
        if self._modes is not None:
            modes = [score_points(fakes, *self._modes).modes, len(self._modes[0])]
        precision, recall = precision_recall(self._shown[:_MEASURED], fakes[:_MEASURED])
        found = {"modes": modes, "precision": number(precision), "recall": number(recall)}
        self._scores[board] = board.step, found
        return found


def _repeated(told: Tensor | None, packing: int) -> Tensor | None:
    return None if told is None else told.repeat_interleave(packing)
