"""Rendered bedrooms, a substitute for the LSUN photographs; torch-free.

Each image is a small room in metres, seen in perspective and drawn from back to front with flat faces. x points right, y up and
z away from the viewer; half of the images are mirrored at the end. Every room has a bed; everything else is random.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

COUNT = 5000
CLASSES: tuple[str, ...] = ()

Colour = tuple[float, float, float]
Point = tuple[float, float, float]
Wall = Literal["back", "left", "right"]

_SEED = 1
_FINEST = 192  # minimum pixels per edge while drawing; the image is then reduced to its size
_NEAREST = 0.15  # near clipping plane: metres in front of the viewer
_WHITE: Colour = (244, 242, 236)
_BLACK: Colour = (12, 12, 18)

#: Matching colours: wall, wall behind the bed, blanket, cushions and throw, curtains.
_PALETTES: tuple[tuple[Colour, Colour, Colour, Colour, Colour], ...] = (
    ((226, 218, 204), (204, 190, 168), (246, 242, 234), (176, 124, 92), (236, 228, 214)),
    ((206, 216, 224), (122, 148, 172), (238, 242, 246), (52, 84, 122), (188, 204, 218)),
    ((218, 224, 208), (138, 158, 128), (240, 238, 224), (92, 118, 84), (226, 230, 214)),
    ((238, 222, 216), (214, 164, 154), (250, 238, 234), (188, 92, 98), (244, 214, 208)),
    ((222, 222, 226), (108, 112, 124), (96, 102, 116), (232, 190, 84), (214, 214, 220)),
    ((240, 230, 200), (228, 194, 120), (250, 248, 240), (72, 122, 148), (246, 216, 138)),
    ((214, 206, 222), (152, 132, 172), (236, 228, 242), (112, 84, 142), (196, 182, 212)),
    ((208, 226, 224), (92, 156, 154), (244, 248, 246), (232, 130, 98), (212, 234, 232)),
    ((232, 228, 222), (160, 84, 66), (214, 198, 180), (148, 66, 52), (226, 210, 192)),
    ((228, 232, 236), (64, 78, 104), (74, 92, 128), (226, 226, 232), (118, 134, 162)),
    ((236, 236, 232), (222, 222, 216), (208, 90, 84), (246, 240, 232), (240, 238, 234)),
    ((222, 212, 196), (116, 94, 78), (232, 214, 182), (106, 132, 118), (178, 152, 124)),
    ((230, 236, 228), (190, 210, 186), (120, 168, 132), (250, 246, 226), (250, 250, 246)),
    ((244, 234, 226), (238, 206, 184), (226, 146, 104), (250, 236, 214), (252, 244, 234)),
)
_WOODS: tuple[Colour, ...] = ((166, 118, 76), (206, 166, 118), (112, 74, 50), (236, 232, 224), (86, 78, 74), (188, 142, 100))
_FLOORS: tuple[Colour, ...] = (
    (176, 132, 92),
    (204, 168, 126),
    (134, 94, 66),
    (198, 190, 178),
    (158, 152, 150),
    (222, 206, 180),
    (112, 86, 72),
)
#: Sky at the top, sky at the bottom, hills.
_SKIES: dict[str, tuple[Colour, Colour, Colour]] = {
    "day": ((112, 174, 232), (214, 234, 248), (122, 166, 98)),
    "haze": ((206, 220, 232), (246, 246, 240), (164, 182, 160)),
    "dusk": ((126, 116, 176), (252, 184, 120), (84, 72, 96)),
    "night": ((18, 24, 58), (52, 62, 108), (20, 24, 40)),
}


def render(size: int, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images ``start`` to ``stop`` − 1 of COUNT, uint8 [n, size, size, 3], and labels, int64 [n], all 0.

    An image does not depend on the requested range, and shows the same room at every ``size``.
    """
    rows = range(start, min(stop, COUNT))
    pixels = np.empty((len(rows), size, size, 3), dtype=np.uint8)
    for row, index in enumerate(rows):
        pixels[row] = _Room(Random(_SEED * COUNT + index)).drawn(size)
    return pixels, np.zeros(len(rows), dtype=np.int64)


class _Camera(NamedTuple):
    """A viewer at ``place``, turned ``turn`` radians to the right; vertical lines stay vertical.

    ``focal``: focal length in image widths. ``horizon``: its distance from the top, in image heights.
    """

    place: Point
    turn: float
    focal: float
    horizon: float

    def seen(self, corners: Sequence[Point]) -> list[tuple[float, float]]:
        """Project a face to image coordinates, in image widths, clipped at _NEAREST; empty if it is behind the viewer."""
        sine, cosine = math.sin(self.turn), math.cos(self.turn)
        turned = []
        for corner in corners:
            x, y, z = (one - other for one, other in zip(corner, self.place, strict=True))
            turned.append((cosine * x - sine * z, y, sine * x + cosine * z))
        kept: list[Point] = []
        for one, other in zip(turned, turned[1:] + turned[:1], strict=True):
            if one[2] >= _NEAREST:
                kept.append(one)
            if (one[2] >= _NEAREST) != (other[2] >= _NEAREST):
                share = (_NEAREST - one[2]) / (other[2] - one[2])
                kept.append((one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1]), _NEAREST))
        return [(0.5 + self.focal * x / z, self.horizon - self.focal * y / z) for x, y, z in kept]


