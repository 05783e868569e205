"""Draw sample pictures: a grid of images [N, C, H, W], or a scatter plot of points [N, 2]."""

from __future__ import annotations

import io

import torch
from PIL import Image
from torch import Tensor

from gan.config import GRID

#: Background, real and generated points; both readable on light and on dark pages.
_COLOURS = [255, 255, 255, 92, 160, 200, 238, 98, 20]


def grid(pixels: Tensor, *, columns: int = GRID, gap: int = 2, smallest: int = 512) -> Image.Image:
    """Arrange uint8 images [N, C, H, W] row by row with a gap between them.

    A grid narrower than ``smallest`` pixels is enlarged to at least this width, by an integer factor and without smoothing.
    """
    count, channels, height, width = pixels.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    canvas = torch.full((rows * (height + gap) - gap, columns * (width + gap) - gap, channels), 127, dtype=torch.uint8)
    for index, image in enumerate(pixels.permute(0, 2, 3, 1).cpu()):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        canvas[top : top + height, left : left + width] = image
    picture = Image.fromarray(canvas.squeeze(2).numpy() if channels == 1 else canvas.numpy())
    factor = max(1, -(-smallest // picture.width))
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def scatter(fakes: Tensor | None, reals: Tensor, *, size: int = 512, most: int = 2000) -> Image.Image:
    """Draw up to ``most`` generated points [N, 2] in orange over as many real ones in blue, on a transparent background.

    The picture is a square, 1.5 times as wide as the larger extent of the real points.
    """
    canvas = torch.zeros((size, size), dtype=torch.uint8)
    low, high = reals.min(dim=0).values, reals.max(dim=0).values
    centre, reach = (low + high) / 2, float((high - low).max()) * 0.75 or 1.0
    for colour, points in enumerate((reals, fakes), 1):
        if points is None:
            continue
        shown = points[:most].float().cpu()
        places = ((shown - centre) / reach + 1) / 2 * (size - 1)
        places = places[torch.isfinite(places).all(dim=1)].round().long()
        for right in (-1, 0, 1):
            for down in (-1, 0, 1):
                x, y = places[:, 0] + right, size - 1 - places[:, 1] + down
                is_inside = (x >= 0) & (x < size) & (y >= 0) & (y < size)
                canvas[y[is_inside], x[is_inside]] = colour
    picture = Image.fromarray(canvas.numpy()).convert("P")
    picture.putpalette(_COLOURS)
    picture.info["transparency"] = 0
    return picture


def to_png(picture: Image.Image) -> bytes:
    """Return a picture as PNG bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()
