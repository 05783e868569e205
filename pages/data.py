"""Data page: inspect a data set before training on it, and import your own pictures or points."""

from __future__ import annotations

import re
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from gan.catalogue import data_sets
from gan.catalogue.data_sets import DataSet
from gan.config.sections import DataConfig
from gan.data import downloads, importer, prepared, sources
from gan.data.prepared import Prepared
from gan.data.rendered import points
from gan.execution import requests
from gan.places import data_root
from gan.storage.jobs import read
from pages.parts import charts, frame, words
from pages.parts.data_sets import albums

root = frame.begin("Data")

ORIGINS = {"built-in": "built in", "download": "download", "own": "your own"}
SIZES = (16, 32, 64, 128, 256)
MADE_OF = {"stacked-mnist": "mnist"}  # data set → the download it is built from
SAME = {"exact": "identical", "near": "nearly identical"}

AT_ONCE = 40_000_000  # pixels of a built-in set prepared without asking: about ten seconds
MOST_PILLS = 12  # classes shown as pills; more go into a searchable list
MOST_BARS, FEW_BARS = 100, 24  # most classes in a chart, and if all are the same size; otherwise text
MOST_SKIPPED = 200  # names in the list of skipped files
MOST_DRAWN = 3000  # points in a plot

HELP = {
    "images": "Number of training images. A few thousand is little for a GAN; consider “horizontal flips” when training.",
    "brightness": (
        "Mean pixel value of an image over all channels, from 0 (black) to 255 (white). "
        "Shown: mean x̄ over the images ± standard deviation √(Σ(x − x̄)² / n)."
    ),
    "channel": "Mean ± standard deviation of all pixels in this channel, from 0 to 255: x̄ = Σx / n, √(Σx² / n − x̄²).",
    "exact": (
        "Images identical in every pixel to an earlier one at this size. Training weights them double, which "
        "draws the generator to them."
    ),
    "near": (
        "Images similar to an earlier one, exact duplicates excluded. Each image is reduced to 9 × 8 grey cells; one bit per "
        "pair of horizontal neighbours says whether the right one is brighter: a 64-bit difference hash (N. Krawetz 2013). "
        "Two images are near duplicates if at most 3 bits differ and their reduced versions correlate by at least 0.99. "
        "This is a lower bound, because not every pair is compared."
    ),
    "native": "Width × height before scaling to the size above.",
    "skipped": "Files that could not be imported; see below for reasons.",
    "axis": "Mean ± standard deviation of this coordinate: x̄ = Σx / n, √(Σ(x − x̄)² / n).",
    "modes": "Separate clusters of points. A generator that misses some of them has collapsed.",
    "sigma": "Standard deviation σ of the points around the centre of their mode, along each axis.",
}

FORMATS = (
    "A **ZIP** of PNG, JPEG or WebP pictures, with one folder per class or all in one folder; or a **CSV** of points, "
    "two numbers per line."
)
BY_COMMAND = "For a local folder, or for files too large to upload:"
LSUN = "To use photographs of bedrooms (LSUN), add them like your own pictures: as a ZIP, or from a folder by command."


@st.cache_resource(max_entries=16, show_spinner=False)
def opened(folder: str, changed: int, _data: DataConfig) -> Prepared | None:
    """Return a prepared data set, cached until its folder changes."""
    return prepared.find(_data)


@st.cache_data(max_entries=32, show_spinner=False)
def sheet(folder: str, changed: int, label: int | None, seed: int, _found: Prepared, size: int) -> tuple[bytes, int]:
    """Return a sheet of randomly drawn images as PNG, and their number; empty if the class has no images."""
    plan = albums.layout(size)
    rows = albums.draw(_found.labels, label, seed, plan.most)
    return (albums.sheet(_found.pixels[rows], plan.cell, plan.columns) if len(rows) else b""), len(rows)


@st.cache_data(max_entries=32, show_spinner=False)
def pairs_sheet(folder: str, changed: int, kind: str, _found: Prepared) -> bytes:
    """Return a sheet of duplicate pairs as PNG."""
    return albums.pairs_sheet(_found.pixels[np.array(_found.facts[kind])], 64)


@st.cache_resource(max_entries=16, show_spinner=False)
def cloud(entry: DataSet, seed: int) -> tuple[go.Figure, int, dict[str, np.ndarray]]:
    """Return a plot of randomly drawn points, their number, and the mean and spread of all points along both axes."""
    values, _ = sources.points_of(entry)
    rows = np.random.Generator(np.random.PCG64(seed)).choice(len(values), min(MOST_DRAWN, len(values)), replace=False)
    return charts.points(values[rows]), len(rows), {"mean": values.mean(axis=0), "std": values.std(axis=0)}


