"""Export of a score table to CSV, Markdown and LaTeX; neither torch nor streamlit."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from gan import config as configs
from gan.judging import comparison, lines
from gan.judging.comparison import text_of
from gan.judging.glossary import SCORES
from gan.words import escape, figure, lowered
from pages.parts.evaluation import table
from pages.parts.evaluation.columns import INTERVALS, facts, spread_title
from pages.parts.evaluation.table import Line

_ARROWS = {1: " ↑", -1: " ↓", 0: ""}  # which way a score is better
_HEADING = 11  # characters per line of a heading in LaTeX, about as wide as a score with its spread
_LINE, _LETTER, _SIDES = 345, 4.7, 8  # points: the text of a page in LaTeX's article; a letter of \small; the space between columns
_WRAPPED = 20  # letters per line of a name that is wrapped, at least
NO_BREAK = "\u00a0"
_PICTURES, _BADGES = "samples", ("verdicts", "best")

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
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "β": r"$\beta$",
    "γ": r"$\gamma$",
    "λ": r"$\lambda$",
    "σ": r"$\sigma$",
    "₁": r"$_1$",
    "₂": r"$_2$",
    "−": r"$-$",
    "|": r"\textbar{}",
    "–": "--",
    "·": r"$\cdot$",
    "→": r"$\to$",
    "²": r"$^2$",
    "\n": " ",
    NO_BREAK: "~",
}


def csv(made: pd.DataFrame, titles: dict[str, str]) -> str:
    """Return all non-empty columns as CSV with full precision, without pictures."""
    shown = made[[column for column in titles if column in made and column != _PICTURES]].dropna(axis=1, how="all")
    joined = {column: shown[column].map(_cell) for column in _BADGES if column in shown}
    return shown.assign(**joined).rename(columns=titles).to_csv(index=False)


def figures(made: pd.DataFrame, score: str) -> list[str]:
    """Return the values of a score as text: "9.07 ± 0.18", shares in per cent without a sign, "9 of 10" classes."""
    pairs = zip(made[score], made[f"{score}_spread"], strict=True)
    told = [figure(*pair, is_share=SCORES[score].is_share) for pair in pairs]
    if score != "classes_covered" or "expected" not in made:
        return told
    return [
        text if math.isnan(due) or text == "–" else f"{text} of {due:.0f}" for text, due in zip(told, made["expected"], strict=True)
    ]


def unit_title(score: str, title: str) -> str:
    """Return the title of a score with its unit."""
    return f"{title} (%)" if SCORES[score].is_share else title


class Sheet(NamedTuple):
    """A table as text: ``heads`` with one text per line, ``rows``, the places (row, column) of ``bold`` cells, and a ``caption``.

    ``rules``: rows with a rule above, since they follow real images or begin another group of comparable rows.
    """

    heads: list[list[str]]
    rows: list[list[str]]
    bold: set[tuple[int, int]]
    rules: set[int]
    caption: str


def sheet(made: pd.DataFrame, columns: Sequence[str], titles: dict[str, str], told: str) -> Sheet:
    """Return columns of a table as text, without pictures; a bold score replaces the column of the scores that a row is best in.

    ``told``: the caption, see :func:`caption`.
    """
    shown = [column for column in columns if column not in (_PICTURES, "best")]
    cells = [figures(made, column) if column in SCORES else list(map(_cell, made[column])) for column in shown]
    if made["group"].max() == 1 and shown[0] == "name":  # the caption names the only data set
        cells[0] = [name if run else name.partition(" (")[0] for name, run in zip(cells[0], made["run"], strict=True)]
    best = list(made["best"]) if "best" in made else [[]] * len(made)
    kinds = list(zip(made["group"], made["run"] == "", strict=True))
    return Sheet(
        [_heading(column, titles[column]) for column in shown],
        [list(row) for row in zip(*cells, strict=True)],
        {(y, x) for x, column in enumerate(shown) if column in SCORES for y, row in enumerate(best) if SCORES[column].title in row},
        {row for row in range(1, len(kinds)) if kinds[row] != kinds[row - 1]},
        told,
    )


def fitted(made: pd.DataFrame, columns: Sequence[str], titles: dict[str, str], told: str, keys: Mapping[str, str]) -> Sheet:
    """Return a :func:`sheet` that fits the width of a page: settings without room for columns follow the names, in brackets.

    ``keys``: keys of settings ("networks.width") by title. Brackets leave out what most rows share, which the caption tells, and
    what the name of a row says itself.
    """
    whole = sheet(made, columns, titles, told)
    settings = [column for column in columns if column in keys]
    if not settings or _width(whole, _WRAPPED) <= _LINE:
        return whole
    of_runs = made[made["run"] != ""]
    usual: dict[str, str] = {}
    for title in settings:
        ((value, often),) = Counter(map(text_of, of_runs[title])).most_common(1)
        if 2 * often > len(of_runs):
            usual[title] = value
    names = []
    for _, row in made.iterrows():
        said = row["name"].split(" · ")
        unusual = [title for title in settings if row["run"] and text_of(row[title]) != usual.get(title)]
        codes = [code for title in unusual if (code := configs.coded(keys[title], row[title])) not in said]
        names.append(f"{row['name']} ({', '.join(code.replace(' ', NO_BREAK) for code in codes)})" if codes else row["name"])
    shared = ", ".join(f"{lowered(title)} {value}" for title, value in usual.items())
    told = f"{told} Unless a row says otherwise: {shared}." if shared else told
    return sheet(made.assign(name=names), [column for column in columns if column not in settings], titles, told)


def _width(shown: Sheet, most: int = 10_000) -> float:
    """Return the width of a table in points, in LaTeX's ``\\small``, with at most ``most`` letters a line in its first column."""
    heads = [max(len(row) for part in parts for row in _wrapped(part)) for parts in shown.heads]
    widths = [max(head, *(len(row[place]) for row in shown.rows)) for place, head in enumerate(heads)]
    widths[0] = min(widths[0], most)
    return sum(_LETTER * width + _SIDES for width in widths)


