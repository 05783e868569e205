"""The differences between all pairs of settings as a triangle of coloured cells, as HTML; no streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from gan import palette, words

#: Highest p value → strength of a difference, and how much of the colour shows.
_STRENGTHS = ((0.001, "very clear", 85), (0.01, "clear", 55), (0.05, "just clear", 28))
ROW, COLUMN = palette.INDIGO, palette.ORANGE  # colours of "the row is better" and "the column is better"
_ARROWS = {True: "←", False: "↑"}  # towards the better one: its name stands left of the row, or above the column

_STYLE = """<style>
.triangle {position: relative; padding-bottom: 6.2rem}
.triangle > div {overflow-x: auto}
.triangle table {border-collapse: separate; border-spacing: 3px; font-size: 0.85rem; font-variant-numeric: tabular-nums}
.triangle th {font-weight: 500; text-align: right; padding: 0 0.4rem; overflow-wrap: anywhere; max-width: 15rem}
.triangle thead th {text-align: center; opacity: 0.7}
.triangle th small {opacity: 0.7; padding-right: 0.3rem}
.triangle td {min-width: 3.4rem; height: 2.1rem; text-align: center; border-radius: 5px; padding: 0 0.3rem; white-space: nowrap}
.triangle td[tabindex] {cursor: help}
.triangle td[tabindex]:hover, .triangle td:focus {outline: 2px solid currentColor}
.triangle td span, .triangle p {position: absolute; left: 0; right: 0; bottom: 0; height: 5.8rem; margin: 0; overflow-y: auto;
 white-space: normal; text-align: left; font-size: 0.85rem; line-height: 1.4; padding-top: 0.4rem}
.triangle td span, .triangle:has(td[tabindex]:hover) p, .triangle:has(td:focus) p {visibility: hidden}
.triangle td:hover span, .triangle:not(:has(td[tabindex]:hover)) td:focus span {visibility: visible}
.triangle-legend {display: flex; flex-wrap: wrap; gap: 0.3rem 1rem; font-size: 0.8rem; opacity: 0.85; margin-bottom: 0.6rem}
.triangle-legend i {display: inline-block; width: 0.9rem; height: 0.9rem; border-radius: 3px; margin-right: 0.35rem;
 vertical-align: -0.12rem}
</style>"""


class Cell(NamedTuple):
    """The difference of one pair: its size, whether the first is better, its p value (None: unknown), and the sentence on it."""

    size: float | None
    is_first_better: bool
    p: float | None
    sentence: str


def strength(p: float | None) -> tuple[str, int]:
    """Return how clear a difference is in a word, and the share of colour in per cent; not clear: empty and 0."""
    return next(((word, share) for highest, word, share in _STRENGTHS if p is not None and p <= highest), ("", 0))


def table(names: Sequence[str], cells: Mapping[tuple[int, int], Cell]) -> str:
    """Return the lower triangle as HTML. ``cells``: (place of the first name, of the second) → cell, the first place the lower."""
    ahead = "".join(f'<th scope="col" title="{escape(name)}">{place}</th>' for place, name in enumerate(names[:-1], 1))
    rows = [
        f'<tr><th scope="row"><small>{row + 1}</small>{escape(name)}</th>'
        + "".join(_cell(cells.get((column, row))) for column in range(row))
        + "</tr>"
        for row, name in enumerate(names)
    ]
    made = f"<table><thead><tr><th></th>{ahead}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f'{_STYLE}<div class="triangle"><div>{made}</div><p>Point at or touch a cell to read more.</p></div>'


def legend() -> str:
    """Return what the colours and arrows say as HTML."""
    (_, faint, least), *_, (_, strong, most) = sorted(_STRENGTHS, key=lambda each: each[2])
    shades = [
        (f"{_ARROWS[True]} the row is better", _mixed(ROW, most)),
        (f"{_ARROWS[False]} the column is better", _mixed(COLUMN, most)),
        (f"pale: {faint}, full: {strong}", f"linear-gradient(90deg, {_mixed(ROW, least)}, {_mixed(ROW, most)})"),
        ("grey: may be chance, ?: too few seeds to tell", _mixed(palette.GRAY, 18)),
    ]
    return (
        '<div class="triangle-legend">'
        + "".join(f'<div><i style="background:{shade}"></i>{told}</div>' for told, shade in shades)
        + "</div>"
    )


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "<td></td>"
    word, share = strength(cell.p)
    shade = _mixed(COLUMN if cell.is_first_better else ROW, share) if word else _mixed(palette.GRAY, 18)
    size = "?" if cell.size is None else words.number(abs(cell.size))
    told = f"{_ARROWS[not cell.is_first_better]} {size}" if word else size
    sentence = escape(cell.sentence)
    return f'<td tabindex="0" style="background:{shade}" aria-label="{sentence}">{told}<span role="tooltip">{sentence}</span></td>'


def _mixed(colour: str, share: int) -> str:
    """Return a colour of which ``share`` per cent cover the background, light or dark."""
    return f"{colour}{round(share * 255 / 100):02x}"