@st.cache_data(max_entries=32, show_spinner=False)
def imported(name: str, version: str, changed: int) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the import record of a user's own data set, and the first files it skipped."""
    entry = data_sets.find(name)
    return importer.describe(entry), albums.skipped_table(importer.skipped_of(entry)[:MOST_SKIPPED])


def changed(path: Path) -> int:
    """Return the modification time of a folder in nanoseconds; 0 if it does not exist."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def choose() -> DataSet:
    """Draw the data set picker; the URL keeps the choice."""
    known = data_sets.all_sets()
    wanted = st.query_params.get("data")
    if wanted in known:
        st.session_state["data/name"] = wanted
    elif wanted:
        with frame.spoken_errors():
            data_sets.find(wanted)
    if st.session_state.get("data/name") not in known:
        st.session_state["data/name"] = next(iter(known))

    def follow() -> None:
        st.query_params["data"] = st.session_state["data/name"]

    chosen = st.selectbox(
        "Data set",
        list(known),
        key="data/name",
        on_change=follow,
        persist_state="session",
        format_func=lambda name: f"{known[name].title} · {ORIGINS.get(known[name].origin, known[name].origin)}",
        help="Built-in sets, sets to download once, and your own. Type to search.",
    )
    st.query_params["data"] = chosen
    return known[chosen]


def ask_how(entry: DataSet) -> DataConfig:
    """Ask for the image size, and how images are fitted to it."""
    if entry.kind == "points":
        return DataConfig(name=entry.name)
    if waiting := st.session_state.pop("data/next-size", None):
        st.session_state["data/size"] = waiting
    for field, usual in (("size", 32), ("fit", "crop"), ("colour", "auto")):
        st.session_state.setdefault(f"data/{field}", usual)
    fields = DataConfig.model_fields
    with st.container(horizontal=True, gap="medium"):
        answers = {
            field: st.segmented_control(
                fields[field].title or field,
                options,
                required=True,
                key=f"data/{field}",
                persist_state="session",
                help=fields[field].description,
            )
            for field, options in (("size", SIZES), ("fit", ("crop", "pad")), ("colour", ("auto", "grey", "colour")))
        }
    return DataConfig.model_validate({"name": entry.name, **answers})


def offer_removal(entry: DataSet) -> None:
    """Draw the button that removes a user's own data set, with a confirmation."""
    with st.popover("Remove", icon=":material/delete:"):
        st.markdown(
            f"Remove “{words.escape(entry.title)}” from this program? Your original files are kept. Runs trained on "
            "it can still be viewed, but not resumed."
        )
        if st.button("Remove this data set", type="primary", key="remove"):
            importer.remove(entry.name, data_root(), runs_root=root)
            st.query_params.pop("data", None)
            st.session_state["data/notice"] = f"“{words.escape(entry.title)}” was removed."
            st.rerun()


def offer_import() -> None:
    """Draw the import form, or a disabled button while an import is running."""
    if (task := read(requests.import_path())) and task.state == "running":
        st.button("Adding pictures …", icon=":material/upload:", disabled=True)
        return
    with st.popover("Add your own pictures", icon=":material/upload:"):
        st.markdown(FORMATS)
        turn = st.session_state.setdefault("data/turn", 0)
        upload = st.file_uploader("File", type=["zip", "csv"], key=f"data/upload/{turn}")
        title = st.text_input(
            "Name",
            key=f"data/title/{turn}",
            max_chars=80,
            placeholder="File name",
            help="Display name of the data set. Defaults to the file name.",
        )
        size = st.segmented_control(
            "Prepare at size (pixels)",
            SIZES,
            default=32,
            required=True,
            key=f"data/import-size/{turn}",
            help="Size to view the images at first; others can be prepared later. Ignored for points.",
        )
        if st.button("Add data set", type="primary", icon=":material/upload:", disabled=upload is None, key="import"):
            assert upload is not None and size is not None
            name = title.strip() or PureWindowsPath(upload.name).stem[:80].strip() or "Pictures"  # accepts both kinds of slashes
            if any(entry.title.casefold() == name.casefold() for entry in data_sets.all_sets().values()):
                st.error(f"A data set named “{words.escape(name)}” already exists; choose another name.", icon=":material/error:")
                return  # keep the upload
            is_archive = upload.read(2) == b"PK"
            upload.seek(0)
            requests.start_import(upload, ".zip" if is_archive else ".csv", name, size)
            st.session_state.update({"data/turn": turn + 1, "data/import": size})
            st.rerun()
        st.caption(BY_COMMAND)
        st.code("python -m gan data import PATH --name NAME", language="bash", wrap_lines=True)
        st.caption(LSUN)


