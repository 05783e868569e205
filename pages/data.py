"""Data: look at a data set before training on it, and add pictures or points of your own."""

from __future__ import annotations

import re
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from gan.data import catalogue, commands, downloads, importer, points, prepared, sources, tasks
from gan.data.catalogue import DataSet
from gan.data.prepared import Prepared
from gan.sections import DataConfig
from pages.parts import albums, charts, frame, words

root = frame.begin("Data")

ORIGINS = {"built-in": "built in", "download": "download", "own": "your own"}
SIZES = (16, 32, 64, 128, 256)
MADE_OF = {"stacked-mnist": "mnist"}  # what has to be downloaded for it
SAME = {"exact": "the same in every pixel", "near": "nearly the same"}

AT_ONCE = 40_000_000  # pixels of a built-in set that are prepared unasked: some ten seconds
MOST_PILLS = 12  # classes to click on; more are searched for in a list
MOST_BARS, FEW_BARS = 100, 24  # classes in a chart, and where all are of one size; more are said in words
MOST_SKIPPED = 200  # names in the list of what was skipped
MOST_DRAWN = 3000  # points in a plot

HELP = {
    "images": "How many images there are to learn from. A few thousand is little for a GAN; see “horizontal flips” when training.",
    "brightness": "The mean grey level of each image, from 0 (black) to 255 (white): the sum of its pixels, over all channels, "
                  "divided by how many they are. Shown: the mean x̄ over the images ± the standard deviation √(Σ(x − x̄)² / n).",
    "channel": "Mean and standard deviation of all pixels of this channel, from 0 to 255: x̄ = Σx / n, √(Σx² / n − x̄²).",
    "exact": "Images that equal an earlier one in every pixel, as prepared at this size. Copies count twice in training: the "
             "generator is drawn to them.",
    "near": "Images that resemble an earlier one, copies aside. Each image shrinks to 9 × 8 grey cells; one bit for each two "
            "neighbours in a row says whether the right one is brighter: a difference hash of 64 bits (N. Krawetz 2013). Two "
            "images are near when at most 3 bits differ and the small pictures have a correlation of 0.99 or more. "
            "At least so many: not every pair is looked at.",
    "native": "Width × height before the images are scaled to the size chosen above.",
    "skipped": "Files that could not be taken; the reasons are below.",
    "axis": "Mean and standard deviation of this coordinate: x̄ = Σx / n, √(Σ(x − x̄)² / n).",
    "modes": "Separate places where the points gather. A generator that leaves some out has collapsed: look at its points.",
    "sigma": "Standard deviation σ of the points about the centre of their mode, along either axis.",
}  # fmt: skip

FORMATS = (
    "A **ZIP** of PNG, JPEG or WebP pictures: one folder for each class, or all in one. Or a **CSV** of points, two numbers on "
    "each line."
)
BY_COMMAND = "For a folder on this machine, or more than an upload can carry:"
LSUN = "Photographs of bedrooms (LSUN) can be added like all pictures of your own: as a ZIP, or from their folder by command."


@st.cache_resource(max_entries=16, show_spinner=False)
def opened(folder: str, changed: int, _data: DataConfig) -> Prepared | None:
    """Return a preparation; kept for as long as its folder is as it was."""
    return prepared.find(_data)


@st.cache_data(max_entries=32, show_spinner=False)
def sheet(folder: str, changed: int, label: int | None, seed: int, _found: Prepared, size: int) -> tuple[bytes, int]:
    """Return one picture of images drawn at random, and how many they are; none for a class without images."""
    plan = albums.layout(size)
    rows = albums.draw(_found.labels, label, seed, plan.most)
    return (albums.sheet(_found.pixels[rows], plan.cell, plan.columns) if len(rows) else b""), len(rows)


@st.cache_data(max_entries=32, show_spinner=False)
def pairs_sheet(folder: str, changed: int, kind: str, _found: Prepared) -> bytes:
    """Return one picture of the pairs of duplicates."""
    return albums.pairs_sheet(_found.pixels[np.array(_found.facts[kind])], 64)


@st.cache_resource(max_entries=16, show_spinner=False)
def cloud(entry: DataSet, seed: int) -> tuple[go.Figure, int, dict[str, np.ndarray]]:
    """Return a plot of points drawn at random, how many these are, and mean and spread of all points along both axes."""
    values, _ = sources.points_of(entry)
    rows = np.random.Generator(np.random.PCG64(seed)).choice(len(values), min(MOST_DRAWN, len(values)), replace=False)
    return charts.points(values[rows]), len(rows), {"mean": values.mean(axis=0), "std": values.std(axis=0)}


