"""Sample grids: images [N, C, H, W] to one PNG."""

from __future__ import annotations

import io

import torch
from PIL import Image
from torch import Tensor

GRID = 8  # rows and columns


def grid(pixels: Tensor, *, columns: int = GRID, gap: int = 2, smallest: int = 512) -> Image.Image:
    """Arrange uint8 images [N, C, H, W] row by row with a gap between them.

    Small ones are enlarged by a whole factor without smoothing, so that the grid is ``smallest`` pixels wide or more.
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


def to_png(picture: Image.Image) -> bytes:
    """Return a picture as PNG bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()