def follow_import() -> None:
    """Show import progress, and the outcome in sessions that saw it running."""
    task = read(requests.import_path())
    if task and task.state == "running":
        st.session_state.setdefault("data/import", 0)
        progress("Adding your data", requests.import_path())
    elif "data/import" in st.session_state:
        size = st.session_state["data/import"]
        if task and task.state == "failed":
            st.error(words.escape(task.message), icon=":material/error:")
            if st.button("Dismiss", key="dismiss"):
                del st.session_state["data/import"]
                st.rerun()
            return
        del st.session_state["data/import"]
        if not task or not (entry := data_sets.all_sets().get(task.result)):
            return
        noun = "point" if entry.kind == "points" else "image"
        skipped = f"; {words.count(entry.skipped, 'file')} skipped, see below" if entry.skipped else ""
        st.session_state["data/notice"] = f"“{words.escape(entry.title)}” was added: {words.count(entry.images, noun)}{skipped}."
        st.session_state["data/next-size"] = size or None
        st.query_params["data"] = entry.name
        st.rerun()


@st.fragment(run_every=0.7)
def progress(title: str, path: Path) -> None:
    """Show the progress of an import or preparation; rerun the page when it ends."""
    task = read(path)
    if task is None or task.state != "running":
        st.rerun()
    left = f" · {words.duration(task.seconds_left)} left" if task.seconds_left is not None else ""
    st.progress(task.share, text=f"{words.escape(task.message or title)}{left}")


def offer_preparation(data: DataConfig) -> None:
    """Prepare a data set and show progress; ask first if it takes long or needs a download."""
    entry, path = data.entry, requests.preparation_path(data)
    task = read(path)
    if task and task.state == "running":
        progress(f"Preparing {entry.title}", path)
        return
    has_failed = task is not None and task.state == "failed"
    if task is not None and has_failed:
        st.error(words.escape(task.message), icon=":material/error:")
    elif entry.origin == "built-in" and entry.images * data.size**2 <= AT_ONCE:
        requests.start_preparing(data)
        progress(f"Preparing {entry.title}", path)
        return
    files = download_of(entry)
    label = "Prepare"
    if files and not downloads.has(files.name):
        label = f"Download and prepare ({megabytes(files.download_bytes)})"
    with st.container(border=True):
        st.markdown(
            f"**Not prepared at {data.size} × {data.size} pixels yet.** Preparation runs once per size and "
            f"takes {megabytes(entry.images * data.size**2 * data.channels)} of disk space. Training starts it automatically."
        )
        if st.button(
            "Try again" if has_failed else label, key="prepare", icon=":material/refresh:" if has_failed else ":material/download:"
        ):
            requests.start_preparing(data)
            st.rerun()


def download_of(entry: DataSet) -> downloads.Download | None:
    """Return the download that a data set is read from or built from; None if it needs none."""
    return downloads.DOWNLOADS.get(MADE_OF.get(entry.name, entry.name))


