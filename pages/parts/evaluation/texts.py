"""Export of a score table to CSV, Markdown and LaTeX; neither torch nor streamlit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from gan.judging import comparison
from gan.judging.comparison import figure
from gan.judging.glossary import SCORES
from gan.words import escape
from pages.parts.evaluation import table
from pages.parts.evaluation.columns import INTERVALS, facts, spread_title

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "|": r"\textbar{}",
    "–": "--",
    "·": r"$\cdot$",
    "→": r"$\to$",
    "²": r"$^2$",
    "\n": " ",
}


def csv(made: pd.DataFrame, titles: dict[str, str]) -> str:
    """Return all non-empty columns as CSV with full precision, without pictures."""
    shown = made[[column for column in titles if column in made and column != "samples"]].dropna(axis=1, how="all")
    joined = {column: shown[column].map(_cell) for column in ("verdicts", "best") if column in shown}
    return shown.assign(**joined).rename(columns=titles).to_csv(index=False)


def written(made: pd.DataFrame, columns: Sequence[str], titles: dict[str, str]) -> pd.DataFrame:
    """Return the chosen columns as text under their titles, without pictures: measures as "9.07 ± 0.18", shares in per cent."""
    shown = {}
    for column in columns:
        if column == "samples" or column.endswith("_spread"):
            continue
        title = titles[column]
        if column in SCORES:
            is_share = SCORES[column].is_share
            pairs = zip(made[column], made[f"{column}_spread"], strict=True)
            shown[f"{title} (%)" if is_share else title] = [figure(*pair, is_share=is_share) for pair in pairs]
        else:
            shown[title] = [_cell(value) for value in made[column]]
    return pd.DataFrame(shown)


def markdown(shown: pd.DataFrame) -> str:
    """Return a table of text as Markdown for GitHub and pandoc; cells are escaped."""
    rows = [list(shown.columns), ["---"] * len(shown.columns), *shown.to_numpy().tolist()]
    cells = [[cell if index == 1 else escape(str(cell)) for cell in row] for index, row in enumerate(rows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


def latex(shown: pd.DataFrame) -> str:
    """Return a table of text as LaTeX (package booktabs); cells are escaped."""
    head, *body = (
        " & ".join(_in_latex(str(cell)) for cell in row) + r" \\" for row in [list(shown.columns), *shown.to_numpy().tolist()]
    )
    rules = "l" + "r" * (len(shown.columns) - 1)
    return "\n".join(
        [rf"\begin{{tabular}}{{{rules}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}", ""]
    )


def titles_of(made: pd.DataFrame, fid: str, first: str = "fid", noun: str = "images") -> dict[str, str]:
    """Return column → title for all available columns, in table order; titles are unique.

    ``fid`` is the title of the FID column, ``first`` the measure to put first, and ``noun`` what was scored.
    """
    titles = {"name": "Run", "samples": "Samples", "verdicts": "Verdicts", "best": "Best in", "runs": "Runs"}
    for name in sorted(SCORES, key=lambda name: name != first):
        titles |= {name: fid if name == "fid" else SCORES[name].title, f"{name}_spread": spread_title(name)}
    titles |= {name: title for name, (title, _) in INTERVALS.items()} | {"expected": "Expected classes"}
    titles |= {name: title for name, (title, _, _) in facts(noun).items()}
    taken = set(titles.values())
    return titles | {title: f"{title} (setting)" if title in taken else title for title in table.settings(made)}


def _cell(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "–"
    if isinstance(value, float) and not math.isnan(value):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    return comparison.text_of(value)


def _in_latex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)