class _Glow(NamedTuple):
    """A Gaussian light: centre ``x``, ``y`` and radius ``reach`` in image widths, and ``strength`` per colour channel."""

    x: float
    y: float
    reach: float
    strength: Colour


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    """Blend ``one`` with a ``share`` of ``other``, from 0 to 1."""
    return tuple(a + share * (b - a) for a, b in zip(one, other, strict=True))  # type: ignore[return-value]


def _shaded(colour: Colour, factor: float) -> Colour:
    return (colour[0] * factor, colour[1] * factor, colour[2] * factor)


def _round(across: float, up: float, power: float, corners: int = 20) -> list[tuple[float, float]]:
    """Return the outline of a superellipse: ``power`` 2 is an ellipse, higher values approach a rectangle."""
    outline = []
    for corner in range(corners):
        sine, cosine = math.sin(2 * math.pi * corner / corners), math.cos(2 * math.pi * corner / corners)
        x, y = math.copysign(abs(cosine) ** (2 / power), cosine), math.copysign(abs(sine) ** (2 / power), sine)
        outline.append((across * x, up * y))
    return outline


class _Room:
    """One bedroom: the main choices are made first, then it is drawn; both depend on ``random`` alone."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.width, self.depth, self.height = random.uniform(3.5, 4.7), random.uniform(3.5, 4.4), random.uniform(2.45, 2.8)
        palette = [self._varied(colour) for colour in random.choice(_PALETTES)]
        self.wall, self.accent, self.blanket, self.cushion, self.curtain = palette
        self.wood, self.floor = self._varied(random.choice(_WOODS)), self._varied(random.choice(_FLOORS))
        self.hour = random.choice(("day", "day", "day", "haze", "haze", "dusk", "night"))
        self.is_lit = self.hour in ("dusk", "night") or random.random() < 0.25
        # The bed's head is at the left wall (sideways) or at the back wall.
        self.is_sideways = random.random() < 0.35
        self.bed_length, self.bed_width = random.uniform(1.95, 2.15), random.choice((1.0, 1.4, 1.6, 1.8))
        if self.is_sideways:
            self.bed_at = self.depth - self.bed_width - random.uniform(0.5, 0.75)
        else:
            free = self.width - self.bed_width - 0.1
            self.bed_at = random.uniform(0.15, 0.6) * free
        if self.is_sideways:
            aim, place_x = random.uniform(1.05, 1.5), self.width * random.uniform(0.42, 0.85)
        else:
            aim = 0.5 * (self.bed_at + self.bed_width / 2 + self.width / 2) + random.uniform(-0.3, 0.3)
            place_x = self.width * random.uniform(0.3, 0.8)
        place = (place_x, random.uniform(1.35, 1.75), random.uniform(-0.7, 0.1))
        turn = 0.88 * math.atan2(aim - place_x, self.depth - place[2])
        focal = random.uniform(0.7, 0.82) if self.is_sideways else random.uniform(0.76, 0.98)
        self.camera = _Camera(place, turn, focal, random.uniform(0.34, 0.42))
        self.window_wall: Wall = (
            random.choice(("back", "back", "right")) if self.is_sideways else random.choice(("back", "left", "right"))
        )
        self.light_from_left = self.window_wall == "left" or (self.window_wall == "back" and random.random() < 0.5)
        self.glows: list[_Glow] = []

    def drawn(self, size: int) -> np.ndarray:
        """Return the room as an image, uint8 [size, size, 3]."""
        factor = max(2, _FINEST // size)
        self.side = size * factor
        image = Image.new("RGB", (self.side, self.side), tuple(int(value) for value in self.wall))
        self.pen = ImageDraw.Draw(image, "RGBA")
        self._draw_shell()
        self._draw_pictures(self._draw_window())
        self._draw_rug()
        self._draw_furniture()
        pixels = self._lit(np.asarray(image.reduce(factor), dtype=np.float32))
        return pixels[:, ::-1] if self.random.random() < 0.5 else pixels

    # Light

    def _lit(self, pixels: np.ndarray) -> np.ndarray:
        """Apply light to pixels [S, S, 3]: daylight, glows, more colour and contrast, and a normalised exposure."""
        axis = (np.arange(len(pixels), dtype=np.float32) + 0.5) / len(pixels)
        x, y = axis[None, :], axis[:, None]
        gain = np.empty_like(pixels)
        gain[:] = {"day": (1, 1, 1), "haze": (0.98, 1, 1.02), "dusk": (0.92, 0.8, 0.78), "night": (0.6, 0.6, 0.72)}[self.hour]
        slope = self.random.uniform(0.1, 0.4) * (1 if self.light_from_left else -1)
        gain *= (1 - slope * (x - 0.5) + 0.15 * (0.5 - y))[..., None]
        for glow in self.glows:
            spread = np.exp(-((x - glow.x) ** 2 + (y - glow.y) ** 2) / (2 * glow.reach**2))
            gain += spread[..., None] * np.array(glow.strength, dtype=np.float32)
        pixels = pixels * gain
        pixels += 0.25 * (pixels - pixels.mean(axis=2, keepdims=True)) + 0.2 * (pixels - pixels.mean())  # colour, contrast
        aim = self.random.uniform(116, 138) if self.hour in ("dusk", "night") else self.random.uniform(132, 162)
        for _ in range(3):  # clipping at white lowers the mean, so it is approached in steps
            pixels = np.clip(pixels * (aim / pixels.mean()), 0, 255)
        return np.rint(pixels).astype(np.uint8)

    # Shapes

    def _varied(self, colour: Colour) -> Colour:
        return tuple(min(255.0, max(0.0, value + self.random.uniform(-9, 9))) for value in colour)  # type: ignore[return-value]

    def _face(self, corners: Sequence[Point], colour: Colour, opacity: float = 1.0) -> None:
        outline = self.camera.seen(corners)
        if len(outline) > 2:
            fill = (*(min(255, int(value)) for value in colour), int(255 * opacity))
            self.pen.polygon([(x * self.side, y * self.side) for x, y in outline], fill=fill)

    def _box(self, low: Point, high: Point, colour: Colour) -> None:
        """Draw the visible faces of a box."""
        (x0, y0, z0), (x1, y1, z1), eye = low, high, self.camera.place
        bright, dim = (0.97, 0.74) if self.light_from_left else (0.74, 0.97)
        if eye[0] < x0:
            self._face([(x0, y0, z0), (x0, y1, z0), (x0, y1, z1), (x0, y0, z1)], _shaded(colour, bright))
        if eye[0] > x1:
            self._face([(x1, y0, z0), (x1, y1, z0), (x1, y1, z1), (x1, y0, z1)], _shaded(colour, dim))
        if eye[2] < z0:
            self._face([(x0, y0, z0), (x1, y0, z0), (x1, y1, z0), (x0, y1, z0)], _shaded(colour, 0.86))
        if eye[1] > y1:
            self._face([(x0, y1, z0), (x1, y1, z0), (x1, y1, z1), (x0, y1, z1)], _shaded(colour, 1.04))

    def _on_wall(self, wall: Wall, u: float, y: float) -> Point:
        """Return the point on a wall at height ``y``, ``u`` metres from its left end (side walls: from the back corner)."""
        if wall == "back":
            return (u, y, self.depth)
        return (0.0 if wall == "left" else self.width, y, self.depth - u)

    def _panel(self, wall: Wall, left: float, right: float, low: float, high: float, colour: Colour, opacity: float = 1) -> None:
        """Draw a rectangle on a wall."""
        corners = ((left, low), (right, low), (right, high), (left, high))
        self._face([self._on_wall(wall, u, y) for u, y in corners], colour, opacity)

    def _flat(self, left: float, right: float, front: float, back: float, y: float, colour: Colour, opacity: float = 1) -> None:
        """Draw a horizontal rectangle."""
        self._face([(left, y, front), (right, y, front), (right, y, back), (left, y, back)], colour, opacity)

    def _bed_point(self, along: float, across: float, y: float) -> Point:
        """Return the point ``along`` metres from the bed's head and ``across`` metres from its side, at height ``y``."""
        if self.is_sideways:
            return (0.04 + along, y, self.bed_at + across)
        return (self.bed_at + across, y, self.depth - 0.04 - along)

    def _bed_box(self, along: tuple[float, float], across: tuple[float, float], y: tuple[float, float], colour: Colour) -> None:
        one, other = self._bed_point(along[0], across[0], y[0]), self._bed_point(along[1], across[1], y[1])
        low = (min(one[0], other[0]), y[0], min(one[2], other[2]))
        self._box(low, (max(one[0], other[0]), y[1], max(one[2], other[2])), colour)

    # The room and what is on its walls

    def _draw_shell(self) -> None:
        random, front = self.random, -3.0
        width, depth, height = self.width, self.depth, self.height
        behind_bed: Wall = "left" if self.is_sideways else "back"
        has_accent = random.random() < 0.6
        shades: dict[Wall, float] = {"back": 0.95, "left": 0.84, "right": 1.0}
        if not self.light_from_left:
            shades["left"], shades["right"] = 1.0, 0.84
        self._flat(0, width, front, depth, height, _mixed(_WHITE, self.wall, 0.25))
        self._flat(0, width, front, depth, 0, self.floor)
        self._draw_boards(front)
        paper = random.choice(("plain", "plain", "stripes", "panelling"))
        for wall, shade in shades.items():
            end = width if wall == "back" else depth - front
            base = self.accent if has_accent and wall == behind_bed else self.wall
            self._panel(wall, 0, end, 0, height, _shaded(base, shade))
            if paper == "stripes" and wall == behind_bed:
                for stripe in range(int(end / 0.4) + 1):
                    left = 0.4 * stripe
                    self._panel(wall, left, min(end, left + 0.2), 0, height, _shaded(_mixed(base, _WHITE, 0.25), shade))
            elif paper == "panelling":
                self._panel(wall, 0, end, 0, 0.95, _shaded(_mixed(base, _WHITE, 0.6), shade))
                self._panel(wall, 0, end, 0.93, 0.98, _shaded(_WHITE, shade))
            for reach in (0.1, 0.25, 0.45):  # corners are darker
                self._panel(wall, 0, reach, 0, height, _BLACK, 0.035)
                self._panel(wall, 0, end, height - reach, height, _BLACK, 0.025)
            self._panel(wall, 0, end, 0, 0.1, _shaded(_WHITE, 0.97 * shade))
        for reach in (0.15, 0.35):
            self._flat(0, width, depth - reach, depth, 0, _BLACK, 0.06)

    def _draw_boards(self, front: float) -> None:
        """Draw boards, tiles or nothing (a carpet) on the floor."""
        kind = self.random.choice(("boards", "boards", "planks", "tiles", "carpet"))
        step = self.random.uniform(0.16, 0.3) if kind in ("boards", "planks") else 0.5
        if kind in ("boards", "tiles"):
            for number in range(1, int(self.width / step) + 1):
                left = number * step
                if number % 2 and kind == "boards":
                    self._flat(left - step, left, front, self.depth, 0, _BLACK, 0.05)
                self._flat(left - 0.008, left + 0.008, front, self.depth, 0, _BLACK, 0.22)
        if kind in ("planks", "tiles"):
            for number in range(1, int((self.depth - 0.5) / step) + 1):
                back = self.depth - number * step
                self._flat(0, self.width, back - 0.01, back + 0.01, 0, _BLACK, 0.2)

    def _draw_window(self) -> float:
        """Draw a window with its curtains and light; return its left edge on its wall."""
        random, wall = self.random, self.window_wall
        broad = random.uniform(1.0, 1.7)
        if wall != "back":
            left = random.uniform(0.5, 1.1)
        elif self.is_sideways:
            left = random.uniform(0.6, self.width - broad - 0.9)
        else:  # next to the bed, if there is room
            right_of_bed = self.width - self.bed_at - self.bed_width
            broad = max(0.8, min(broad, right_of_bed - 0.4))
            left = self.width - broad - 0.35
        low, high = random.choice((0.85, 0.95, 1.05, 0.3)), random.uniform(1.95, 2.15)
        right = left + broad
        top, bottom, ground = _SKIES[self.hour]
        self._panel(wall, left - 0.08, right + 0.08, low - 0.08, high + 0.08, _shaded(_WHITE, 0.98))
        bands = 6
        for band in range(bands):
            y = low + (high - low) * band / bands
            self._panel(wall, left, right, y, high, _mixed(bottom, top, band / (bands - 1)))
        hills = [(left + broad * step / 8, low + (high - low) * random.uniform(0.12, 0.4)) for step in range(9)]
        outline = [(left, low), *hills, (right, low)]
        self._face([self._on_wall(wall, u, y) for u, y in outline], ground)
        if self.hour == "night" and random.random() < 0.6:
            u, y = left + broad * random.uniform(0.2, 0.8), high - 0.3
            self._face([self._on_wall(wall, u + du, y + dy) for du, dy in _round(0.09, 0.09, 2, 12)], (246, 240, 210))
        for bar in range(1, random.choice((2, 3))):
            middle = left + broad * bar / 2
            self._panel(wall, middle - 0.025, middle + 0.025, low, high, _WHITE)
        if random.random() < 0.5:
            middle = low + 0.6 * (high - low)
            self._panel(wall, left, right, middle - 0.02, middle + 0.02, _WHITE)
        self._panel(wall, left - 0.14, right + 0.14, low - 0.12, low - 0.05, _shaded(_WHITE, 0.9))
        self._draw_curtains(wall, left, right, low, high)
        self._shine_in(wall, left, right, low, high)
        return left

    def _draw_curtains(self, wall: Wall, left: float, right: float, low: float, high: float) -> None:
        random = self.random
        kind = random.choice(("long", "long", "short", "blind", "none"))
        if kind == "blind":
            self._panel(wall, left - 0.04, right + 0.04, high - random.uniform(0.25, 0.6) * (high - low), high + 0.08, self.curtain)
            return
        if kind == "none":
            return
        hem, rail = (0.04 if kind == "long" else low - 0.18), high + 0.16
        broad, folds = random.uniform(0.28, 0.5), random.randint(4, 6)
        for outer, inner in ((left - 0.22, left - 0.22 + broad), (right + 0.22, right + 0.22 - broad)):
            for fold in range(folds):
                start, end = (outer + (inner - outer) * step / folds for step in (fold, fold + 1))
                third = start + 0.4 * (end - start)
                self._panel(wall, start, end, hem, rail, _shaded(self.curtain, 0.98))
                self._panel(wall, start, third, hem, rail, _shaded(self.curtain, 0.82))
        self._panel(wall, left - 0.32, right + 0.32, rail - 0.01, rail + 0.04, _shaded(self.wood, 0.8))

    def _shine_in(self, wall: Wall, left: float, right: float, low: float, high: float) -> None:
        """Add the glow of the window and a patch of sunlight on the floor."""
        middle = self.camera.seen([self._on_wall(wall, (left + right) / 2, (low + high) / 2)] * 3)
        strength = {"day": 0.22, "haze": 0.26, "dusk": 0.25, "night": 0.0}[self.hour]
        if middle and strength:
            tint: Colour = (1.3, 0.85, 0.5) if self.hour == "dusk" else (1.0, 1.0, 0.96)
            self.glows.append(_Glow(*middle[0], 0.25, _shaded(tint, strength)))
        if self.hour in ("day", "dusk") and wall != "back":
            inwards = 1 if wall == "left" else -1
            edge = 0 if wall == "left" else self.width
            near, far = edge + inwards * 0.5, edge + inwards * 1.9
            z0, z1, slant = self.depth - right, self.depth - left, -0.5
            sun = (255, 214, 150) if self.hour == "dusk" else (255, 246, 216)
            self._face([(near, 0, z0), (far, 0, z0 + slant), (far, 0, z1 + slant), (near, 0, z1)], sun, 0.3)

    def _draw_pictures(self, window: float) -> None:
        """Draw pictures or a mirror above the bed unless the ``window`` (its left edge) is there, or else on a bare back wall."""
        random = self.random
        middle, fewest = self.bed_at + self.bed_width / 2, 0
        wall: Wall = "back"
        if self.is_sideways and self.window_wall == "back":
            wall, middle = "left", self.depth - middle
        elif self.is_sideways:
            middle, fewest = random.uniform(0.9, 1.7), 1
        elif self.window_wall == "back" and middle + 0.9 > window:
            return
        number = max(fewest, random.choice((0, 1, 1, 2, 3)))
        broad, tall = random.uniform(0.3, 0.42), random.uniform(0.35, 0.55)
        if number == 1:
            broad *= random.uniform(1.2, 2.2)
        is_round = number == 1 and random.random() < 0.2
        low = 1.4
        frame = random.choice((_WHITE, _BLACK, self.wood))
        for index in range(number):
            u = middle + (index - (number - 1) / 2) * (broad + 0.14)
            left, right, high = u - broad / 2, u + broad / 2, low + tall
            if is_round:  # a mirror
                for reach, colour in ((0.34, self.wood), (0.3, (214, 226, 232))):
                    self._face([self._on_wall(wall, u + du, low + 0.25 + dy) for du, dy in _round(reach, reach, 2)], colour)
                continue
            self._panel(wall, left + 0.03, right + 0.03, low - 0.03, high - 0.03, _BLACK, 0.2)
            self._panel(wall, left, right, low, high, frame)
            self._panel(wall, left + 0.03, right - 0.03, low + 0.03, high - 0.03, _WHITE)
            inner = (left + 0.07, right - 0.07, low + 0.07, high - 0.07)
            self._panel(wall, *inner, _mixed(self.cushion, _WHITE, random.uniform(0.1, 0.6)))
            level = random.uniform(0.3, 0.7)
            self._panel(wall, inner[0], inner[1], inner[2], inner[2] + level * (tall - 0.14), _mixed(self.accent, _BLACK, 0.2))

    def _draw_rug(self) -> None:
        random = self.random
        if random.random() < 0.35:
            return
        colour, rim = random.choice(
            ((self.cushion, _WHITE), (_mixed(self.blanket, _BLACK, 0.12), self.cushion), (self.curtain, self.accent))
        )
        if self.is_sideways:
            x, z = self.bed_length * 0.75, self.bed_at - 0.45
        else:
            x, z = self.bed_at + self.bed_width * random.uniform(0.5, 1.1), self.depth - self.bed_length
        across, along = random.uniform(0.9, 1.4), random.uniform(0.6, 0.95)
        power = random.choice((2.0, 12.0))
        for share, fill in ((1.0, rim), (0.88, colour), (0.6, _mixed(colour, rim, 0.35)), (0.5, colour)):
            self._face([(x + dx, 0.01, z + dz) for dx, dz in _round(across * share, along * share, power, 28)], _shaded(fill, 0.95))

    # Furniture

    def _draw_furniture(self) -> None:
        """Draw from back to front; a bedside table that the bed partly hides is drawn before the bed."""
        random, eye = self.random, self.camera.place
        table = (random.uniform(0.4, 0.52), random.uniform(0.4, 0.6), random.choice((self.wood, _WHITE, self.accent)))
        sides = random.choice(((True, True), (True, False), (False, True)))
        before: list[float] = []
        after: list[float] = []
        for is_first, is_there in zip((True, False), sides, strict=True):
            gap = random.uniform(0.06, 0.16)
            across = -gap - table[0] if is_first else self.bed_width + gap
            x, _, z = self._bed_point(0.02, across, 0)
            room = min(x, self.width - x - table[0]) if not self.is_sideways else min(self.depth - z - table[0], 1)
            if not is_there or room < 0:
                continue
            is_behind = (
                not is_first if self.is_sideways else (eye[0] > self.bed_at if is_first else eye[0] < self.bed_at + self.bed_width)
            )
            (before if is_behind else after).append(across)
        self._draw_corner()
        for across in before:
            self._draw_table(across, *table)
        self._draw_bed()
        for across in after:
            self._draw_table(across, *table)
        if random.random() < 0.3:
            self._draw_pendant()

    def _draw_corner(self) -> None:
        """Draw a wardrobe, a chest of drawers, a plant or nothing in the back right corner."""
        random = self.random
        taken = 1.6 if self.is_sideways else self.bed_at + self.bed_width
        has_room = self.width - taken > 1.1 and self.window_wall != "right"
        kind = random.choice(("wardrobe", "chest", "plant", "plant", "none")) if has_room else "none"
        x, z = self.width, self.depth
        if self.window_wall == "back" and kind == "wardrobe":
            kind = "chest"
        if kind in ("wardrobe", "chest"):
            tall, deep, broad = (random.uniform(1.85, 2.2), 0.58, 1.3) if kind == "wardrobe" else (0.85, 0.48, 1.1)
            colour = random.choice((self.wood, self.wood, _WHITE))
            self._shadow(x - deep - 0.1, x, z - broad - 0.15, z)
            self._box((x - deep, 0, z - broad), (x - 0.01, tall, z - 0.05), colour)
            line = _shaded(colour, 0.55)
            side = x - deep - 0.002
            for share in (0.5,) if kind == "wardrobe" else (0.33, 0.66):
                if kind == "wardrobe":
                    middle = z - broad * share
                    corners = (
                        (0.08, middle - 0.012),
                        (0.08, middle + 0.012),
                        (tall - 0.06, middle + 0.012),
                        (tall - 0.06, middle - 0.012),
                    )
                else:
                    level = tall * share
                    corners = (
                        (level, z - broad + 0.05),
                        (level, z - 0.1),
                        (level + 0.025, z - 0.1),
                        (level + 0.025, z - broad + 0.05),
                    )
                if self.camera.place[0] < side:
                    self._face([(side, y, depth) for y, depth in corners], line)
        elif kind == "plant":
            self._draw_plant(x - 0.4, z - 0.45)

    def _draw_plant(self, x: float, z: float) -> None:
        random = self.random
        self._shadow(x - 0.25, x + 0.25, z - 0.25, z + 0.25)
        pot = random.choice((_WHITE, (190, 112, 78), self.accent))
        for lean in sorted((random.uniform(-0.9, 0.9) for _ in range(9)), key=abs, reverse=True):
            length, green = random.uniform(0.5, 0.95), _shaded((84, 140, 78), random.uniform(0.7, 1.2))
            tip, half = (x + length * math.sin(lean), 0.4 + length * math.cos(lean)), 0.09
            mid = (x + 0.6 * length * math.sin(lean), 0.4 + 0.6 * length * math.cos(lean))
            dx, dy = half * math.cos(lean), -half * math.sin(lean)
            self._face([(x, 0.38, z), (mid[0] + dx, mid[1] + dy, z), (*tip, z), (mid[0] - dx, mid[1] - dy, z)], green)
        self._face([(x - 0.14, 0, z), (x + 0.14, 0, z), (x + 0.19, 0.42, z), (x - 0.19, 0.42, z)], pot)
        self._face([(x + 0.02, 0, z), (x + 0.14, 0, z), (x + 0.19, 0.42, z), (x + 0.03, 0.42, z)], _BLACK, 0.12)

    def _draw_table(self, across: float, broad: float, tall: float, colour: Colour) -> None:
        """Draw a bedside table, its near side ``across`` metres along the bed's width, perhaps with a lamp."""
        one, other = self._bed_point(0.04, across, 0), self._bed_point(0.46, across + broad, 0)
        x0, x1, z0, z1 = min(one[0], other[0]), max(one[0], other[0]), min(one[2], other[2]), max(one[2], other[2])
        self._shadow(x0 - 0.08, x1 + 0.08, z0 - 0.08, z1)
        self._box((x0, 0.0, z0), (x1, tall, z1), colour)
        line = _shaded(colour, 0.5)
        if self.is_sideways and self.camera.place[0] > x1:
            self._face([(x1, y, z) for y, z in ((0.55 * tall, z0), (0.55 * tall, z1), (0.6 * tall, z1), (0.6 * tall, z0))], line)
        else:
            self._face([(x, y, z0) for x, y in ((x0, 0.55 * tall), (x1, 0.55 * tall), (x1, 0.6 * tall), (x0, 0.6 * tall))], line)
        if self.random.random() < 0.8:
            self._draw_lamp((x0 + x1) / 2, tall, (z0 + z1) / 2)

    def _draw_lamp(self, x: float, y: float, z: float) -> None:
        foot = _shaded(self.wood, 0.7)
        self._face([(x - 0.03, y, z), (x + 0.03, y, z), (x + 0.02, y + 0.26, z), (x - 0.02, y + 0.26, z)], foot)
        self._face([(x + dx, y + 0.08 + dy, z) for dx, dy in _round(0.08, 0.09, 2, 12)], foot)
        shade: Colour = (255, 236, 180) if self.is_lit else _shaded(_mixed(self.curtain, _WHITE, 0.4), 0.92)
        self._face([(x - 0.19, y + 0.22, z), (x + 0.19, y + 0.22, z), (x + 0.12, y + 0.5, z), (x - 0.12, y + 0.5, z)], shade)
        self._shine((x, y + 0.36, z))

    def _draw_pendant(self) -> None:
        x, z, y = self.width * self.random.uniform(0.4, 0.65), self.depth * 0.62, self.height - self.random.uniform(0.35, 0.6)
        self._face([(x - 0.01, y, z), (x + 0.01, y, z), (x + 0.01, self.height, z), (x - 0.01, self.height, z)], _BLACK)
        shade: Colour = (255, 240, 196) if self.is_lit else _mixed(self.cushion, _WHITE, 0.2)
        self._face([(x - 0.24, y - 0.12, z), (x + 0.24, y - 0.12, z), (x + 0.1, y + 0.1, z), (x - 0.1, y + 0.1, z)], shade)
        self._shine((x, y, z))

    def _shine(self, place: Point) -> None:
        if self.is_lit and (middle := self.camera.seen([place] * 3)):
            strength = 0.75 if self.hour == "night" else 0.3
            self.glows.append(_Glow(*middle[0], 0.17, (strength, 0.8 * strength, 0.45 * strength)))

    def _shadow(self, x0: float, x1: float, z0: float, z1: float) -> None:
        for reach in (0.0, 0.05, 0.1):
            self._flat(x0 - reach, x1 + reach, z0 - reach, z1 + reach, 0, _BLACK, 0.13)

    def _draw_bed(self) -> None:
        random, length, width = self.random, self.bed_length, self.bed_width
        one, other = self._bed_point(0, 0, 0), self._bed_point(length, width, 0)
        self._shadow(min(one[0], other[0]), max(one[0], other[0]), min(one[2], other[2]), max(one[2], other[2]))
        frame = random.choice(
            (self.wood, self.wood, self.wood, _mixed(self.accent, _BLACK, 0.25), _mixed(self.cushion, _WHITE, 0.2))
        )
        self._draw_headboard(frame)
        sheet = _mixed(_WHITE, self.blanket, 0.12)
        self._bed_box((0.1, length - 0.12), (0.1, width - 0.1), (0, 0.12), _BLACK)
        self._bed_box((0.08, length), (0, width), (0.1, 0.3), frame)
        self._bed_box((0.08, length - 0.03), (0.02, width - 0.02), (0.3, 0.55), sheet)
        self._draw_pillows()
        start = random.uniform(0.62, 0.8)
        hem = random.choice((0.12, 0.25, 0.32))
        rim = 0.035
        self._bed_box((start, length + rim), (-rim, width + rim), (hem, 0.6), self.blanket)
        pattern = random.choice(("plain", "plain", "stripes", "bands", "quilt"))
        other_colour = _mixed(self.blanket, self.cushion, 0.55)
        if pattern in ("stripes", "quilt"):
            for number in range(1, int(width / 0.2)):
                at = width * number / int(width / 0.2)
                self._bed_face((start, length + rim), (at - 0.03, at + 0.03), other_colour, 0.7)
        if pattern in ("bands", "quilt"):
            for number in range(1, 6):
                at = start + (length - start) * number / 6
                self._bed_face((at - 0.03, at + 0.03), (-rim, width + rim), other_colour, 0.7)
        self._bed_face((start + 0.5 * (length - start), length + rim), (-rim, width + rim), _BLACK, 0.04)
        if random.random() < 0.75:  # folded edge of the sheet
            self._bed_box((start, start + 0.22), (-rim, width + rim), (0.45, 0.625), _mixed(sheet, _WHITE, 0.5))
        if random.random() < 0.45:  # a throw over the foot of the bed
            end = length - random.uniform(0.1, 0.3)
            self._bed_box((end - 0.42, end), (-rim - 0.01, width + rim + 0.01), (0.28, 0.612), self.cushion)
        if random.random() < 0.3:
            tall = random.uniform(0.5, 0.75)
            self._bed_box((length + rim, length + rim + 0.06), (-0.03, width + 0.03), (0.0, tall), frame)

    def _bed_face(self, along: tuple[float, float], across: tuple[float, float], colour: Colour, opacity: float) -> None:
        """Draw a rectangle on top of the blanket."""
        corners = ((along[0], across[0]), (along[1], across[0]), (along[1], across[1]), (along[0], across[1]))
        self._face([self._bed_point(a, b, 0.601) for a, b in corners], colour, opacity)

    def _draw_headboard(self, frame: Colour) -> None:
        random, width = self.random, self.bed_width
        tall, kind = random.uniform(0.95, 1.3), random.choice(("plain", "panels", "arch", "bars", "cushions"))
        if kind == "arch":
            for along, shade in ((0.0, 0.8), (0.07, 1.0)):
                top = [
                    (b, tall - 0.3 + dy)
                    for b, dy in ((width / 2 + dx, dy) for dx, dy in _round(width / 2 + 0.04, 0.35, 2.6))
                    if dy >= -0.01
                ]
                outline = [(width + 0.04, 0.1), *top, (-0.04, 0.1)]
                self._face([self._bed_point(along, b, y) for b, y in outline], _shaded(frame, shade * 0.92))
            return
        if kind == "bars":
            for number in range(9):
                at = width * number / 8
                self._bed_box((0.02, 0.05), (at - 0.025, at + 0.025), (0.3, tall), frame)
            self._bed_box((0.0, 0.07), (-0.04, width + 0.04), (tall - 0.08, tall), frame)
            return
        self._bed_box((0.0, 0.08), (-0.05, width + 0.05), (0.1, tall), frame)
        if kind == "plain":
            return
        number = random.choice((2, 3, 4))
        lines = [width * step / number for step in range(1, number)] if kind == "panels" else []
        for at in lines:
            corners = ((at - 0.012, 0.5), (at + 0.012, 0.5), (at + 0.012, tall - 0.06), (at - 0.012, tall - 0.06))
            self._face([self._bed_point(0.081, b, y) for b, y in corners], _shaded(frame, 0.6))
        if kind == "cushions":
            for step in range(number):
                at, half = width * (step + 0.5) / number, width / number / 2 - 0.02
                outline = [(at + db, tall - 0.3 + dy) for db, dy in _round(half, 0.25, 5)]
                self._face([self._bed_point(0.085, b, y) for b, y in outline], _shaded(_mixed(frame, _WHITE, 0.15), 0.95))

    def _draw_pillows(self) -> None:
        random, width = self.random, self.bed_width
        number = 1 if width < 1.2 else 2
        half = min(0.36, width / number / 2 - 0.04)
        white = _mixed(_WHITE, self.blanket, random.choice((0.0, 0.15, 0.6)))
        for step in range(number):
            self._draw_pillow(0.2, width * (step + 0.5) / number, half, 0.24, white)
        cushions = random.choice((0, 1, number, number + 1))
        size = random.uniform(0.18, 0.22)
        for step in range(cushions):
            at = width / 2 + (step - (cushions - 1) / 2) * min(0.55, width / max(1, cushions))
            self._draw_pillow(0.38, at, size, size, self.cushion if step % 2 == 0 else _mixed(self.accent, _WHITE, 0.2))

    def _draw_pillow(self, along: float, across: float, half: float, half_tall: float, colour: Colour) -> None:
        """Draw a pillow leaning on the headboard, as slices from back to front that grow and shrink again."""
        for slice_at, share, shade in (
            (-0.09, 0.82, 0.68),
            (-0.04, 0.98, 0.78),
            (0.01, 1.0, 0.88),
            (0.05, 0.9, 0.95),
            (0.075, 0.68, 1.0),
        ):
            outline = []
            for db, dy in _round(half * share, half_tall * share, 3.4):
                outline.append(self._bed_point(along + slice_at - 0.35 * dy, across + db, 0.55 + 0.92 * half_tall + 0.94 * dy))
            self._face(outline, _shaded(colour, shade))