def megabytes(size: int) -> str:
    """Return a number of bytes as text in MB or GB."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(1, round(size / 1e6))} MB"


def ask_class(entry: DataSet) -> int | None:
    """Ask for a class to show; None means all classes."""
    if len(entry.classes) < 2:
        return None
    places, key = range(len(entry.classes)), f"data/class/{entry.name}"
    if len(entry.classes) <= MOST_PILLS:
        return st.pills(
            "Class",
            places,
            format_func=lambda place: words.escape(entry.classes[place]),
            key=key,
            help="Click a class to show only that one; click again to show all.",
        )
    return st.selectbox(
        "Class",
        places,
        index=None,
        format_func=lambda place: entry.classes[place],
        key=key,
        width=420,
        placeholder="All classes; type to search",
    )


def offer_shuffle(about: str) -> None:
    """Draw the caption of the sample, next to the shuffle button."""

    def shuffle() -> None:
        st.session_state["data/seed"] += 1

    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(f"{about}, drawn at random (seed {st.session_state['data/seed']})")
        st.button("Shuffle", icon=":material/shuffle:", key="shuffle", on_click=shuffle, help="Draws another random sample.")


def show_images(data: DataConfig, found: Prepared) -> None:
    """Show sample images next to the figures, then plots, duplicates and skipped files."""
    entry, place = data.entry, prepared.folder(data)
    key = (str(place), changed(place))
    label = ask_class(entry)
    left, right = st.columns([5, 3], gap="large")
    with left:
        picture, shown = sheet(*key, label, st.session_state["data/seed"], found, data.size)
        if picture:
            st.image(picture, output_format="PNG", alt=f"{shown} images of the data set {entry.title}")
        total = words.count(entry.images if label is None else entry.counts[label], "image")
        offer_shuffle(f"{shown} of {total}" + ("" if label is None else f" of “{words.escape(entry.classes[label])}”"))
    facts, skipped = known_facts(entry)
    with right:
        show_figures(data, found.facts, facts)
        if entry.classes and not is_plotted(entry):
            st.caption(albums.counts_in_words(entry.classes, entry.counts))
    if is_plotted(entry):
        plot, light = st.columns(2, gap="large")
        with plot:
            plot_counts(entry, "image")
    else:
        light = st.container()
    with light:
        st.subheader("Brightness")
        bright = found.facts["brightness"]
        st.vega_lite_chart(
            charts.brightness(bright["histogram"], bright["mean"], bright["std"]),
            key="brightness",
            alt=f"Histogram of brightness, {spread(bright)}",
        )
        st.caption("Number of images by mean grey level. Dashed: mean; shaded: ± one standard deviation.")
    show_duplicates(found, key)
    show_skipped(entry, facts, skipped)


def known_facts(entry: DataSet) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the import record of a user's own data set; empty for others."""
    if entry.origin != "own":
        return {}, pd.DataFrame()
    return imported(entry.name, entry.version, changed(data_sets.own_folder(entry.name)))


def show_figures(data: DataConfig, found: dict[str, Any], facts: dict[str, Any]) -> None:
    """Show the figures of an image data set."""
    entry = data.entry
    with st.grid(2, min_column_width=150, gap="small"):
        st.metric("Images", f"{entry.images:,}", help=HELP["images"], border=True)
        st.metric("Classes", f"{len(entry.classes):,}" if entry.classes else "no labels", border=True)
        bright = found["brightness"]
        st.metric("Brightness", spread(bright), help=HELP["brightness"], border=True)
        if data.channels == 3:
            for name, channel in zip(("Red", "Green", "Blue"), found["channels"], strict=True):
                st.metric(name, spread(channel), help=HELP["channel"], border=True)
        else:
            st.metric("Grey level", spread(found["channels"][0]), help=HELP["channel"], border=True)
        st.metric("Exact duplicates", f"{found['exact']:,}", help=HELP["exact"], border=True)
        st.metric("Near duplicates", ("≥ " if found["near"] else "") + f"{found['near']:,}", help=HELP["near"], border=True)
        for name, (width, height) in facts.get("sizes", {}).items():
            st.metric(f"{name.capitalize()} image", f"{width} × {height}", help=HELP["native"], border=True)
        if native := native_size(entry):
            st.metric("Original size", native, help=HELP["native"], border=True)
        if entry.skipped:
            st.metric("Skipped", f"{entry.skipped:,}", help=HELP["skipped"], border=True)


def native_size(entry: DataSet) -> str:
    """Return the original image size of a catalogued data set; empty if it is rendered at any size."""
    if files := download_of(entry):
        return f"{files.shape[1]} × {files.shape[0]}"
    named = re.search(r"(\d+)×(\d+) pixels", entry.description)
    return f"{named[1]} × {named[2]}" if named and entry.origin != "own" else ""


def spread(figures: dict[str, float]) -> str:
    """Return mean ± standard deviation as text."""
    return f"{figures['mean']:.0f} ± {figures['std']:.0f}"


def is_plotted(entry: DataSet) -> bool:
    """Return whether the class counts get a chart instead of a sentence."""
    are_equal = min(entry.counts) == max(entry.counts)
    return 0 < len(entry.classes) <= (FEW_BARS if are_equal else MOST_BARS)