def _heading(column: str, title: str) -> list[str]:
    """Return a title in parts; a score comes with its unit and the direction in which it is better, then its features."""
    if column not in SCORES:
        return [title]
    first, *features = title.split(" · ")
    return [first + _ARROWS[SCORES[column].better], *(["(%)"] if SCORES[column].is_share else []), *features]


def caption(made: pd.DataFrame, scored: Sequence[Line], checkpoint: str) -> str:
    """Return how the scores of a table were made: one of ``scored`` lines per group, what ± means, and what is bold."""
    of_runs = made[(made["run"] != "") & (made["group"] > 0)]
    ways = dict.fromkeys(lines.made_from(scored[group - 1]) for group in dict.fromkeys(of_runs["group"]))
    is_seeded = bool((of_runs["runs"] > 1).any())
    several = [f"{over} of the training" for over in dict.fromkeys(of_runs["over"][of_runs["runs"] > 1])]
    single = list(dict.fromkeys(of_runs["over"][of_runs["runs"] == 1]))
    over = " or ".join([*several, *(f"{draws} from one training" for draws in single)])
    sentences = [
        f"Scores of the {checkpoint}: {' or '.join(ways)}.",
        f"Mean ± sample standard deviation over {over}.",
        *filter(None, dict.fromkeys(map(lines.caution, scored))),
        "↑: higher is better; ↓: lower is better.",
    ]
    if any("best" in made and list(best) for best in made.get("best", ())):
        sentences.append(f"Bold: {comparison.criterion(is_seeded=is_seeded)}.")
    return " ".join(sentences)


def markdown(shown: Sheet) -> str:
    """Return a table of text as Markdown for GitHub and pandoc, below its caption; cells are escaped."""
    heads = [escape(" · ".join(parts).replace(" · (%)", " (%)")) for parts in shown.heads]
    body = [
        [f"**{escape(cell)}**" if (y, x) in shown.bold else escape(cell) for x, cell in enumerate(row)]
        for y, row in enumerate(shown.rows)
    ]
    marks = ["---", *(["--:"] * (len(heads) - 1))]
    return f"{escape(shown.caption)}\n\n" + "".join(f"| {' | '.join(row)} |\n" for row in (heads, marks, *body))


def latex(shown: Sheet) -> str:
    """Return a table of text as a LaTeX table with caption and label (package booktabs); cells are escaped."""
    body: list[str] = []
    is_wide = _width(shown) > _LINE
    for y, row in enumerate(shown.rows):
        body += [r"\midrule"] if y in shown.rules else [r"\addlinespace"] if y and is_wide else []
        cells = [rf"\textbf{{{_in_latex(cell)}}}" if (y, x) in shown.bold else _in_latex(cell) for x, cell in enumerate(row)]
        body.append(" & ".join(cells) + r" \\")
    kinds = (r">{\raggedright\arraybackslash}X" if is_wide else "l") + "r" * (len(shown.heads) - 1)
    begin, end = (r"\begin{tabularx}{\linewidth}", r"\end{tabularx}") if is_wide else (r"\begin{tabular}", r"\end{tabular}")
    return "\n".join(
        [
            rf"% needs \usepackage{{{'booktabs,tabularx' if is_wide else 'booktabs'}}}",
            r"\begin{table}",
            r"\centering\small\setlength{\tabcolsep}{4pt}\setlength{\belowcaptionskip}{6pt}",
            rf"\caption{{{_in_latex(shown.caption)}}}",
            r"\label{tab:scores}",
            rf"{begin}{{{kinds}}}",
            r"\toprule",
            " & ".join(map(_stacked, shown.heads)) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            end,
            r"\end{table}",
            "",
        ]
    )


def _stacked(parts: Sequence[str]) -> str:
    """Return a heading in LaTeX, in as many short lines as it needs."""
    rows = [_in_latex(row) for part in parts for row in _wrapped(part)]
    return rows[0] if len(rows) == 1 else r"\shortstack[r]{" + r" \\ ".join(rows) + "}"


def _wrapped(part: str) -> list[str]:
    return textwrap.wrap(part, _HEADING, break_long_words=False) or [""]


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