@st.cache_data(max_entries=32, show_spinner=False)
def imported(name: str, version: str, changed: int) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return what an import wrote down of a data set of people's own, and the first files that it skipped."""
    entry = catalogue.find(name)
    return commands.describe(entry), albums.skipped_table(commands.skipped_of(entry)[:MOST_SKIPPED])


def changed(path: Path) -> int:
    """Return when a folder was last changed; 0 for one that is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def choose() -> DataSet:
    """Let a person choose a data set; the URL names it."""
    known = catalogue.all_sets()
    wanted = st.query_params.get("data")
    if wanted in known:
        st.session_state["data/name"] = wanted
    elif wanted:
        with frame.spoken_errors():
            catalogue.find(wanted)
    if st.session_state.get("data/name") not in known:
        st.session_state["data/name"] = next(iter(known))

    def follow() -> None:
        st.query_params["data"] = st.session_state["data/name"]

    chosen = st.selectbox(
        "Data set", list(known), key="data/name", on_change=follow, persist_state="session",
        format_func=lambda name: f"{known[name].title} · {ORIGINS.get(known[name].origin, known[name].origin)}",
        help="What there is: built in, to be downloaded once, and what you have added. Type to search.",
    )  # fmt: skip
    st.query_params["data"] = chosen
    return known[chosen]


def ask_how(entry: DataSet) -> DataConfig:
    """Ask for the size at which to look at images, and how they are brought to it."""
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
                fields[field].title or field, options, required=True, key=f"data/{field}", persist_state="session",
                help=fields[field].description,
            )
            for field, options in (("size", SIZES), ("fit", ("crop", "pad")), ("colour", ("auto", "grey", "colour")))
        }  # fmt: skip
    return DataConfig.model_validate({"name": entry.name, **answers})


def offer_removal(entry: DataSet) -> None:
    """Draw the button that removes a data set of people's own, and asks before."""
    with st.popover("Remove", icon=":material/delete:"):
        st.markdown(
            f"Remove “{words.escape(entry.title)}” from this program? Your own files stay as they are. Runs that were trained on "
            "it can still be watched, but not resumed."
        )
        if st.button("Remove this data set", type="primary", key="remove"):
            importer.remove(entry.name, catalogue.data_root(), runs_root=root)
            st.query_params.pop("data", None)
            st.session_state["data/notice"] = f"“{words.escape(entry.title)}” was removed."
            st.rerun()


def offer_import() -> None:
    """Draw the form that takes pictures or points, or say that an import is under way."""
    if (task := tasks.read(tasks.import_path())) and task.state == "running":
        st.button("Adding pictures …", icon=":material/upload:", disabled=True)
        return
    with st.popover("Add your own pictures", icon=":material/upload:"):
        st.markdown(FORMATS)
        turn = st.session_state.setdefault("data/turn", 0)
        upload = st.file_uploader("File", type=["zip", "csv"], key=f"data/upload/{turn}")
        title = st.text_input("Name", key=f"data/title/{turn}", max_chars=80, placeholder="The name of the file",
                              help="How the data set is called in lists; any characters.")  # fmt: skip
        size = st.segmented_control(
            "Prepare at size (pixels)",
            SIZES,
            default=32,
            required=True,
            key=f"data/import-size/{turn}",
            help="The size at which you want to look at them first; other sizes can be had later. Points have none.",
        )
        if st.button("Add them", type="primary", icon=":material/upload:", disabled=upload is None, key="import"):
            assert upload is not None and size is not None
            name = title.strip() or PureWindowsPath(upload.name).stem[:80].strip() or "Pictures"  # it takes both kinds of slashes
            if any(entry.title.casefold() == name.casefold() for entry in catalogue.all_sets().values()):
                st.error(f"There is a data set “{words.escape(name)}” already; choose another name.", icon=":material/error:")
                return  # before the upload is gone
            is_archive = upload.read(2) == b"PK"
            upload.seek(0)
            tasks.start_import(upload, ".zip" if is_archive else ".csv", name, size)
            st.session_state.update({"data/turn": turn + 1, "data/import": size})
            st.rerun()
        st.caption(BY_COMMAND)
        st.code("python -m gan data import PATH --name NAME", language="bash", wrap_lines=True)
        st.caption(LSUN)