def plot_counts(entry: DataSet, noun: str, group: str = "class") -> None:
    """Show a bar chart of the number of images or points per class."""
    st.subheader(f"{noun.capitalize()}s per {group}")
    st.vega_lite_chart(charts.counts(entry.classes, entry.counts, f"{noun}s"), key="counts", alt=f"Number of {noun}s per {group}")
    st.caption(albums.counts_in_words(entry.classes, entry.counts, noun))


def show_duplicates(found: Prepared, key: tuple[str, int]) -> None:
    """Show pairs of exact and near duplicates."""
    kinds = [(kind, same) for kind, same in SAME.items() if found.facts[kind]]
    if not kinds:
        st.caption(":material/check: No exact or near duplicates at this size.")
        return
    st.subheader("Duplicates")
    for column, (kind, same) in zip(st.columns(2, gap="large"), kinds, strict=False):
        with column:
            number, pairs = found.facts[kind], found.facts[f"{kind}_pairs"]
            some = f" {'First' if kind == 'exact' else 'Nearest'} pairs:" if len(pairs) < number else ""
            many = words.count(number, "image")
            st.caption(f"{many if kind == 'exact' else f'At least {many}'} {same} to an earlier one.{some}")
            if pairs:
                st.image(pairs_sheet(*key, f"{kind}_pairs", found), output_format="PNG", alt=f"Pairs of {kind} duplicates")


def show_skipped(entry: DataSet, facts: dict[str, Any], skipped: pd.DataFrame) -> None:
    """Show the files skipped by an import, with reasons."""
    if not entry.skipped:
        return
    st.subheader("Skipped")
    reasons = sorted(facts.get("reasons", {}).items(), key=lambda item: -item[1])
    st.markdown("\n".join(f"- {words.count(number, 'file')}: {words.escape(reason)}" for reason, number in reasons))
    if len(skipped):
        first = "" if len(skipped) == entry.skipped else f"the first {len(skipped)} "
        with st.expander(f"Names of {first}skipped files", icon=":material/list:"):
            st.dataframe(skipped, hide_index=True, key="skipped", alt="Skipped files and reasons")


def show_points(entry: DataSet) -> None:
    """Show a data set of points, its figures, and the number of points per mode."""
    left, right = st.columns([5, 3], gap="large")
    with left:
        figure, shown, facts = cloud(entry, st.session_state["data/seed"])
        st.plotly_chart(figure, key="points", alt=f"Points of {entry.title}")
        offer_shuffle(f"{shown:,} of {words.count(entry.images, 'point')}")
    with right:
        with st.grid(2, min_column_width=150, gap="small"):
            known = points.modes(entry.name)
            st.metric("Points", f"{entry.images:,}", border=True)
            modes = f"{len(known.centres)}" if known else "unknown" if entry.origin == "own" else "none"
            st.metric("Modes", modes, help=HELP["modes"], border=True)
            for axis, mean, std in zip("xy", facts["mean"], facts["std"], strict=True):
                st.metric(axis, f"{round(float(mean), 2) + 0.0:.2f} ± {std:.2f}", help=HELP["axis"], border=True)
            if known:
                st.metric("Spread of a mode", f"{known.sigma:g}", help=HELP["sigma"], border=True)
        if is_plotted(entry):
            plot_counts(entry, "point", "mode" if known else "class")
        elif entry.classes:
            st.caption(albums.counts_in_words(entry.classes, entry.counts, "point"))


st.title("Data")
st.session_state.setdefault("data/seed", 0)

with frame.spoken_errors():
    follow_import()
    if notice := st.session_state.pop("data/notice", None):
        st.success(notice, icon=":material/check:")
    question, buttons = st.columns(2, gap="medium", vertical_alignment="bottom")
    with question:
        chosen = choose()
    with buttons, st.container(horizontal=True, gap="small"):
        if st.button("Train with this data set", type="primary", icon=":material/play_arrow:", key="train"):
            st.switch_page("pages/train.py", query_params={"data": chosen.name})
        with frame.spoken_errors():
            offer_import()
            if data_sets.own_folder(chosen.name).is_dir():
                offer_removal(chosen)
    st.markdown(words.escape(chosen.description))
    st.caption(f"Source: {words.escape(chosen.source)}" + (f" · {LSUN}" if chosen.name == "bedrooms" else ""))
    wanted = ask_how(chosen)
    place = prepared.folder(wanted)
    if wanted.is_points:
        show_points(chosen)
    elif since := changed(place):
        if found := opened(str(place), since, wanted):
            show_images(wanted, found)
        else:
            offer_preparation(wanted)
    else:
        offer_preparation(wanted)
