"""Whether scores differ by more than seed noise, on the Compare page."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import streamlit as st

from gan.judging import lines, significance
from gan.judging.glossary import SCORES
from gan.runs import Run
from pages.parts import words
from pages.parts.comparison import timeline, triangle


def show_significance(chosen: list[Run], names: dict[str, str], by: str, title: str) -> None:
    """State for each pair of settings whether their scores differ by more than seed noise; ``title`` names the setting ``by``."""
    st.subheader("Is the difference larger than seed noise?")
    titles = {name: score.title for name, score in SCORES.items() if score.better}
    name = st.selectbox(
        "Score",
        list(titles),
        format_func=titles.__getitem__,
        key="score",
        bind="query-params",
        width=230,
        help="Score of the last checkpoint, from the Evaluate page or “python -m gan score”.",
    )
    seeds_of = timeline.groups(chosen, timeline.SEEDS, names)
    measured = timeline.measure(chosen, name, seeds_of)
    values = measured.values
    if by in ("", timeline.SEEDS):
        pairs, called = list(itertools.combinations(values, 2)), {group: group for group in values}
    else:
        pairs = [pair for pair in timeline.partners(chosen, by, seeds_of) if set(pair) <= set(values)]
        called = by_value(chosen, by, title, seeds_of, pairs)
    if measured.line is None or len(values) < 2:
        reason = "None of these runs has this score" if not values else "Only one group of runs has this score"
        st.caption(f"{reason}. Score runs on the Evaluate page, or choose more runs.")
    elif not pairs:
        st.caption(f"No two runs with this score differ only in {words.escape(title)}.")
    else:
        tell_differences(pairs, called, measured, f"{titles[name]} ({measured.line['extractor']})", SCORES[name].better < 0)
    if measured.line and name == "fid" and (care := lines.caution(measured.line)):
        st.caption(words.escape(care))
    if values and (out := [f"“{names[run_id]}” ({why})" for run_id, why in measured.left_out.items()]):
        st.caption(words.escape(f"Left out: {'; '.join(out)}."))
    paired = {group for pair in pairs for group in pair}
    if pairs and (alone := [f"“{group}”" for group in values if group not in paired]):
        st.caption(words.escape(f"Not compared, because no other scored run differs only in {title}: {', '.join(alone)}."))


def by_value(chosen: list[Run], by: str, title: str, seeds_of: dict[str, str], pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return labels for the seed groups in ``pairs``: the setting's value, plus the group name if values repeat."""
    paired = {group for pair in pairs for group in pair}
    value_of = timeline.groups(chosen, by, seeds_of)
    found = {seeds_of[run.id]: f"{title} {value_of[run.id]}" for run in chosen if seeds_of[run.id] in paired}
    is_enough = len(set(found.values())) == len(found)
    return found if is_enough else {group: f"{value} · {group}" for group, value in found.items()}


def tell_differences(
    pairs: list[tuple[str, str]], called: dict[str, str], measured: timeline.Measured, score: str, is_lower_better: bool
) -> None:
    """State whether each pair differs: a single pair in a sentence, several as a triangle, with the sentences below."""
    is_corrected = len(pairs) > 1 and st.toggle(
        "Correct for the number of comparisons",
        value=True,
        key="holm",
        bind="query-params",
        help="Holm 1979: without it, one of twenty comparisons seems clear by chance.",
    )
    noise = significance.pool(measured.values.values())
    cells = judged(pairs, called, measured.values, score, is_lower_better=is_lower_better, is_corrected=is_corrected)
    if len(pairs) == 1:
        st.markdown(words.escape(next(iter(cells.values())).sentence))
        return
    groups = [group for group in called if any(group in pair for pair in pairs)]
    place = {group: number for number, group in enumerate(groups)}
    placed = {(place[one], place[other]): cell for (one, other), cell in cells.items()}
    st.html(triangle.legend() + triangle.table([called[group] for group in groups], placed))
    sure = sum(bool(triangle.strength(cell.p)[0]) for cell in cells.values())
    unknown = sum(cell.size is None for cell in cells.values())
    title = f"In words: {sure} of {words.count(len(cells), 'difference')} larger than seed noise" + (
        f", {unknown} unknown with so few seeds" if unknown else ""
    )
    with st.expander(title, icon=":material/notes:"):
        ranked = sorted(cells.values(), key=lambda cell: 2.0 if cell.p is None else cell.p)
        st.markdown("\n".join(f"- {words.escape(cell.sentence)}" for cell in ranked))
    formula = (
        "The noise s is pooled over all settings, assuming equal variance: x̄ − ȳ ± t·s·√(1/n + 1/m)."
        if noise
        else "The interval is Welch's: x̄ − ȳ ± t·√(s²/n + r²/m)."
    )
    error = (
        "Any false colour: 5 % at most (Holm)." if is_corrected else "Each cell has a 5 % error rate: of twenty, one may be chance."
    )
    st.caption(f"{error} {formula}")


def judged(
    pairs: list[tuple[str, str]],
    called: dict[str, str],
    values: Mapping[str, Sequence[float]],
    score: str,
    *,
    is_lower_better: bool,
    is_corrected: bool,
) -> dict[tuple[str, str], triangle.Cell]:
    """Return the cell of each pair, with p values corrected for the number of comparable pairs if ``is_corrected``."""
    noise = significance.pool(values.values())
    found = {pair: significance.compare(values[pair[0]], values[pair[1]], noise) for pair in pairs}
    known = {pair: each.p for pair, each in found.items() if each is not None}
    if is_corrected:
        known = dict(zip(known, significance.holm(list(known.values())), strict=True))
    cells = {}
    for pair in pairs:
        one, other = pair
        sentence = significance.tell(
            (called[one], called[other]),
            (values[one], values[other]),
            score,
            is_lower_better=is_lower_better,
            noise=noise,
            p=known.get(pair),
        )
        each = found[pair]
        cells[pair] = triangle.Cell(
            each.mean if each else None, each is not None and (each.mean < 0) == is_lower_better, known.get(pair), sentence
        )
    return cells
