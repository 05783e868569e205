"""Pictures: samples with the discriminator's opinion of each, its gradient, and what it would like better."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gan.data.feed import to_float, to_pixels
from gan.data.loaders import Images
from gan.play.wire import Array
from gan.playground.board import Board
from gan.playground.views import as_array, drawn, number, watched
from gan.training import labels

SHOWN = 16
_RIVALS = 256  # real images that a drawn picture is ranked among
_STEPS = 6  # of the ascent to "what D would like better"
_STRIDE = 0.12  # largest change of a pixel in one of them (values from −1 to 1)
_BLUR = torch.tensor([0.0545, 0.2442, 0.4026, 0.2442, 0.0545])  # Gaussian, σ = 1 pixel


class PicturesView:
    """Draws a board whose data are images; see :class:`gan.playground.views.View`."""

    def __init__(self, images: Images) -> None:
        places = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
        count = min(_RIVALS, len(images)) // SHOWN * SHOWN or SHOWN
        places = places[torch.arange(count) % len(places)]
        self._pixels, self._labels = images.take(places), images.labels[places]
        channels, size = self._pixels.shape[1:3]
        self.about = {"size": size, "channels": channels}

    def reals(self) -> Array:
        """Return 16 real images, uint8 [16, H, W, C]."""
        return as_array("reals", self._pixels[:SHOWN].permute(0, 2, 3, 1))

    def frame(self, board: Board, layers: Collection[str], *, is_still: bool) -> tuple[dict[str, Any], list[Array]]:
        """Return numbers, and the arrays "fakes" [16, H, W, C]; if it ``is_still``, "gradients" [16, H, W] and "better"."""
        told = labels.in_columns(board.config, SHOWN)
        fakes = drawn(board, board.shown_latents[:SHOWN], told)
        reals = to_float(self._pixels[:SHOWN])
        arrays = [as_array("fakes", _as_bytes(fakes))]
        with torch.no_grad(), watched(board.game.discriminator, has_batch_statistics=True):
            opinions = [_judged(board, images, named) for images, named in ((fakes, told), (reals, self._labels[:SHOWN]))]
        if is_still and "gradients" in layers:
            arrays.append(as_array("gradients", _as_signed(_gradient(board, fakes, told)[1])))
        if is_still and "better" in layers:
            arrays.append(as_array("better", _as_bytes(_improved(board, fakes, told))))
        seen = [[number(value) for value in board.game.as_shown(one).tolist()] for one in opinions]
        return {"modes": None, "precision": None, "recall": None, "opinions": seen[0], "reals": seen[1]}, arrays

    def judge(self, board: Board, pixels: bytes) -> tuple[dict[str, Any], list[Array]]:
        """Return the discriminator's opinion of a drawn picture, uint8 [H, W, C], among real images.

        Raises ValueError if the picture has another size.
        """
        size, channels = self.about["size"], self.about["channels"]
        picture = torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(size, size, channels).permute(2, 0, 1)
        batch = torch.cat([to_float(picture[None]), to_float(self._pixels[1:])])
        # A pack is judged as one, so the drawing fills the first one.
        packing = board.config.networks.packing
        batch[:packing] = batch[0]
        outputs, gradient = _gradient(board, batch, self._labels)
        better = _improved(board, batch, self._labels)[:1]
        opinion = float(board.game.as_shown(outputs[:1]))
        rank = float((outputs[packing:] < outputs[0]).float().mean())
        head = {"opinion": number(opinion), "is_probability": board.game.is_probability, "rank": number(rank), "sentence": ""}
        return head, [as_array("better", _as_bytes(better)[0]), as_array("gradients", _as_signed(gradient[:1])[0])]


def _judged(board: Board, images: Tensor, told: Tensor | None) -> Tensor:
    """Return the discriminator's output for each image [N], the same for images that are packed together.

    The discriminator is to be watched until its gradient has been computed.
    """
    game, packing = board.game, board.config.networks.packing
    named = told if board.config.classes else None
    with game.autocast():
        outputs: Tensor = game.discriminator(images, named).float().repeat_interleave(packing)
    return outputs


def _gradient(board: Board, images: Tensor, told: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the outputs [N], and the gradient of each with respect to its image [N, C, H, W], blurred."""
    places = images.detach().clone().requires_grad_()
    with watched(board.game.discriminator, has_batch_statistics=True), torch.enable_grad():
        outputs = _judged(board, places, told)
        (found,) = torch.autograd.grad(outputs.sum(), places)
    return outputs.detach(), _blurred(found.float().nan_to_num(0.0, 0.0, 0.0))


def _improved(board: Board, images: Tensor, told: Tensor | None) -> Tensor:
    """Return the images after a few steps along the gradient: what the discriminator would like better."""
    better = images.detach()
    for _ in range(_STEPS):
        _, found = _gradient(board, better, told)
        largest = found.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)
        better = (better + _STRIDE * found / largest).clamp(-1, 1)
    return better


def _blurred(values: Tensor) -> Tensor:
    """Return images [N, C, H, W] blurred by a Gaussian of one pixel."""
    channels = values.shape[1]
    down = _BLUR.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    values = functional.conv2d(values, down, padding=(2, 0), groups=channels)
    return functional.conv2d(values, down.transpose(2, 3), padding=(0, 2), groups=channels)


def _as_bytes(images: Tensor) -> Tensor:
    """Return images from −1 to 1 as uint8 [N, H, W, C]."""
    return to_pixels(images.detach()).permute(0, 2, 3, 1)


def _as_signed(gradient: Tensor) -> Tensor:
    """Return gradients [N, C, H, W] as int8 [N, H, W]: the sum over the channels, the largest of each image 127."""
    summed = gradient.sum(dim=1)
    return (127 * summed / summed.abs().amax(dim=(1, 2), keepdim=True).clamp_min(1e-12)).round().to(torch.int8)
