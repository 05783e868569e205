"""Evaluate: FID, IS and what explains them for the chosen runs, beside what differs in their settings."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from gan import launcher, runs
from gan.runs import Run
from gan.scoring import doctor, lines
from pages.parts import charts, evidence, frame, metrics, pictures, results, words

root = frame.begin("Evaluate")
st.title("Evaluate")

#: What can be asked for → how it is called.
EXTRACTORS = {
    "auto": "the best at hand",
    "classifier": "the data set's own classifier",
    "inception": "Inception",
    "random-vgg": "random features",
}

#: Column → title in the table, format, and help.
COLUMNS = {
    "fid": ("FID", "%.3g",
            "Fréchet distance between the features of generated and real images (Heusel et al. 2017): |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − "
            "2(Σ₁Σ₂)^½). 0 is perfect; judge it against the row of real images, which is what chance alone gives."),
    "fid_spread": ("± FID", "%.2g", "Standard deviation over the draws."),
    "is": ("IS", "%.3g",
           "Inception score (Salimans et al. 2016): exp E KL(p(y|x) ‖ p(y)). From 1 up to the number of classes: high when each "
           "image is clearly of one class and all classes occur. It never looks at the real images."),
    "is_spread": ("± IS", "%.2g", "Standard deviation over the draws."),
    "precision": ("Precision", "%.2f",
                  "How good: the share of generated images that lie no farther from some real image than its 3rd nearest real "
                  "neighbour (Kynkäänniemi et al. 2019): |{g : ∃ r, |g − r| ≤ d₃(r)}| / N. From 0 to 1, the higher the better."),
    "recall": ("Recall", "%.2f",
               "How varied: the same with real and generated exchanged (Kynkäänniemi et al. 2019), so the share of real images "
               "that lie among the generated ones: |{r : ∃ g, |r − g| ≤ d₃(g)}| / N. Low when much of the data is never drawn."),
    "coverage": ("Coverage", "%.2f",
                 "The share of real images with a generated one nearer than their 5th nearest real neighbour (Naeem et al. "
                 "2020): |{r : ∃ g, |r − g| ≤ d₅(r)}| / N. Like recall, but outliers among the generated images do not lift it."),
    "duplicates": ("Duplicates", "percent",
                   "The share of 2,000 generated images that have a near duplicate among the others: hashes at most 3 of 64 bits "
                   "apart and a correlation of thumbnails of at least 0.99. Simple real images resemble one another too: "
                   "judge it against their row. The idea is the birthday paradox (Arora & Zhang 2017)."),
    "kid": ("KID", "%.3g",
            "Kernel distance (Bińkowski et al. 2018): MMD² of the features with the kernel (x·y / D + 1)³. Around 0 is perfect, "
            "and chance may take it below. Unlike FID it is not too high with few images."),
    "ms_ssim": ("MS-SSIM", "%.3f",
                "How alike two generated images are, on average over 500 pairs (Wang et al. 2003; for GANs Odena et al. 2017): "
                "Π l·cᵢ·sᵢ over scales, 1 for the same image. Well above the real images: too little variety. Noise is low too."),
    "classes": ("Classes", "%.3g",
                "How many classes are covered, of those that the real images have: those with at least a tenth of their real "
                "share among the generated images, as the classifier sees them. The mean over draws."),
}  # fmt: skip


STILL = {"displayModeBar": False}  # a plot that nobody zooms


@st.cache_data(max_entries=512, show_spinner=False)
def thumbnail(path: str, changed: int) -> str | None:
    """Return a small picture of a sample grid for the table, or None for a damaged one."""
    return results.thumbnail(Path(path))


@st.cache_resource(max_entries=64, show_spinner=False)
def plot(rows: tuple[tuple[str, float, float], ...], title: str, floor: float | None, is_lower: bool) -> go.Figure:
    """Return the plot of one score over runs; kept, because Plotly takes longer to build it than the rest of the page."""
    return charts.scores(pd.DataFrame(rows, columns=["name", "value", "spread"]), title, floor, is_lower)


#: Kept too; of charts that take tuples.
plot_neighbours = st.cache_resource(charts.neighbours, max_entries=64, show_spinner=False)
plot_classes = st.cache_resource(charts.shares_of_classes, max_entries=64, show_spinner=False)
plot_look = st.cache_resource(charts.look, max_entries=192, show_spinner=False)


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
        extractor = st.selectbox(
            "Features from", list(EXTRACTORS), format_func=EXTRACTORS.get, key="features", persist_state="session", width=300,
            help="The network whose features the scores compare. The best at hand: the data set's own classifier where it has "
            "labels, else Inception if its weights are here, else random features. The classifier is trained in seconds on the "
            "labels. Inception is the one that papers use; its weights (96 MB) are downloaded once, or read from the file that "
            "the environment variable GAN_INCEPTION names. Random features come from a network that was never trained: they "
            "need neither labels nor weights, and serve to rank runs against one another; they tell no classes, so there is no IS.",
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
    newest = {run.id: results.latest(run) for run in chosen}
    extractors = {key: line for found in newest.values() for key, line in found.items()}
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
        show_plots(scored, floors, line, is_cautious=bool(care))
    else:
        st.warning("These scores were made from different data, sizes or numbers of images, so they are not ranked.",
                   icon=":material/balance:")  # fmt: skip
    explained = {run_id: found[extractor] for run_id, found in newest.items() if extractor in found}
    names = dict(zip(table["run"], table["name"], strict=True))
    verdicts = {
        run.id: diagnose(str(run.path), extractor, changed(run.scores_path), changed(run.metrics_path))
        for run in chosen
        if run.id in explained
    }
    show_verdicts(verdicts, explained, names)
    show_reasons(explained, verdicts, names, is_fair)
    show_table(chosen, table, line, fid)


@st.cache_resource(max_entries=512, show_spinner=False)
def diagnose(path: str, extractor: str, scores_changed: int, metrics_changed: int) -> list[doctor.Verdict]:
    """Return what is wrong with a run, from its scores and from its curves, of which some hundred points are enough.

    Kept for as long as both files are the same.
    """
    run = Run(Path(path))
    table = metrics.read(run)
    some = table.iloc[:: max(1, len(table) // 500)]
    return doctor.diagnose(run, results.latest(run)[extractor], some.to_dict("records"))


def show_verdicts(
    verdicts: dict[str, list[doctor.Verdict]], explained: dict[str, results.Line], names: dict[str, str]
) -> None:  # fmt: skip
    """Show the doctor's verdicts on each run as badges; what they mean stands under "Why?"."""
    with st.container(gap="xsmall"):
        for run_id, found in verdicts.items():
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(words.escape(names[run_id]), width="content")
                for verdict in found:
                    st.badge(verdict.title, icon=":material/stethoscope:", color="red", help=words.escape(verdict.sentence))
                if not found and not evidence.is_measured(explained[run_id]):
                    st.badge("not examined", icon=":material/question_mark:", color="gray", help="Score again to see why.")
                elif not found:
                    st.badge("no fault found", icon=":material/check:", color="green")


