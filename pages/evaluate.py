"""Evaluate: FID and IS of the chosen runs, beside what differs in their settings."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from gan import launcher, runs
from gan.runs import Run
from gan.scoring import lines
from pages.parts import charts, frame, pictures, results, words

root = frame.begin("Evaluate")
st.title("Evaluate")

#: What can be asked for → how it is called.
EXTRACTORS = {"classifier": "the data set's own classifier", "inception": "Inception"}

HELP = {
    "fid": "Fréchet distance between the features of generated and real images (Heusel et al. 2017): |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − "
           "2(Σ₁Σ₂)^½). 0 is perfect; judge it against the row of real images, which is what chance alone gives.",
    "is": "Inception score (Salimans et al. 2016): exp E KL(p(y|x) ‖ p(y)). From 1 up to the number of classes: high when each "
          "image is clearly of one class and all classes occur. It never looks at the real images.",
}  # fmt: skip


@st.cache_data(max_entries=512, show_spinner=False)
def thumbnail(path: str, changed: int) -> str | None:
    """Return a small picture of a sample grid for the table, or None for a damaged one."""
    return results.thumbnail(Path(path))


@st.cache_resource(max_entries=64, show_spinner=False)
def plot(rows: tuple[tuple[str, float, float], ...], title: str, floor: float, is_lower: bool) -> go.Figure:
    """Return the plot of one score over runs; kept, because Plotly takes longer to build it than the rest of the page."""
    return charts.scores(pd.DataFrame(rows, columns=["name", "value", "spread"]), title, floor, is_lower)


def changed(path: Path) -> int:
    """Return when a file was last changed; 0 for one that is gone."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def choose() -> list[Run]:
    """Let a person choose runs; the URL keeps the choice."""
    found = {run.id: run for run in runs.list_runs(root)}
    if not found:
        st.info("No runs yet; train one first.", icon=":material/info:")
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
    chosen = st.multiselect("Runs", list(found), key="evaluate/runs", format_func=names.get,
                            placeholder="Choose the runs to compare")  # fmt: skip
    st.query_params["runs"] = ",".join(chosen)
    return [found[run_id] for run_id in chosen]


def offer_scoring(chosen: list[Run]) -> None:
    """Draw the button that scores, and the progress of what is being scored."""
    ready = [run for run in chosen if any(run.checkpoints_path.glob("*.json"))]
    busy = [run for run in chosen if run.scoring().state == "running"]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        extractor = st.segmented_control(
            "Features from", list(EXTRACTORS), default="classifier", required=True, format_func=EXTRACTORS.get, key="features",
            persist_state="session",
            help="The network whose features the scores compare. Its own classifier is trained in seconds on the data set's "
            "labels. Inception is the one that papers use; its weights (96 MB) are downloaded once, or read from the file that "
            "the environment variable GAN_INCEPTION names.",
        )  # fmt: skip
        label = f"Score {words.count(len(ready), 'run')} now" if ready else "Score now"
        about = "3 draws of 2,000 images each, in a process of its own."
        if st.button(label, icon=":material/grading:", type="primary", disabled=not ready or bool(busy), key="score", help=about):
            launcher.score(ready, extractor)
            st.rerun()
    if len(ready) < len(chosen):
        st.caption("Runs without a checkpoint yet cannot be scored; train them for longer first.")
    for run in chosen:
        if run.scoring().state == "failed":
            st.error(f"{words.escape(run.label())}: {words.escape(run.scoring().message)}", icon=":material/error:")
    if busy:
        scoring_progress(busy)


@st.fragment(run_every=1.0)
def scoring_progress(busy: list[Run]) -> None:
    """Show how far the scoring is; start over when one has ended."""
    for run in busy:
        scoring = run.scoring()
        if scoring.state != "running":
            st.rerun()
        left = f" · {words.duration(scoring.seconds_left)} left" if scoring.seconds_left is not None else ""
        st.progress(scoring.progress, text=f"{words.escape(run.label())}: {words.escape(scoring.message)}{left}")


