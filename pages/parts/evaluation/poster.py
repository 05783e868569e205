"""Map of real and generated images as a PNG for download; Streamlit's Vega-Lite charts have no save menu."""

from __future__ import annotations

import base64
import io

from PIL import Image, ImageDraw, ImageFont

from gan.palette import GRAY, INDIGO
from gan.runs.atlas import Atlas, Dot

_WIDTH, _HEIGHT = 1400, 1120
_LEFT, _TOP, _RIGHT, _BOTTOM = 100, 150, 1340, 1030  # limits of the dot centres
_DOT, _SIDE, _FRAME = 6, 44, 3  # pixels: dot radius, picture side, frame width
_MOST_PIXELS = 256  # largest side of a stored picture; the file may be untrusted
_INK = "#31333f"

Marked = tuple[tuple[int, int], str, Dot]


def draw(shown: Atlas) -> bytes:
    """Return the map as PNG bytes: a dot for each image, replaced by its picture if it does not overlap another picture."""
    canvas = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    pen = ImageDraw.Draw(canvas)
    marked = _placed(shown)
    for (x, y), colour, _ in marked:
        pen.ellipse((x - _DOT, y - _DOT, x + _DOT, y + _DOT), fill=colour, outline="white")
    taken: list[tuple[int, int]] = []
    for (x, y), colour, dot in marked:
        is_clear = all(max(abs(x - left), abs(y - top)) > _SIDE + 2 * _FRAME for left, top in taken)
        picture = _decode(dot.picture) if is_clear else None
        if picture:
            taken.append((x, y))
            reach = _SIDE // 2 + _FRAME
            pen.rectangle((x - reach, y - reach, x + reach - 1, y + reach - 1), fill=colour)
            canvas.paste(picture, (x - _SIDE // 2, y - _SIDE // 2))
    _label(canvas, shown)
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG")
    return buffer.getvalue()


def _placed(shown: Atlas) -> list[Marked]:
    """Return position and colour of each image, interleaving real and generated ones so that neither kind hides the other."""
    dots = [*shown.real, *shown.generated]
    left, low = min(dot.x for dot in dots), min(dot.y for dot in dots)
    wide, tall = max(dot.x for dot in dots) - left or 1.0, max(dot.y for dot in dots) - low or 1.0

    def at(dot: Dot) -> tuple[int, int]:
        return (
            round(_LEFT + (dot.x - left) / wide * (_RIGHT - _LEFT)),
            round(_BOTTOM - (dot.y - low) / tall * (_BOTTOM - _TOP)),
        )

    kinds = ((shown.real, GRAY), (shown.generated, INDIGO))
    turns = [(place / len(kind), at(dot), colour, dot) for kind, colour in kinds for place, dot in enumerate(kind)]
    return [turn[1:] for turn in sorted(turns, key=lambda turn: turn[0])]


def _label(canvas: Image.Image, shown: Atlas) -> None:
    """Write the title, the colour legend and the axis labels."""
    pen, large, small = ImageDraw.Draw(canvas), ImageFont.load_default(30), ImageFont.load_default(22)
    first, second = (
        f"{ordinal} component ({share:.0%})" for ordinal, share in zip(("first", "second"), shown.explained, strict=True)
    )
    pen.text((40, 24), f"Real images, and images generated at step {shown.step:,}", _INK, large)
    pen.text((40, 70), f"PCA of the {shown.extractor[:80]} features of the real images", _INK, small)
    for x, colour, name in ((1090, GRAY, "real"), (1190, INDIGO, "generated")):
        pen.ellipse((x, 34, x + 16, 50), fill=colour)
        pen.text((x + 24, 30), name, _INK, small)
    pen.text(((_LEFT + _RIGHT) / 2, _HEIGHT - 24), first, _INK, small, anchor="ms")
    side = Image.new("RGB", (400, 30), "white")
    ImageDraw.Draw(side).text((200, 24), second, _INK, small, anchor="ms")
    canvas.paste(side.rotate(90, expand=True), (14, (_TOP + _BOTTOM) // 2 - 200))


def _decode(text: str) -> Image.Image | None:
    """Return a picture of the atlas scaled for the map; None if it is damaged or too large."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(text)), formats=("WEBP",)) as picture:
            if max(picture.size) > _MOST_PIXELS:
                return None
            return picture.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
