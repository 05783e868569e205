"""Evaluate page: scores of the chosen runs, the settings in which they differ, and the evidence behind the scores."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gan import runs
from gan.execution import requests
from gan.judging import comparison, glossary, lines
from gan.judging.comparison import noun
from gan.judging.doctor import Verdict
from gan.judging.glossary import SCORES
from gan.runs import Run
from gan.words import percent
from pages.parts import charts, frame, pictures, words
from pages.parts.evaluation import atlas, board, reasons, table, texts, verdicts
from pages.parts.evaluation.board import Board, Part, Selection
from pages.parts.evaluation.columns import FORMATS, INTERVALS, WIDTHS, about, facts, height_of_rows
from pages.parts.evaluation.table import Line

root = frame.begin("Evaluate")
st.title("Evaluate")

#: Extractor option → label.
EXTRACTORS = {
    "auto": "best available",
    "classifier": "classifier of the data set",
    "inception": "Inception",
    "random-vgg": "random features",
}

#: View → label.
VIEWS = {
    "scores": "Scores",
    "training": "During training",
    "against": "By setting",
    "neighbours": "Precision and recall",
    "parallel": "All settings",
}

#: State of a run without a checkpoint → message; "" covers all other states.
WITHOUT_CHECKPOINT = {
    "diverged": "Diverged before the first checkpoint; start again with a smaller learning rate",
    "failed": "Failed before the first checkpoint; see the Watch page for the reason",
    "": "No checkpoint yet; train longer before scoring",
}

FIRST_AXES = 4  # settings in parallel coordinates by default
AXIS_WIDTH = 125  # pixels an axis needs for its title and tick labels
TABLE_HEIGHT, HEAD_HEIGHT = 560, 38  # pixels


def choose() -> list[Run]:
    """Draw the run picker; the URL keeps the selection."""
    found = {run.id: run for run in runs.list_runs(root)}
    if not found:
        st.info("No runs yet. Train one first.", icon=":material/info:")
        return []
    wanted = [run_id for run_id in st.query_params.get("runs", "").split(",") if run_id]
    if "evaluate/runs" not in st.session_state:
        for run_id in wanted:
            with frame.spoken_errors():
                runs.find(root, run_id)
        scored = [run_id for run_id, run in found.items() if run.scores_path.exists()]
        st.session_state["evaluate/runs"] = [run_id for run_id in wanted if run_id in found] or (scored or list(found))[:6]
    st.session_state["evaluate/runs"] = [run_id for run_id in st.session_state["evaluate/runs"] if run_id in found]
    names = words.names(list(found.values()))
    chosen = st.multiselect("Runs", list(found), key="evaluate/runs", format_func=names.get, placeholder="Choose runs to compare")
    st.query_params["runs"] = ",".join(chosen)
    return [found[run_id] for run_id in chosen]


def offer_scoring(chosen: list[Run]) -> None:
    """Draw the scoring controls and the progress of running scorings."""
    ready = [run for run in chosen if run.has_checkpoint]
    busy = [run for run in chosen if run.scoring().state == "running"]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        extractor = st.selectbox(
            "Features from",
            list(EXTRACTORS),
            format_func=EXTRACTORS.get,
            key="features",
            persist_state="session",
            width=300,
            help="Network whose features are compared. Best available: the classifier if the data set has labels, otherwise "
            "Inception if its weights are present, otherwise random features. The classifier is trained on the labels in "
            "seconds. Inception is the standard in papers; its weights (96 MB) are downloaded once, or read from the file in "
            "the environment variable GAN_INCEPTION. Random features come from an untrained network and need neither labels "
            "nor weights. They can rank runs, but cannot recognise classes, so there is no IS.",
        )
        checkpoint = "last"
        if any(run.best_path.is_dir() for run in ready):
            checkpoint = st.selectbox(
                "Checkpoint", list(board.CHECKPOINTS), format_func=board.CHECKPOINTS.get, key="score/checkpoint", width=180
            )
            if checkpoint == "best":
                ready = [run for run in ready if run.best_path.is_dir()]
        label = f"Score {words.count(len(ready), 'run')} now" if ready else "Score now"
        about = "3 draws of 2,000 images each, in a separate process."
        if st.button(label, icon=":material/grading:", type="primary", disabled=not ready or bool(busy), key="score", help=about):
            requests.score(ready, extractor, checkpoint)
            st.rerun()
    names = words.names(chosen)
    untrained: dict[str, list[str]] = {}
    for run in chosen:
        if not run.has_checkpoint:
            state = run.status().state
            untrained.setdefault(state if state in WITHOUT_CHECKPOINT else "", []).append(names[run.id])
    without_best = [names[run.id] for run in chosen if run.has_checkpoint and run not in ready]
    for state, of_them in untrained.items():
        st.caption(f"{WITHOUT_CHECKPOINT[state]}: {words.escape(', '.join(of_them))}.")
    if without_best:
        st.caption(
            "No best checkpoint, which requires scores during training (“Scores every” on the Train page); "
            f"score the last checkpoint instead: {words.escape(', '.join(without_best))}."
        )
    for run in chosen:
        if run.scoring().state == "failed":
            st.error(f"{words.escape(run.label())}: {words.escape(run.scoring().message)}", icon=":material/error:")
    if busy:
        scoring_progress(busy)


@st.fragment(run_every=1.0)
def scoring_progress(busy: list[Run]) -> None:
    """Show scoring progress; rerun the page when a scoring ends."""
    for run in busy:
        scoring = run.scoring()
        if scoring.state != "running":
            st.rerun()
        left = f" · {words.duration(scoring.seconds_left)} left" if scoring.seconds_left is not None else ""
        st.progress(scoring.progress, text=f"{words.escape(run.label())}: {words.escape(scoring.message)}{left}")


def show(chosen: list[Run]) -> None:
    """Show plots, table and explanations for one extractor and one kind of checkpoint at a time."""
    key = tuple(chosen), tuple(map(board.stamp, chosen))
    found = board.survey(*key)
    for run in chosen:
        if reason := table.unmeasured(run):
            st.warning(f"{words.escape(run.label())} was scored, but has no FID: {words.escape(reason)}", icon=":material/warning:")
    if not found:
        st.info("None of these runs has been scored yet.", icon=":material/info:")
        show_training(chosen, words.short(words.names(chosen)))
        show_pictures(chosen)
        return
    checkpoint, extractor = choose_scores(found)
    whole = board.board(*key, extractor, checkpoint)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        selection = narrow(whole)
        columns = choose_columns(whole)
    if len(selection.runs) < len(chosen):
        st.caption(f":material/filter_list: {len(selection.runs)} of {words.count(len(chosen), 'run')} match the filter.")
    if not selection.runs:
        return
    for care in dict.fromkeys(filter(None, map(lines.caution, whole.each))):
        st.caption(f":material/info: {care}")
    if checkpoint == "best" and whole.pictured:
        told = ", ".join(f"step {step:,} ({whole.names[run_id]})" for run_id, step in whole.pictured.items())
        st.caption(f"Samples shown are the last ones up to the best checkpoint: {words.escape(told)}.")
    if len(whole.each) > 1:
        st.warning(
            f"These scores differ in {words.escape(table.apart(whole.each))} and cannot be ranked together; "
            "the best are marked within each group of comparable rows.",
            icon=":material/balance:",
        )
    show_views(selection)
    show_table(selection, columns)
    show_reasons(whole)


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
                format_func=board.CHECKPOINTS.get,
                help="The best checkpoint has the lowest quick FID during training. Selection by score is slightly biased, "
                "so the two are never mixed in one table.",
            )
        extractors = found[checkpoint]
        extractor = max(extractors, key=lambda one: len(extractors[one]))
        if len(extractors) > 1:
            extractor = st.segmented_control(
                "Features from",
                list(extractors),
                default=extractor,
                required=True,
                key="extractor",
                format_func=lambda one: next(iter(extractors[one].values()))["extractor"],
                help="Scores from different features are never ranked together.",
            )
    return checkpoint, extractor


def narrow(whole: Board) -> Selection:
    """Draw the grouping and filter controls; return the remaining rows."""
    kinds = ["", *([board.SEEDS] if whole.has_seeds else []), *whole.settings]
    called = {"": "nothing (one row per run)", board.SEEDS: "everything but the seed"}
    by = ""
    if len(kinds) > 1:
        by = st.selectbox(
            "Group rows by",
            kinds,
            format_func=lambda kind: called.get(kind, kind),
            key="group-by",
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


def choose_columns(whole: Board) -> list[str]:
    """Draw the column picker; return the columns in table order."""
    key = f"columns/{whole.key}"
    with st.popover("Columns", icon=":material/view_column:", on_change="rerun", key="choose-columns") as part:
        if part.open:
            st.multiselect(
                "Columns",
                whole.every,
                default=whole.usual,
                format_func=whole.titles.get,
                key=key,
                persist_state="session",
                help="Click a column header to sort, drag it to move. The icons above the table offer search and full screen.",
            )
    chosen = st.session_state.get(key, whole.usual)
    return [name for name in whole.every if name in chosen] or ["name"]


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
        "Plot group", list(names), default=largest, required=True, key="plot-group", format_func=names.get, persist_state="session"
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
        format_func=VIEWS.get,
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
    names = board.shown_scores(part)
    with st.grid(len(names), min_column_width=320, gap="small"):
        for name in names:
            about = f"{board.title_of(part, name)} of each row with its spread; real {part.noun} as a line"
            st.plotly_chart(board.plot_scores(part, name), key=f"plot/{name}", alt=about, config=charts.camera(name))


def show_training(chosen: list[Run], names: dict[str, str]) -> None:
    """Show the quick scores of runs over images seen, including runs not scored afterwards."""
    figures, silent = board.plot_training(tuple(chosen), tuple(map(board.stamp, chosen)), tuple(names[run.id] for run in chosen))
    for number, figure in enumerate(figures, 1):
        st.plotly_chart(
            figure,
            key=f"plot/training/{number}",
            config=charts.camera("score-over-images"),
            alt="Score over images seen, one curve per run; real images as a line",
        )
    if figures:
        st.caption(
            "Quick scores use a single smaller draw, so they are somewhat higher than in the table. "
            "Compare the shape of the curves."
        )
    if len(figures) > 1:
        st.caption("Scores that are not comparable have separate plots.")
    if silent:
        st.caption(f"No scores from training: {words.escape(', '.join(silent))}.")
    if not figures:
        st.caption('To score during training, set “Scores every” on the Train page or --set cadence.score_every="1 epoch".')


def show_against(part: Part) -> None:
    """Show a score of each row over a setting or the training length."""
    titles = part.board.titles
    scores = list(dict.fromkeys([*part.main, *(name for name in SCORES if name in part.board.every)]))
    with st.container(horizontal=True, gap="small"):
        score = st.selectbox("Score", scores, format_func=titles.get, key="against/score", width=220)
        setting = st.selectbox(
            "Setting",
            list(dict.fromkeys([*board.telling(part), *part.board.settings, "epoch", "minutes"])),
            width=220,
            format_func=titles.get,
            key="against/setting",
            help="Settings in which the chosen runs differ, and training length.",
        )
    figure = board.plot_against(part, score, setting)
    st.plotly_chart(
        figure,
        key="plot/against",
        config=charts.camera(f"{score}-against-setting"),
        alt=f"{titles[score]} of each row over {titles[setting]}",
    )
    if figure.layout.xaxis.type == "category":
        st.caption("Rows may also differ in other settings, whose effects are included here.")
    else:
        st.caption(
            "Dotted lines connect the means of rows that differ only in this setting and the seed. "
            "All other rows differ in more settings, whose effects are included here."
        )


def show_neighbours(part: Part) -> None:
    """Plot precision against recall."""
    figure = board.plot_neighbours(part)
    if figure is None:
        st.caption("Precision and recall were not measured; score again to get them.")
        return
    st.plotly_chart(
        figure,
        key="plot/neighbours",
        alt=f"Precision and recall of each row and of real {part.noun}",
        config=charts.camera("precision-recall"),
    )


def show_parallel(part: Part) -> None:
    """Show parallel coordinates of the settings that differ and the main scores."""
    known = list(part.board.settings)
    if len(part.scored) < 2 or not known:
        st.caption("This plot needs at least two scored rows with different settings.")
        return
    everywhere = [title for title in board.telling(part) if part.scored[title].notna().all()]
    settings = st.multiselect("Settings", known, default=(everywhere or known)[:FIRST_AXES], key=f"axes/{part.board.key}")
    figure = board.plot_parallel(part, tuple(settings))
    least = AXIS_WIDTH * len(figure.data[0].dimensions)  # on a phone, the plot scrolls sideways in its container
    st.html(f"<style>.st-key-parallel {{overflow-x: auto}} .st-key-parallel > * {{min-width: {least}px}}</style>")
    with st.container(key="parallel"):
        st.plotly_chart(
            figure,
            key="plot/parallel",
            config=charts.camera("parallel-coordinates"),
            alt="Parallel coordinates: one line per row through its settings and scores",
        )
    st.caption(
        "Each line is a row of the table below. Drag along an axis to filter lines, drag its title to move it, and "
        "scroll sideways to see all axes."
    )


def show_table(selection: Selection, columns: list[str]) -> None:
    """Show the table with the chosen columns, and its downloads."""
    whole, made = selection.board, selection.table
    titles, line = whole.titles, whole.each[0]
    are_folded = len(selection.runs) > sum(selection.sizes.values()) + int((made["group"] == 0).sum())
    columns = [*columns, "runs"] if are_folded else columns
    height = height_of_rows({name: made[name] for name in WIDTHS})
    st.dataframe(
        board.display(selection),
        row_height=height,
        height=min(TABLE_HEIGHT, HEAD_HEIGHT + height * len(made)),
        key="scores",
        placeholder="–",
        column_order=[titles[name] for name in columns],
        column_config=config_of(selection, height),
        alt="Scores of the chosen runs and the settings that differ",
    )
    accuracy = line.get("extractor_accuracy")
    if isinstance(accuracy, float):
        st.caption(
            f"Features: {line['extractor']}, a small classifier trained on this data set's labels ({percent(accuracy)} accuracy on "
            "held-out images). Its FID is not comparable with an Inception FID."
        )
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "Download CSV",
            lambda: texts.csv(made, titles),
            "scores.csv",
            "text/csv",
            icon=":material/download:",
            key="csv",
            on_click="ignore",
            help="All columns, including hidden ones, at full precision.",
        )
        st.download_button(
            "Download Markdown",
            lambda: texts.markdown(texts.written(made, columns, titles)),
            "scores.md",
            "text/markdown",
            icon=":material/download:",
            key="markdown",
            on_click="ignore",
            help="The visible columns without pictures; scores as mean ± spread.",
        )
        st.download_button(
            "Download LaTeX",
            lambda: texts.latex(texts.written(made, columns, titles)),
            "scores.tex",
            "text/x-tex",
            icon=":material/download:",
            key="latex",
            on_click="ignore",
            help="The visible columns as a tabular; requires the package booktabs.",
        )


def config_of(selection: Selection, height: int) -> dict[str, Any]:
    """Return the column configuration by title; ``height`` is the row height in pixels."""
    number, text, badges = st.column_config.NumberColumn, st.column_config.TextColumn, st.column_config.MultiselectColumn
    whole = selection.board
    best = list(dict.fromkeys(title for found in selection.table["best"] for title in found))
    shown: dict[str, Any] = {
        "name": text(pinned=True, width=130),
        "samples": st.column_config.ImageColumn(
            width=height + 6, help="Last samples up to the scored checkpoint; for runs without scores, the newest."
        ),
        "verdicts": badges(
            options=list(whole.verdicts),
            color=list(whole.verdicts.values()),
            width=WIDTHS["verdicts"],
            help="Problems found in the measurements. “Why?” below the table shows evidence and remedies. "
            "Rows without scores are judged by their training curves alone.",
        ),
        "best": badges(
            options=best,
            color="green",
            width=WIDTHS["best"],
            help="Scores in which this row beats every comparable row by more than the sum of both spreads. Rows with other "
            "data, features or counts are not comparable.",
        ),
        "runs": number(help="Number of runs averaged in this row."),
    }
    expected = whole.table["expected"].dropna().unique()
    for name, form in FORMATS.items():
        is_counted = name == "classes_covered" and len(expected) == 1
        shown[name] = number(format=f"%.3g of {expected[0]:.0f}" if is_counted else form, help=about(name))
        spread = "percent" if form == "percent" else "%.2g"
        shown[f"{name}_spread"] = number(
            "±",
            format=spread,
            width=72,
            help=f"Standard deviation of {SCORES[name].title}, √(Σ(x − x̄)² / (n − 1)); see “Spread over”.",
        )
    shown |= {name: number(format=FORMATS["kid"], help=told) for name, (_, told) in INTERVALS.items()}
    for name, (_, form, told) in facts(noun(whole.each[0])).items():
        shown[name] = number(format=form, help=told) if form else text(help=told)
    return {whole.titles[name]: shown[name] for name in (*whole.every, "runs") if name in shown}


@st.fragment
def show_reasons(whole: Board) -> None:
    """Explain the scores of one run; built only when opened."""
    part = st.expander("Why?", icon=":material/troubleshoot:", key="why", on_change="rerun")
    if not part.open:
        return
    with part:
        judged = [*whole.explained, *(run.id for run in whole.chosen if run.id not in whole.explained and board.on_curves(run))]
        if st.session_state.get("why/run") not in judged:
            st.session_state["why/run"] = judged[0]
        run_id = st.selectbox("Run to explain", judged, key="why/run", format_func=whole.names.get)
        run, line = next(run for run in whole.chosen if run.id == run_id), whole.explained.get(run_id)
        found = board.verdicts(whole, run)
        if line is None:
            tell_verdicts(found)
            return
        seen = verdicts.show(run, line, found)
        told = [*reasons.reasons(line, [verdict.name for verdict in found if verdict.kind == "fault"]), *glossary.missing(line)]
        st.markdown("\n".join(f"- {words.escape(sentence)}" for sentence in told))
        if "classes" not in seen:
            show_classes(line)
        looks, basis = [look for look in comparison.looks(line) if look.name not in seen], reasons.basis(line)
        with st.grid(max(1, len(looks)), min_column_width=260, gap="small"):
            for look in looks:
                about = f"Distribution of {look.name} in generated and real images"
                st.plotly_chart(charts.look(*look, basis), key=f"why/{look.name}", alt=about, config=charts.camera(look.name))
        atlas.panel(run)


def tell_verdicts(found: list[Verdict]) -> None:
    """Show verdicts and remedies for a run judged by its curves alone."""
    for verdict in found:
        st.badge(verdict.title, icon=":material/stethoscope:", color=board.COLOURS[verdict.kind])  # type: ignore[arg-type]
        st.markdown(words.escape(f"{verdict.sentence} {verdict.remedy}"))
    st.caption("Judged by its training curves alone; see the Watch page.")


def show_classes(line: Line) -> None:
    """Show the share of each class, if classes are known and few enough to plot."""
    if found := comparison.classes(line):
        st.plotly_chart(
            charts.shares_of_classes(*found, reasons.basis(line)),
            key="why/classes",
            config=charts.camera("classes"),
            alt="Share of each class in generated and real images",
        )


def show_pictures(chosen: list[Run]) -> None:
    """Show the newest samples of unscored runs."""
    with st.grid(4, min_column_width=200):
        for run in chosen:
            with st.container(border=True):
                if samples := run.samples():
                    pictures.show(list(samples.values())[-1], f"Newest samples of {run.label()}")
                st.caption(words.escape(run.label()))
                for verdict in board.on_curves(run):
                    st.badge(verdict.title, color=board.COLOURS[verdict.kind], help=words.escape(verdict.sentence))  # type: ignore[arg-type]


with frame.spoken_errors():
    picked = choose()
    if picked:
        offer_scoring(picked)
        show(picked)