def show(chosen: list[Run]) -> None:
    """Show plots first, then the table, for one extractor at a time."""
    extractors = {key: line for run in chosen for key, line in results.latest(run).items()}
    if not extractors:
        st.info("None of these runs has been scored yet.", icon=":material/info:")
        show_pictures(chosen)
        return
    extractor = list(extractors)[-1]
    if len(extractors) > 1:
        extractor = st.segmented_control(
            "Show the scores from", list(extractors), default=extractor, required=True, key="extractor",
            format_func=lambda key: extractors[key]["extractor"],
            help="Scores of different extractors are never ranked against each other.",
        )  # fmt: skip
    line = extractors[extractor]
    fid = lines.label(line)
    table = results.table(chosen, extractor)
    scored = table[(table["run"] != "") & table["fid"].notna()].reset_index(drop=True)
    floors = table[table["run"] == ""]
    is_fair = scored["group"].nunique() == 1

    if care := lines.caution(line):
        st.caption(f":material/info: {care}")
    if is_fair:
        left, right = st.columns(2, gap="large")
        for place, column, title, is_lower in ((left, "fid", fid, True), (right, "is", f"IS · {line['extractor']}", False)):
            rows = zip(scored["name"], scored[column].astype(float), scored[f"{column}_spread"].astype(float), strict=True)
            figure = plot(tuple(rows), title, float(floors[column].iloc[0]), is_lower)
            place.plotly_chart(
                figure, key=f"plot/{column}", alt=f"{title} of each run with its spread, and the real images as a line"
            )
    else:
        st.warning("These scores were made from different data, sizes or numbers of images, so they are not ranked.",
                   icon=":material/balance:")  # fmt: skip
    show_table(chosen, table, line, fid)


def show_table(chosen: list[Run], table: pd.DataFrame, line: dict[str, object], fid: str) -> None:
    """Show the table and offer it as CSV."""
    newest = {run.id: list(samples.values())[-1] for run in chosen if (samples := run.samples())}
    if reals := next((run.reals_path for run in chosen if run.reals_path.exists()), None):
        newest[""] = reals
    table.insert(1, "samples", [
        thumbnail(str(newest[run_id]), changed(newest[run_id])) if run_id in newest else None for run_id in table["run"]
    ])  # fmt: skip
    titles = {
        "name": "Run", "samples": "Samples", "fid": fid, "fid_spread": "± FID", "is": "IS", "is_spread": "± IS", "images": "Images",
        "draws": "Draws", "weights": "Weights", "step": "Step", "epoch": "Epoch",
    }  # fmt: skip
    order = ["name", "samples", "fid", "fid_spread", "is", "is_spread",
             *[column for column in table.columns if column not in titles and column not in ("run", "group")],
             "images", "draws", "weights", "epoch", "step"]  # fmt: skip
    shown = table[order].rename(columns=titles)
    number = st.column_config.NumberColumn
    st.dataframe(
        shown, hide_index=True, row_height=104, key="scores", placeholder="–",
        alt="Scores of the chosen runs beside the settings that differ",
        column_config={
            "Run": st.column_config.TextColumn(pinned=True, width="medium"),
            "Samples": st.column_config.ImageColumn(width=110),
            fid: number(format="%.3g", help=HELP["fid"]),
            "± FID": number(format="%.2g", help="Standard deviation over the draws."),
            "IS": number(format="%.3g", help=HELP["is"]),
            "± IS": number(format="%.2g", help="Standard deviation over the draws."),
            "Images": number(help="Generated images per draw; for the real images, how many were held against the rest."),
            "Weights": st.column_config.TextColumn(help="EMA: the running average of the generator's weights."),
            "Epoch": number(format="%.1f"),
        },
    )  # fmt: skip
    accuracy = line.get("extractor_accuracy")
    if isinstance(accuracy, float):
        st.caption(
            f"Features: {line['extractor']}, a small classifier trained on this data set's own labels; {accuracy:.1%} of "
            "held-out images are recognised. Its FID must not be compared with a FID from the Inception network."
        )
    st.download_button("Download as CSV", lambda: shown.drop(columns="Samples").to_csv(index=False), "scores.csv", "text/csv",
                       icon=":material/download:", key="csv")  # fmt: skip


def show_pictures(chosen: list[Run]) -> None:
    """Show the newest samples of runs that have no scores yet."""
    with st.grid(4, min_column_width=200):
        for run in chosen:
            with st.container(border=True):
                if samples := run.samples():
                    pictures.show(list(samples.values())[-1], f"Newest samples of {run.label()}")
                st.caption(words.escape(run.label()))


with frame.spoken_errors():
    picked = choose()
    if picked:
        offer_scoring(picked)
        show(picked)