def show_plots(scored: pd.DataFrame, floors: pd.DataFrame, line: dict[str, object], *, is_cautious: bool) -> None:
    """Show a plot of each main score; KID first where FID is to be read with care."""
    titles = {"fid": lines.label(line), "is": f"IS · {line['extractor']}", "kid": f"KID · {line['extractor']}"}
    wanted = ["kid", "fid", "is"] if is_cautious else ["fid", "is"]
    known = [column for column in wanted if scored[column].notna().any()]
    if "is" not in known and "kid" not in known and scored["kid"].notna().any():
        known.append("kid")
    with st.grid(len(known), min_column_width=320, gap="large"):
        for column in known:
            part = scored[scored[column].notna()]
            floor = floors[column].iloc[0]
            figure = plot(
                tuple(zip(part["name"], part[column], part[f"{column}_spread"], strict=True)), titles[column],
                None if pd.isna(floor) else float(floor), column != "is",
            )  # fmt: skip
            about = f"{titles[column]} of each run with its spread, and the real images as a line"
            st.plotly_chart(figure, key=f"plot/{column}", alt=about)


@st.fragment
def show_reasons(
    explained: dict[str, results.Line], verdicts: dict[str, list[doctor.Verdict]], names: dict[str, str], is_fair: bool
) -> None:
    """Show, once it is opened, why scores are what they are: precision against recall of all runs, and more of one of them."""
    part = st.expander("Why?", icon=":material/troubleshoot:", key="why", on_change="rerun")
    if not part.open or not explained:
        return
    with part:
        first, second = st.columns(2, gap="large")
        with second:
            if st.session_state.get("why/run") not in explained:
                st.session_state["why/run"] = next(iter(explained))
            run_id = st.selectbox("Look closer at", list(explained), key="why/run", format_func=names.get)
            line = explained[run_id]
            told = [
                f"**{verdict.title}.** {words.escape(verdict.sentence)} *{words.escape(verdict.remedy)}*"
                for verdict in verdicts.get(run_id, [])
            ]
            said = [verdict.name for verdict in verdicts.get(run_id, [])]
            told += [words.escape(sentence) for sentence in evidence.reasons(line, said)]
            st.markdown("\n".join(f"- {sentence}" for sentence in told))
        with first:
            show_neighbours(explained if is_fair else {run_id: line}, names)
        show_classes(line)
        looks = evidence.looks(line)
        with st.grid(max(1, len(looks)), min_column_width=260, gap="medium"):
            for look in looks:
                about = f"Distribution of {look.name} of the generated and of the real images"
                st.plotly_chart(plot_look(*look), key=f"why/{look.name}", alt=about, config=STILL)


