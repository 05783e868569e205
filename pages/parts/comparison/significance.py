"""Whether scores differ by more than seed noise, on the Compare page."""

from __future__ import annotations

import itertools

import streamlit as st

from gan.judging import lines, significance
from gan.judging.glossary import SCORES
from gan.runs import Run
from pages.parts import words
from pages.parts.comparison import timeline

MOST_PAIRS = 10  # sentences shown before the rest is folded away


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
    """State whether each pair differs, significant differences first."""
    values = measured.values
    noise = significance.pool(values.values())
    sure: list[str] = []
    unsure: list[str] = []
    for one, other in pairs:
        both = values[one], values[other]
        found = significance.compare(*both, noise)
        sentence = significance.tell((called[one], called[other]), both, score, is_lower_better=is_lower_better, noise=noise)
        (sure if found and found.is_sure else unsure).append(f"- {words.escape(sentence)}")
    is_short = len(pairs) <= MOST_PAIRS and not sure
    first = unsure if is_short else sure[:MOST_PAIRS] or ["None of these differences is clearly larger than seed noise."]
    st.markdown("\n".join(first))
    if rest := [] if is_short else sure[MOST_PAIRS:] + unsure:
        with st.expander(words.count(len(rest), "more pair" if sure else "pair"), icon=":material/more_horiz:"):
            st.markdown("\n".join(rest))
    if len(pairs) > 1:
        formula = (
            "The noise s is pooled over all settings, assuming equal variance: x̄ − ȳ ± t·s·√(1/n + 1/m)."
            if noise
            else "The interval is Welch's: x̄ − ȳ ± t·√(s²/n + r²/m)."
        )
        st.caption(f"Each statement has a 5 % error rate: of twenty differences, one may be chance. {formula}")
