"""Which scores, rows and columns the Evaluate page shows."""

from __future__ import annotations

import streamlit as st

from pages.parts.evaluation import board
from pages.parts.evaluation.board import Board, Selection

PRESETS = {"paper": "Paper", "all": "All", "own": "Own"}  # preset of columns → label


def choose_scores(found: board.Found) -> tuple[str, str]:
    """Let the user choose between scores that must not be mixed; return checkpoint and extractor."""
    checkpoint = next(iter(found))
    with st.container(horizontal=True, gap="medium"):
        if len(found) > 1:
            checkpoint = st.segmented_control(
                "Scores of",
                list(found),
                default="last",
                required=True,
                key="checkpoint",
                format_func=board.CHECKPOINTS.__getitem__,
                help="The best checkpoint has the lowest quick FID during training. Selection by score is slightly biased, "
                "so the two are never mixed in one table.",
            )
        extractors = found[checkpoint]
        extractor = max(extractors, key=lambda one: len(extractors[one]))
        if len(extractors) > 1:
            extractor = st.segmented_control(
                "Scores with features from",
                list(extractors),
                default=extractor,
                required=True,
                key="extractor",
                format_func=lambda one: next(iter(extractors[one].values()))["extractor"],
                help="Scores from different features are never ranked together.",
            )
    return checkpoint, extractor


def narrow(whole: Board) -> Selection:
    """Draw the grouping and filter controls; return the remaining rows. At first, seeds share a row."""
    kinds = [*([board.SEEDS] if whole.has_seeds else []), "", *whole.settings]
    called = {"": "nothing (one row per run)", board.SEEDS: "everything but the seed"}
    by = ""
    if len(kinds) > 1:
        by = st.selectbox(
            "Group rows by",
            kinds,
            format_func=lambda kind: called.get(kind, kind),
            key="group-by/seeds" if whole.has_seeds else "group-by",  # the first choice is the default of each
            width=260,
            persist_state="session",
            help="Comparable runs with the same value become one row with their mean x̄ = Σx / n and standard deviation "
            "√(Σ(x − x̄)² / (n − 1)). “Everything but the seed” gives the spread over seeds.",
        )
    choices = {"filter/verdicts": list(whole.verdicts)} | {f"filter/{title}": there for title, there in whole.settings.items()}
    for key, there in choices.items():  # drop choices that no longer exist
        if wanted := st.session_state.get(key):
            st.session_state[key] = [one for one in wanted if one in there]
    with st.popover("Filter", icon=":material/filter_list:", on_change="rerun", key="filter") as part:
        if part.open:
            st.text_input("Name contains", key="filter/text", persist_state="session")
            st.multiselect("Verdicts", list(whole.verdicts), key="filter/verdicts", persist_state="session")
            for title, there in whole.settings.items():
                st.multiselect(title, there, key=f"filter/{title}", persist_state="session")
    text, titles, *wanted = (st.session_state.get(key) or "" for key in ("filter/text", *choices))
    return board.select(whole, text, tuple(titles), tuple(zip(whole.settings, map(tuple, wanted), strict=True)), by)


def choose_columns(selection: Selection) -> tuple[str, ...]:
    """Draw the presets of columns, and the picker of the preset "own"; return the columns in table order."""
    whole = selection.board
    preset = st.segmented_control(
        "Columns",
        list(PRESETS),
        default="paper",
        required=True,
        key="columns",
        format_func=PRESETS.__getitem__,
        persist_state="session",
        help="Paper: settings, main scores and verdicts. Click a column header to sort, drag it to move.",
    )
    if preset == "all":
        return tuple(whole.every)
    if preset == "paper":
        return tuple(selection.paper)
    chosen = st.multiselect(
        "Own columns",
        whole.every,
        default=selection.paper,
        format_func=whole.titles.__getitem__,
        key=f"columns/{whole.key}",
        persist_state="session",
        label_visibility="collapsed",
    )
    return tuple(name for name in whole.every if name in chosen) or ("name",)
