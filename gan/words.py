"""Text formatting shared by pages, reports and the command line: durations, numbers, shares, counts and Markdown."""

from __future__ import annotations

import math
import re
from functools import lru_cache

_MARKUP = r"\\`*_{}\[\]()<>#|~$&!:@^"
_MARKDOWN, _MARKDOWN_BLOCK = re.compile(f"([{_MARKUP}])"), re.compile(rf"([{_MARKUP}+\-.])")  # the latter with list markers
_ROUGH = 3.55  # a spread that begins with less gets two significant digits, otherwise one (rule of the Particle Data Group)
_MOST_DECIMALS, _MOST_SMALL = 2, 6  # of values from 1 up, and of smaller ones
_LONG = 1e9  # from here on, numbers are written with a power of ten
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def duration(seconds: float | None) -> str:
    """Return a duration in its two largest units, e.g. "2 min 5 s"."""
    if seconds is None:
        return "unknown"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, smaller_size, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller_size
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def number(value: float) -> str:
    """Return a number with thousands separators: as a whole number from 100 up, else with three significant digits.

    From 10⁹ up, as the losses of a training that diverges: "7.22·10¹⁵".
    """
    if _LONG <= abs(value) < math.inf:
        first, power = f"{value:.2e}".split("e+")
        return signed(f"{first}·10{power.lstrip('0').translate(_RAISED)}")
    return signed(f"{value:,.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.3g}")


def signed(text: str) -> str:
    """Return a number as text with true minus signs, U+2212, instead of hyphens."""
    return text.replace("-", "−")


def figure(value: float | None, spread: float | None, *, is_share: bool = False) -> str:
    """Return "9.07 ± 0.18" or "592 ± 5": one or two digits of the spread, as many decimals of the value, shares in per cent.

    Every value with a spread is told like this. From 1 up it has two decimals at most, so that a FID does not look more precise
    than it is. An unknown value is a dash.
    """
    times = 100 if is_share else 1
    if value is None or not math.isfinite(value):
        return "–"
    value, spread = times * value, times * spread if spread is not None else -1.0
    if spread != 0 and not 1e-300 < spread < 1e300:  # unknown, or of a damaged file
        return number(value)
    if spread == 0:
        return f"{number(value)} ± 0"
    power = math.floor(math.log10(spread))
    decimals = min(max((spread / 10**power < _ROUGH) - power, 0), _MOST_SMALL if abs(value) < 1 else _MOST_DECIMALS)
    return signed(f"{value:,.{decimals}f} ± {spread:,.{decimals}f}")


def percent(share: float) -> str:
    """Return a share in per cent, with enough decimals that a partial share never reads as 0 % or 100 %."""
    for decimals in (0, 1, 2):
        text = f"{100 * share:.{decimals}f}"
        if share in (0.0, 1.0) or (float(text) not in (0.0, 100.0) and (decimals or 0.1 <= share <= 0.9 or share > 1)):
            return f"{text} %"
    return "more than 99.99 %" if share > 0.5 else "less than 0.01 %"


def only(share: float) -> str:
    """Return a small share from 0 to 1 for the start of a sentence: "Only 12 %", or "None" for 0."""
    return f"Only {percent(share)}" if share else "None"


def lowered(title: str) -> str:
    """Return a title for the middle of a sentence: "latent size" for "Latent size", but "R1 γ" and "EMA half-life" unchanged."""
    return title[:1].lower() + title[1:] if title.partition(" ")[0][1:].islower() else title


def megabytes(size: int) -> str:
    """Return a number of bytes as text in MB or GB, at least 1 MB."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{max(1, round(size / 1e6)):,} MB"


def count(amount: int, noun: str) -> str:
    """Return a count with its noun, e.g. "1 run", "2 runs" or "2 classes"."""
    plural = "es" if noun.endswith("s") else "s"
    return f"{amount:,} {noun}" + ("" if amount == 1 else plural)


def threads(amount: int, processes: int = 1) -> str:
    """Return threads in words, e.g. "4 threads" or, of each of several processes, "2 processes with 4 threads each"."""
    each = count(amount, "thread")
    return each if processes == 1 else f"{count(processes, 'process')} with {each} each"


def escape(text: str, *, is_block: bool = False) -> str:
    """Escape free text so that Markdown (GitHub, pandoc, Streamlit) shows it literally.

    The text is put on one line and made encodable. A block keeps its lines, so characters that can start a list are escaped too.
    """
    if is_block:
        return _MARKDOWN_BLOCK.sub(r"\\\1", text)
    return _MARKDOWN.sub(r"\\\1", " ".join(text.encode("utf-8", "replace").decode().replace("\0", " ").split()))


@lru_cache(maxsize=4096)
def on_one_line(name: str) -> str:
    """Return a name on one line without control characters; the joiners used in emoji and Persian are kept."""
    return " ".join("".join(letter if letter.isprintable() or letter in "\u200c\u200d" else " " for letter in name).split())