def show_neighbours(explained: dict[str, results.Line], names: dict[str, str]) -> None:
    """Show precision and recall of runs whose scores may be compared."""
    found = {run_id: (lines.number(line, "precision"), lines.number(line, "recall")) for run_id, line in explained.items()}
    rows = tuple((names[run_id], *pair) for run_id, pair in found.items() if None not in pair)
    if not rows:
        st.caption("Precision and recall were not measured.")
        return
    line = next(iter(explained.values()))
    floor = (lines.number(line, "floor_precision"), lines.number(line, "floor_recall"))
    figure = plot_neighbours(rows, None if None in floor else floor)
    st.plotly_chart(figure, key="why/neighbours", alt="Precision and recall of each run, and of real images", config=STILL)


def show_classes(line: results.Line) -> None:
    """Show how often each class occurs, where classes are known and few enough to be told apart."""
    if found := evidence.classes(line):
        figure = plot_classes(*found)
        st.plotly_chart(figure, key="why/classes", alt="Share of each class among generated and real images", config=STILL)


def show_table(chosen: list[Run], table: pd.DataFrame, line: dict[str, object], fid: str) -> None:
    """Show the table and offer it as CSV."""
    newest = {run.id: list(samples.values())[-1] for run in chosen if (samples := run.samples())}
    if reals := next((run.reals_path for run in chosen if run.reals_path.exists()), None):
        newest[""] = reals
    table.insert(1, "samples", [
        thumbnail(str(newest[run_id]), changed(newest[run_id])) if run_id in newest else None for run_id in table["run"]
    ])  # fmt: skip
    order = list(COLUMNS)
    if lines.caution(line):
        order.remove("kid")
        order.insert(0, "kid")
    titles = {column: fid if column == "fid" else COLUMNS[column][0] for column in order}
    facts = {"images": "Images", "draws": "Draws", "weights": "Weights", "epoch": "Epoch", "step": "Step"}
    extra = {f"{name}_spread": f"± {COLUMNS[name][0]}" for name in order if f"{name}_spread" in table and name not in ("fid", "is")}
    extra |= {"density": "Density", "density_spread": "± Density", "expected": "Expected classes"}
    known = {"name": "Run", "samples": "Samples", **titles, **facts, **extra}
    settings = [column for column in table.columns if column not in known and column not in ("run", "group")]
    known |= {title: f"{title} (setting)" for title in settings if title in known.values()}  # precision means two things
    shown = table[["name", "samples", *order, *settings, *facts]].rename(columns=known)
    whole = table[["name", *order, *extra, *settings, *facts]].rename(columns=known)
    number = st.column_config.NumberColumn
    figures = {titles[column]: number(format=COLUMNS[column][1], help=COLUMNS[column][2]) for column in order}
    expected = table["expected"].dropna().unique()
    if len(expected) == 1:
        figures["Classes"] = number(format=f"%.3g of {expected[0]:.0f}", help=COLUMNS["classes"][2])
    st.dataframe(
        shown, hide_index=True, row_height=104, key="scores", placeholder="–",
        alt="Scores of the chosen runs beside the settings that differ",
        column_config={
            "Run": st.column_config.TextColumn(pinned=True, width="medium"),
            "Samples": st.column_config.ImageColumn(width=110),
            **figures,
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
    st.download_button("Download as CSV", lambda: whole.to_csv(index=False), "scores.csv", "text/csv",
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
