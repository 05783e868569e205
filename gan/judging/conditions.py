"""Conditions of a fair comparison with pictures made elsewhere: what was changed before scoring, and what speaks against them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gan import words
from gan.config.data import SIZES
from gan.judging import lines
from gan.judging.lines import Line
from gan.words import percent

TRACES = 0.15  # excess of fine cosine coefficients near 0 in blocks of 8 × 8: traces of JPEG (``gan.guests.measuring``)
USUAL = 2000  # images of a draw, unless others are asked for
CLIPPED = 0.02  # share of values at 0 or 255 above that of the real images: worth a sentence


def of(line: Line) -> Mapping[str, Any]:
    """Return the conditions in a line of scores; empty for a run."""
    found = line.get("conditions")
    return found if isinstance(found, Mapping) else {}


def is_guest(line: Line) -> bool:
    """Return whether a line of scores is that of a guest."""
    return bool(of(line))


def altered(found: Mapping[str, Any], size: int) -> str | None:
    """Return what was changed in the pictures before scoring at ``size`` pixels, as text; None if nothing that matters.

    Scores of altered and of unaltered pictures are not ranked against each other.
    """
    told = []
    if lines.number(found, "resized"):
        sizes = int(lines.number(found, "sizes") or 1)
        own = f"{found.get('width')} × {found.get('height')}"
        told.append(f"resized from {own if sizes == 1 else f'{sizes:,} sizes, mostly {own},'} to {size} × {size} pixels")
    if found.get("channels") == 1 and lines.number(found, "coloured"):
        told.append("colour removed")
    return " and ".join(told) or None


def tell(line: Line) -> list[str]:
    """Return sentences on the pictures of a guest and on what is unfair about comparing them; none for a run."""
    found = of(line)
    return [*_about_pictures(found, line), *_about_changes(found, line), *_about_values(found, line)] if found else []


def warnings(line: Line) -> list[str]:
    """Return those of the sentences of :func:`tell` that speak against a comparison."""
    found = of(line)
    return [*_about_changes(found, line), *_about_values(found, line, all_of_them=False)] if found else []


def _about_pictures(found: Line, line: Line) -> list[str]:
    own = f"{found.get('width')} × {found.get('height')} pixels" if found.get("width") else "unknown size"
    count = words.count(int(lines.number(found, "pictures") or 0), "picture")
    colours = "in colour" if lines.number(found, "coloured") else "grey"
    is_averaged = line.get("weights") == "EMA"
    alike = "runs with averaged weights" if is_averaged else "runs without averaged weights (EMA half-life 0)"
    told = [f"{count} of {own}, {colours}.", f"{'EMA' if is_averaged else 'Raw'} weights, as declared: ranked only with {alike}."]
    if (used := int(lines.number(line, "images") or 0)) and used < USUAL:
        told.append(f"Scored from {used:,}: ranked only with scores from as many (python -m gan score RUN --images {used}).")
    if sheet := found.get("sheet"):
        told.append(f"Cut out of a contact sheet: {sheet}.")
    if share := lines.number(found, "repeated"):
        told.append(f"{_share(share)} were enlarged by repeated pixels, which was undone without loss.")
    if skipped := int(lines.number(found, "skipped") or 0):
        reason = str(found.get("skipped_because", "")).rstrip(".")
        told.append(f"{words.count(skipped, 'file')} skipped, most often because: {reason}.")
    return told


def _about_changes(found: Line, line: Line) -> list[str]:
    told = []
    size = int(lines.number(line, "size") or 0)
    if share := lines.number(found, "resized"):
        whole = altered({**found, "coloured": 0}, size)
        smaller = min(lines.number(found, "width") or 0, lines.number(found, "height") or 0) > size
        how = "bilinear with antialiasing" if smaller else "bilinear"
        some = "" if share >= 1 else f" ({percent(share)} of them)"
        own = int(lines.number(found, "width") or 0)
        is_usual = own in SIZES and own == lines.number(found, "height") and lines.number(found, "sizes") == 1
        told.append(
            f"The pictures were {whole}{some}, {how}: not ranked against pictures that were not. To rank them with runs, "
            + (
                f"import them at {own} × {own} pixels, and train the runs at that size (data.size {own})."
                if is_usual
                else f"train their generator on images of {size} × {size} pixels."
            )
        )
    coloured = lines.number(found, "coloured") or 0
    if found.get("channels") == 1 and coloured:
        told.append(f"{_share(coloured)} had colour, which was removed: not ranked against grey pictures.")
    if found.get("channels") == 3 and not coloured:
        told.append("The pictures are grey, and the real images have three channels.")
    return told


def _about_values(found: Line, line: Line, *, all_of_them: bool = True) -> list[str]:
    told = []
    files, traces = lines.number(found, "jpeg") or 0, lines.number(found, "traces")
    has_traces = traces is not None and traces > TRACES
    if files:
        told.append(f"{_share(files)} came from JPEG files, whose losses count as faults of the generator.")
    elif has_traces:
        told.append("The pictures have traces of JPEG (blocks of 8 × 8 pixels), which count as faults of the generator.")
    elif all_of_them and traces is not None:
        told.append("No traces of JPEG.")
    low, high = lines.number(found, "low"), lines.number(found, "high")
    real_low, real_high = lines.number(found, "real_low"), lines.number(found, "real_high")
    if low is None or high is None:
        return told
    usual = "" if real_low is None or real_high is None else f" (real images: {percent(real_low)} and {percent(real_high)})"
    is_more = usual and (low > (real_low or 0) + CLIPPED or high > (real_high or 0) + CLIPPED)
    if is_more or all_of_them:
        end = ": more than usual, so values may have been clipped." if is_more else "."
        told.append(f"{percent(low)} of the values are 0 and {percent(high)} are 255{usual}{end}")
    return told


def _share(share: float) -> str:
    return "All pictures" if share >= 1 else f"{percent(share)} of the pictures"
