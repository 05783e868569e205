"""The plots of the Evaluate page, one at a time."""

from __future__ import annotations

import streamlit as st

from gan.judging.glossary import SCORES
from gan.runs import Run
from pages.parts import charts, words
from pages.parts.evaluation import board, plots
from pages.parts.evaluation.board import Part, Selection

#: View → label.
VIEWS = {
    "scores": "Scores",
    "training": "During training",
    "against": "By setting",
    "neighbours": "Precision and recall",
    "parallel": "All settings",
}

FIRST_AXES = 4  # settings in parallel coordinates by default
AXIS_WIDTH = 125  # pixels an axis needs for its title and tick labels


def choose_group(selection: Selection) -> int:
    """Return the number of the group of comparable rows to plot; 0 if there is nothing to plot."""
    sizes, each = selection.sizes, selection.board.each
    if len(sizes) < 2:
        return next(iter(sizes), 0)
    if max(sizes.values()) < 2:
        return 0
    names = {number: f"{number}: {each[number - 1]['data']} ({words.count(size, 'row')})" for number, size in sizes.items()}
    largest = max(sizes, key=lambda number: sizes[number])
    if st.session_state.get("plot-group") not in names:  # from another selection
        st.session_state.pop("plot-group", None)
    return st.segmented_control(
        "Plot group",
        list(names),
        default=largest,
        required=True,
        key="plot-group",
        format_func=names.__getitem__,
        persist_state="session",
    )


@st.fragment
def show_views(selection: Selection) -> None:
    """Show one of several plots: of comparable rows, or of the training of all runs that pass the filter."""
    view = st.segmented_control(
        "Plot",
        list(VIEWS),
        default="scores",
        required=True,
        key="view",
        format_func=VIEWS.__getitem__,
        label_visibility="collapsed",
        persist_state="session",
    )
    if view == "training":
        show_training([run for run in selection.board.chosen if run.id in selection.runs], selection.board.names)
        return
    number = choose_group(selection)
    if not number:
        st.caption("No two of these rows have comparable scores. “During training” plots every run that has scores from training.")
        return
    part = board.part(selection, number)
    if view == "scores":
        show_scores(part)
    elif view == "against":
        show_against(part)
    elif view == "neighbours":
        show_neighbours(part)
    else:
        show_parallel(part)


def show_scores(part: Part) -> None:
    """Show one plot per main score."""
    names = plots.shown_scores(part)
    with st.grid(len(names), min_column_width=320, gap="small"):
        for name in names:
            about = f"{plots.title_of(part, name)} of each row with its spread; real {part.noun} as a line"
            st.plotly_chart(plots.plot_scores(part, name), key=f"plot/{name}", alt=about, config=charts.camera(name))
    note(part)


def note(part: Part, *more: str) -> None:
    """Show how the scores of a plot were made, once for all plots of a view, and what else is worth knowing."""
    st.caption(words.escape(" ".join([*more, part.basis])))


def show_training(chosen: list[Run], names: dict[str, str]) -> None:
    """Show the quick scores of runs over images seen, including runs not scored afterwards."""
    figures, ways, silent = plots.plot_training(
        tuple(chosen), tuple(names[run.id] for run in chosen), tuple(map(board.stamp, chosen))
    )
    for number, figure in enumerate(figures, 1):
        st.plotly_chart(
            figure,
            key=f"plot/training/{number}",
            config=charts.camera("score-over-images"),
            alt="Score over images seen, one curve per run; real images as a line",
        )
    told = []
    if figures:
        told.append(f"Quick scores, somewhat higher than in the table: {' or '.join(ways)}.")
    else:
        told.append("To score during training, set “Scores every” on the Train page.")
    if len(figures) > 1:
        told.append("Scores that are not comparable have separate plots.")
    if silent:
        told.append(f"No scores from training: {', '.join(silent)}.")
    st.caption(words.escape(" ".join(told)))


def show_against(part: Part) -> None:
    """Show a score of each row over a setting or the training length."""
    titles = part.board.titles
    scores = list(dict.fromkeys([*part.main, *(name for name in SCORES if name in part.board.every)]))
    with st.container(horizontal=True, gap="small"):
        score = st.selectbox("Score", scores, format_func=titles.__getitem__, key="against/score", width=220)
        setting = st.selectbox(
            "Setting",
            list(dict.fromkeys([*plots.telling(part), *part.board.settings, "epoch", "minutes"])),
            width=220,
            format_func=titles.__getitem__,
            key="against/setting",
            help="Settings in which the chosen runs differ, and training length.",
        )
    figure = plots.plot_against(part, score, setting)
    st.plotly_chart(
        figure,
        key="plot/against",
        config=charts.camera(f"{score}-against-setting"),
        alt=f"{titles[score]} of each row over {titles[setting]}",
    )
    if figure.layout.xaxis.type == "category":
        note(part, "Rows may also differ in other settings.")
    else:
        note(part, "Dotted lines connect the means of rows that differ only in this setting and the seed; others differ in more.")


def show_neighbours(part: Part) -> None:
    """Plot precision against recall."""
    figure = plots.plot_neighbours(part)
    if figure is None:
        st.caption("Precision and recall were not measured; score again to get them.")
        return
    st.plotly_chart(
        figure,
        key="plot/neighbours",
        alt=f"Precision and recall of each row and of real {part.noun}",
        config=charts.camera("precision-recall"),
    )
    note(part)


def show_parallel(part: Part) -> None:
    """Show parallel coordinates of the settings that differ and the main scores, one line per variant."""
    known, rows = list(part.board.settings), plots.folded(part)
    if len(part.scored) < 2 or not known:
        st.caption("This plot needs at least two scored rows with different settings.")
        return
    everywhere = [title for title in plots.telling(part, rows) if rows[title].notna().all()]
    settings = st.multiselect("Settings", known, default=(everywhere or known)[:FIRST_AXES], key=f"axes/{part.board.key}")
    figure = plots.plot_parallel(part, tuple(settings))
    least = AXIS_WIDTH * len(figure.data[0].dimensions)  # on a phone, the plot scrolls sideways in its container
    st.html(f"<style>.st-key-parallel {{overflow-x: auto}} .st-key-parallel > * {{min-width: {least}px}}</style>")
    with st.container(key="parallel"):
        st.plotly_chart(
            figure,
            key="plot/parallel",
            config=charts.camera("parallel-coordinates"),
            alt="Parallel coordinates: one line per variant through its settings and scores",
        )
    note(part, "One line per variant, as a mean over its seeds. Drag along an axis to filter, drag its title to move it.")
