"""A small drawing for the card of each lesson, as SVG: real data in indigo, generated data in orange."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable

from gan.palette import GRAY, INDIGO, ORANGE

WIDTH, HEIGHT = 300, 96  # units of the drawings
_MIDDLE = WIDTH / 2, HEIGHT / 2
Point = tuple[float, float]


def of(name: str) -> str:
    """Return the drawing of the lesson ``name`` as SVG. Raises KeyError if it has none."""
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">{DRAWINGS[name]()}</svg>'


def _dots(points: Iterable[Point], colour: str, size: float = 2.2) -> str:
    return "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" fill="{colour}"/>' for x, y in points)


def _line(points: Iterable[Point], colour: str, width: float = 2.5) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linecap="round"/>'


def _cloud(centre: Point, count: int, spread: float, seed: int) -> list[Point]:
    """Return points of a Gaussian, the same for each ``seed``."""
    rolled = random.Random(seed)
    return [(rolled.gauss(centre[0], spread), rolled.gauss(centre[1], spread)) for _ in range(count)]


def _ring(count: int = 8, wide: float = 88, high: float = 36) -> list[Point]:
    """Return the centres of clusters on an ellipse."""
    turns = [2 * math.pi * place / count for place in range(count)]
    return [(_MIDDLE[0] + wide * math.cos(turn), _MIDDLE[1] + high * math.sin(turn)) for turn in turns]


def _clusters(centres: Iterable[Point], colour: str, seed: int, count: int = 9) -> str:
    return "".join(_dots(_cloud(centre, count, 3.4, seed + place), colour) for place, centre in enumerate(centres))


def _bell(middle: float, width: float, height: float) -> list[Point]:
    places = range(20, WIDTH - 19, 4)
    return [(x, HEIGHT - 12 - height * math.exp(-(((x - middle) / width) ** 2) / 2)) for x in places]


def _two_players() -> str:
    fakes = _cloud((110, 60), 12, 8, 3)
    arrows = "".join(_line([(x, y), (x + 26, y - 9)], GRAY, 1) for x, y in fakes)
    return _dots(_cloud((195, 36), 26, 9, 1), INDIGO) + arrows + _dots(fakes, ORANGE)


def _non_saturating() -> str:
    """Draw both losses of the generator over D(fake): log(1 − D) is flat where D is small, −log D is steep there."""
    places = [share / 40 for share in range(1, 40)]
    losses = ((GRAY, [math.log(1 - d) for d in places]), (ORANGE, [-math.log(d) for d in places]))
    return "".join(
        _line(((30 + 240 * d, _MIDDLE[1] - 11 * loss) for d, loss in zip(places, values, strict=True)), colour)
        for colour, values in losses
    )


def _too_strong() -> str:
    steep = [(x, HEIGHT - 12 - 72 / (1 + math.exp(-(x - _MIDDLE[0]) / 5))) for x in range(20, WIDTH - 19, 2)]
    return _line(steep, GRAY) + _dots(_cloud((80, 76), 16, 5, 5), ORANGE) + _dots(_cloud((222, 20), 16, 5, 6), INDIGO)


def _collapse() -> str:
    ring = _ring()
    return _clusters(ring, INDIGO, 10, 6) + _clusters(ring[:1], ORANGE, 40, 40)


def _remedies() -> str:
    ring = _ring()
    return _clusters(ring, INDIGO, 10, 6) + _clusters(ring[::2], ORANGE, 50)


def _fid() -> str:
    return _line(_bell(130, 30, 68), INDIGO) + _line(_bell(176, 42, 50), ORANGE)


def _inception() -> str:
    bars = (f'<rect x="{26 + 25.5 * place:.1f}" y="30" width="17" height="54" rx="2" fill="{ORANGE}"/>' for place in range(10))
    return "".join(bars) + _line([(20, 30), (WIDTH - 20, 30)], INDIGO, 1.5)


def _trade_off() -> str:
    measured = [(0.94, 0.37), (0.90, 0.55), (0.77, 0.58), (0.23, 0.28)]  # recall and precision at ψ = 2, 1, 0.6, 0.25
    places = [(20 + 260 * recall, HEIGHT - 150 * precision) for recall, precision in measured]
    return _line(places, GRAY, 1.5) + _dots(places, ORANGE, 5)


def _seeds() -> str:
    found = ""
    for y, middle, colour in ((32, 135, GRAY), (64, 165, ORANGE)):
        found += _line([(middle - 70, y), (middle + 70, y)], colour, 1.5) + _dots([(middle, y)], colour, 5)
        found += _dots([(middle + shift, y) for shift in (-62, -31, 18, 57)], colour, 2.5)
    return found


#: By the name of the lesson.
DRAWINGS: dict[str, Callable[[], str]] = {
    "two-players": _two_players,
    "non-saturating": _non_saturating,
    "too-strong": _too_strong,
    "mode-collapse": _collapse,
    "remedies": _remedies,
    "what-fid-sees": _fid,
    "blind-spots-of-is": _inception,
    "quality-against-diversity": _trade_off,
    "seeds": _seeds,
}