def follow_import() -> None:
    """Show how far an import is, and how it ended to whoever has seen it going on."""
    task = tasks.read(tasks.import_path())
    if task and task.state == "running":
        st.session_state.setdefault("data/import", 0)
        progress("Adding your data", tasks.import_path())
    elif "data/import" in st.session_state:
        size = st.session_state["data/import"]
        if task and task.state == "failed":
            st.error(words.escape(task.message), icon=":material/error:")
            if st.button("Dismiss", key="dismiss"):
                del st.session_state["data/import"]
                st.rerun()
            return
        del st.session_state["data/import"]
        if not task or not (entry := catalogue.all_sets().get(task.result)):
            return
        noun = "point" if entry.kind == "points" else "image"
        skipped = f"; {words.count(entry.skipped, 'file')} skipped, see below" if entry.skipped else ""
        st.session_state["data/notice"] = f"“{words.escape(entry.title)}” is here: {words.count(entry.images, noun)}{skipped}."
        st.session_state["data/next-size"] = size or None
        st.query_params["data"] = entry.name
        st.rerun()


@st.fragment(run_every=0.7)
def progress(title: str, path: Path) -> None:
    """Show how far an import or a preparation is; start over when it has ended."""
    task = tasks.read(path)
    if task is None or task.state != "running":
        st.rerun()
    left = f" · {words.duration(task.seconds_left)} left" if task.seconds_left is not None else ""
    st.progress(task.share, text=f"{words.escape(task.message or title)}{left}")


def offer_preparation(data: DataConfig) -> None:
    """Prepare a data set that is not prepared yet, asking first where that takes long, and show how far it is."""
    entry, path = data.entry, tasks.preparation_path(data)
    task = tasks.read(path)
    if task and task.state == "running":
        progress(f"Preparing {entry.title}", path)
        return
    has_failed = task is not None and task.state == "failed"
    if task is not None and has_failed:
        st.error(words.escape(task.message), icon=":material/error:")
    elif entry.origin == "built-in" and entry.images * data.size**2 <= AT_ONCE:
        tasks.start_preparing(data)
        progress(f"Preparing {entry.title}", path)
        return
    files = download_of(entry)
    label = "Prepare"
    if files and not downloads.has(files.name):
        label = f"Download and prepare ({megabytes(files.download_bytes)})"
    with st.container(border=True):
        st.markdown(
            f"**Not prepared at {data.size} × {data.size} pixels yet.** That is done once, for all trainings at this size, and "
            f"takes {megabytes(entry.images * data.size**2 * data.channels)} of the disk. A training does it by itself."
        )
        if st.button("Try again" if has_failed else label, key="prepare",
                     icon=":material/refresh:" if has_failed else ":material/download:"):  # fmt: skip
            tasks.start_preparing(data)
            st.rerun()


def download_of(entry: DataSet) -> downloads.Download | None:
    """Return the files that a data set is read from, or made of, where they have to be downloaded."""
    return downloads.DOWNLOADS.get(MADE_OF.get(entry.name, entry.name))


def megabytes(size: int) -> str:
    """Return a number of bytes for people."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(1, round(size / 1e6))} MB"


def ask_class(entry: DataSet) -> int | None:
    """Ask which class to look at; None for all of them."""
    if len(entry.classes) < 2:
        return None
    places, key = range(len(entry.classes)), f"data/class/{entry.name}"
    if len(entry.classes) <= MOST_PILLS:
        return st.pills("Class", places, format_func=lambda place: words.escape(entry.classes[place]), key=key,
                        help="Click one to see it alone, and again to see all.")  # fmt: skip
    return st.selectbox("Class", places, index=None, format_func=lambda place: entry.classes[place], key=key,
                        width=420, placeholder="All classes; type to search")  # fmt: skip


def offer_shuffle(about: str) -> None:
    """Say what is shown, beside the button that draws others."""

    def shuffle() -> None:
        st.session_state["data/seed"] += 1

    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(f"{about}, drawn at random (seed {st.session_state['data/seed']})")
        st.button("Shuffle", icon=":material/shuffle:", key="shuffle", on_click=shuffle, help="Draw others at random.")


def show_images(data: DataConfig, found: Prepared) -> None:
    """Show pictures first, beside the figures, then the plots, the duplicates and what was skipped."""
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
        st.vega_lite_chart(charts.brightness(bright["histogram"], bright["mean"], bright["std"]), key="brightness",
                           alt=f"Histogram of brightness, {spread(bright)}")  # fmt: skip
        st.caption("How many images have which mean grey level. Dashed: the mean; shaded: one standard deviation to either side.")
    show_duplicates(found, key)
    show_skipped(entry, facts, skipped)


def known_facts(entry: DataSet) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return what an import wrote down; nothing for other data sets."""
    if entry.origin != "own":
        return {}, pd.DataFrame()
    return imported(entry.name, entry.version, changed(catalogue.own_folder(entry.name)))


