"""A prepared image data set on the Data page: samples, figures, plots, duplicates, skipped files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from gan.catalogue import data_sets
from gan.catalogue.data_sets import DataSet
from gan.config.data import DataConfig
from gan.data import imported as imported_sets
from gan.data import prepared
from gan.data.prepared import Prepared
from gan.places import data_root, default_root
from pages.parts import actions, charts, owning, phone, vega, words
from pages.parts.data_sets import albums

SAME = {"exact": "identical", "near": "nearly identical"}

MOST_PILLS = 12  # classes shown as pills; more go into a searchable list
MOST_BARS, FEW_BARS = 100, 24  # most classes in a chart, and if all are the same size; otherwise text
MOST_SKIPPED = 200  # names in the list of skipped files

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
        "Two images are near duplicates if at most 3 bits differ, their reduced versions correlate by at least 0.99, and their "
        "colours differ by at most 8 levels of 255 (root mean square over the cells). "
        "This is a lower bound, because not every pair is compared."
    ),
    "native": "Width × height before scaling to the size above.",
    "skipped": "Files that could not be imported; see below for reasons.",
    "axis": "Mean ± standard deviation of this coordinate: x̄ = Σx / n, √(Σ(x − x̄)² / n).",
    "modes": "Separate clusters of points. A generator that misses some of them has collapsed.",
    "sigma": "Standard deviation σ of the points around the centre of their mode, along each axis.",
}


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


@st.cache_data(max_entries=32, show_spinner=False)
def imported(name: str, version: str, changed: int) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the import record of a user's own data set, and the first files it skipped."""
    entry = data_sets.find(name)
    return imported_sets.describe(entry), albums.skipped_table(imported_sets.skipped_of(entry)[:MOST_SKIPPED])


def changed(path: Path) -> int:
    """Return the modification time of a folder in nanoseconds; 0 if it does not exist."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


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
    phone.first("data-news", "data-picture")
    with left, st.container(key="data-picture"):
        picture, shown = sheet(*key, label, st.session_state["data/seed"], found, data.size)
        if picture:
            st.image(
                picture, width="stretch", output_format="PNG", alt=f"{words.count(shown, 'image')} of the data set {entry.title}"
            )
        total = words.count(entry.images if label is None else entry.counts[label], "image")
        offer_shuffle(f"{shown} of {total}" + ("" if label is None else f" of “{words.escape(entry.classes[label])}”"))
    facts, skipped = known_facts(entry)
    offer_stretch(entry, facts)
    with right:
        show_figures(data, found.facts, facts)
        if "classes_from" in facts:
            st.caption(words.escape(facts["classes_from"]))
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


def offer_stretch(entry: DataSet, facts: dict[str, Any]) -> None:
    """Say how much of their range imported pictures use if it is little, and offer to stretch them or to undo that."""
    if not (sentence := imported_sets.on_range(facts)):
        return
    is_stretched = "stretch" in facts
    with st.container(horizontal=True, vertical_alignment="center"):
        (st.info if is_stretched else st.warning)(words.escape(sentence), icon=":material/brightness_4:")
        label = "Undo" if is_stretched else "Stretch to the full range"
        if actions.button(
            label,
            lambda: imported_sets.stretch(entry.name, data_root(), default_root(), undo=is_stretched),
            key="stretch",
            help="The images are prepared again; those of runs already trained were different.",
            why_not=owning.why_not("change", entry),
        ):
            st.rerun()


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
        for name, (width, height) in original_sizes(entry, facts).items():
            st.metric(name, f"{width} × {height}", help=HELP["native"], border=True)
        if entry.skipped:
            st.metric("Skipped", f"{entry.skipped:,}", help=HELP["skipped"], border=True)


def original_sizes(entry: DataSet, facts: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Return title → width and height before scaling: one size if all images have it, else the smallest, median and largest."""
    sizes = {f"{name.capitalize()} image": (width, height) for name, (width, height) in facts.get("sizes", {}).items()}
    if len(set(sizes.values())) > 1:
        return sizes
    only = next(iter(sizes.values()), entry.native_size)
    return {"Original size": only} if only else {}


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
    spec = charts.counts(entry.classes, entry.counts, f"{noun}s")
    st.vega_lite_chart(vega.with_data(spec, spec["data"]["values"]), key="counts", alt=f"Number of {noun}s per {group}")
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
