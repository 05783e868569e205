"""Explore page: a trained generator, its latent space and its past."""

from __future__ import annotations

import streamlit as st

from gan.errors import InputError
from gan.guests import guest as guests
from gan.guests.guest import Guest
from gan.play import setup as setups
from gan.runs import Run
from gan.runs import index as run_index
from gan.runs.listing import Listed
from pages.parts import first_run, frame, owning, picking
from pages.parts.playing import component

root = frame.begin("Explore")


def explorable() -> list[Listed]:
    """Return the runs with a checkpoint whose data are images, newest first, then the guests that are generators."""
    return [listed for listed in (*run_index.read(root), *guests.listed(root)) if component.is_explorable(listed)]


def find(run_id: str) -> None:
    """Raise InputError, for a run that is not offered: there is none, or it has no generator of images."""
    found = guests.find(root, run_id)
    if isinstance(found, Guest):
        _ = found.generator_path
    elif found.config().data.is_points:
        raise InputError("This run generates points, and Explore shows generators of images; choose another run.")
    elif not found.has_checkpoint:
        raise InputError("This run has no checkpoint yet; train it until its first one, or choose another run.")


def choose(found: list[Listed]) -> tuple[Run, str] | None:
    """Draw the pickers of a run and its checkpoint; the URL keeps both. Return None if the URL names no such run."""
    names = owning.names(found)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        chosen = picking.pick("Run", names, parameter="run", key="explore/run", find=find)
        if chosen is None:
            return None
        run = next(listed.run for listed in found if listed.run.id == chosen)
        checkpoint = "last"
        if run.best_path.is_dir():
            checkpoint = st.segmented_control(
                "Checkpoint",
                ["last", "best"],
                format_func={"last": "Last", "best": "Lowest FID"}.__getitem__,
                default="last",
                required=True,
                key=f"explore/{run.id}",
            )
    return run, checkpoint or "last"


st.title("Explore")
with frame.spoken_errors():
    found = explorable()
    if not found:
        first_run.offer(root, "No trained generator of images yet. Train one; it can be explored from its first checkpoint on.")
    elif chosen := choose(found):
        run, checkpoint = chosen
        data = run.facts().data if isinstance(run, Guest) else run.config().data.name
        setup = {"data": data, "start": {"run": run.id, "checkpoint": checkpoint}, "explore": True}
        component.show_explorer(setups.parse(setup).model_dump(mode="json"))