def show_figures(data: DataConfig, found: dict[str, Any], facts: dict[str, Any]) -> None:
    """Show the figures of a set of images."""
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
    """Return the size of a listed data set's images before they are scaled; empty where they are drawn at any size."""
    if files := download_of(entry):
        return f"{files.shape[1]} × {files.shape[0]}"
    named = re.search(r"(\d+)×(\d+) pixels", entry.description)
    return f"{named[1]} × {named[2]}" if named and entry.origin != "own" else ""


def spread(figures: dict[str, float]) -> str:
    """Return a mean and its standard deviation for people."""
    return f"{figures['mean']:.0f} ± {figures['std']:.0f}"


def is_plotted(entry: DataSet) -> bool:
    """Return whether a chart of its classes says more than a sentence does."""
    are_equal = min(entry.counts) == max(entry.counts)
    return 0 < len(entry.classes) <= (FEW_BARS if are_equal else MOST_BARS)


def plot_counts(entry: DataSet, noun: str, group: str = "class") -> None:
    """Show how many there are of each class as bars."""
    st.subheader(f"{noun.capitalize()}s per {group}")
    st.vega_lite_chart(
        charts.counts(entry.classes, entry.counts, f"{noun}s"), key="counts", alt=f"Number of {noun}s of each {group}"
    )
    st.caption(albums.counts_in_words(entry.classes, entry.counts, noun))


def show_duplicates(found: Prepared, key: tuple[str, int]) -> None:
    """Show pairs of equal and of similar images."""
    kinds = [(kind, same) for kind, same in SAME.items() if found.facts[kind]]
    if not kinds:
        st.caption(":material/check: No exact or near duplicates were found at this size.")
        return
    st.subheader("Duplicates")
    for column, (kind, same) in zip(st.columns(2, gap="large"), kinds, strict=False):
        with column:
            number, pairs = found.facts[kind], found.facts[f"{kind}_pairs"]
            some = f" The {'first' if kind == 'exact' else 'nearest'} pairs:" if len(pairs) < number else ""
            many = words.count(number, "image")
            st.caption(f"{many if kind == 'exact' else f'At least {many}'}, {same} as an earlier one.{some}")
            if pairs:
                st.image(pairs_sheet(*key, f"{kind}_pairs", found), output_format="PNG", alt=f"Pairs of {kind} duplicates")


def show_skipped(entry: DataSet, facts: dict[str, Any], skipped: pd.DataFrame) -> None:
    """Show what an import left out, and why."""
    if not entry.skipped:
        return
    st.subheader("Skipped")
    reasons = sorted(facts.get("reasons", {}).items(), key=lambda item: -item[1])
    st.markdown("\n".join(f"- {words.count(number, 'file')}: {words.escape(reason)}" for reason, number in reasons))
    if len(skipped):
        first = "" if len(skipped) == entry.skipped else f"the first {len(skipped)} "
        with st.expander(f"Names of {first}skipped files", icon=":material/list:"):
            st.dataframe(skipped, hide_index=True, key="skipped", alt="Names of skipped files, with the reason for each")


def show_points(entry: DataSet) -> None:
    """Show points in the plane, their figures and how many there are of each mode."""
    left, right = st.columns([5, 3], gap="large")
    with left:
        figure, shown, facts = cloud(entry, st.session_state["data/seed"])
        st.plotly_chart(figure, key="points", alt=f"The points of {entry.title}")
        offer_shuffle(f"{shown:,} of {words.count(entry.images, 'point')}")
    with right:
        with st.grid(2, min_column_width=150, gap="small"):
            known = points.modes(entry.name)
            st.metric("Points", f"{entry.images:,}", border=True)
            modes = f"{len(known.centres)}" if known else "not known" if entry.origin == "own" else "none to count"
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
            if catalogue.own_folder(chosen.name).is_dir():
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
