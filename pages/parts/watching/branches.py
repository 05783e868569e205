"""Forks of a run: create one from a checkpoint, and show the family tree."""

from __future__ import annotations

import shlex

import streamlit as st

from gan import config as configs
from gan.config import RunConfig, advice, changing
from gan.errors import InputError
from gan.execution import forking
from gan.runs import Run, changes, forks
from pages.parts import actions, frame, launches, owning, words
from pages.parts.launches import Asked
from pages.parts.planning import form

_WHOLE = {"data": "Data, except flips", "networks": "Networks"}  # sections that cannot change as a whole
_MOST_SHOWN = 40  # relatives in a tree
_INDENT = 24  # pixels per generation
_DEEPEST = 6  # generations with further indentation


def is_open(run: Run) -> bool:
    """Return whether the expander for forking a run is open."""
    return bool(st.session_state.get(_key(run)))


def open_(run: Run) -> None:
    """Open the expander for forking a run."""
    st.session_state[_key(run)] = True


def _key(run: Run) -> str:
    return f"fork/{run.id}"


def offer(run: Run, config: RunConfig) -> None:
    """Draw the expander for forking a run; its contents are built only when it is open."""
    part = st.expander("Fork", icon=":material/call_split:", key=_key(run), on_change="rerun")
    if part.open:
        with part, frame.spoken_errors():
            _ask(run, config)


def _ask(run: Run, config: RunConfig) -> None:
    """Ask for the checkpoint and the settings, and start the fork."""
    st.caption("Starts a new run from a checkpoint of this one, with other settings. This run stays unchanged.")
    there = forks.checkpoints(run)
    if not there:
        st.info(f"No checkpoint to fork from yet; one is written every {config.cadence.checkpoint_every}.")
        return
    key = f"fork/{run.id}/step"
    if st.session_state.get(key) not in there:  # the run deletes older checkpoints while it trains
        st.session_state[key] = max(there)
    best = forks.best(run)
    with st.grid(2, min_column_width=240, gap=("small", "medium")):
        step = st.selectbox(
            "Checkpoint at step",
            sorted(there, reverse=True),
            key=key,
            format_func=lambda step: f"{step:,}" + (" (best FID)" if step == best else ""),
        )
        name = st.text_input("Name", key=f"fork/{run.id}/name", max_chars=120, placeholder=forks.usual_name(run))

    config = changes.config_at(run, step)
    kept = {key: reason for key in configs.flatten(config) if (reason := changing.kept_reason(config, key))}
    usual = {"training.length": str(forks.length_from(run, step))}
    start = configs.replace(config, usual)
    # The default length varies by step.
    asked = form.ask(start, f"fork/{run.id}", kept, prefixes={"training": f"fork/{run.id}/{step}"})
    explain_kept(kept, "To change these, start a new run on the Train page.")

    found = None
    try:
        found = forks.plan(config, {key: value for key, value in asked.items() if usual.get(key) != value})
        total = configs.replace(config, asked).total_steps
    except InputError as error:
        st.error(words.message(error), icon=":material/error:")
    if found:
        for sentence in advice.warnings(found.config):
            if sentence not in advice.warnings(config):
                st.warning(words.escape(sentence), icon=":material/warning:")
        changed = forks.tell(found.changes, found.before) or "the same settings"
        st.markdown(words.escape(f"From step {step:,} to step {total:,} with {changed}."))

    def fork() -> None:
        assert found is not None
        st.query_params["run"] = forking.fork(run, step, found.changes, name).id

    is_refused = found is not None and launches.tell(run.root, Asked([configs.replace(config, asked)], step=step))
    is_off = found is None or is_refused
    if actions.button(
        "Start fork", fork, icon=":material/call_split:", type="primary", disabled=is_off, key="start-fork", is_once=True
    ):
        st.rerun()
    if found:
        with st.expander("The same on the command line", icon=":material/terminal:"):
            arguments = [run.id, "--step", str(step), *configs.assignments(config, found.config)]
            arguments += ["--name", name] if name else []
            arguments += owning.root_option(run.root)
            st.code("python -m gan fork " + shlex.join(arguments), language="bash", wrap_lines=True)


def explain_kept(kept: dict[str, str], advice: str) -> None:
    """List the settings that cannot change, with reasons and what to do instead."""
    groups: dict[str, dict[str, None]] = {}
    for key, reason in kept.items():
        section = key.partition(".")[0]
        title = _WHOLE.get(section) or configs.title(key)
        groups.setdefault(reason, {})[title] = None
    with st.expander("What cannot change, and why", icon=":material/lock:"):
        st.markdown("\n".join(f"- **{', '.join(titles)}**: {words.escape(reason)}." for reason, titles in groups.items()))
        st.caption(advice)


def tree(run: Run) -> None:
    """Draw the family tree with links to all relatives, if the run is a fork or has forks."""
    related = forks.family(run)
    top = related[0]
    if len(related) == 1 and not top.origin:
        return
    names = words.names([relative.run for relative in related])
    place = next(place for place, relative in enumerate(related) if relative.run == run)
    first = max(0, min(place - _MOST_SHOWN // 2, len(related) - _MOST_SHOWN))
    with st.expander("Family of forks", icon=":material/account_tree:", expanded=True):
        if top.origin:
            st.caption(f"The parent of the first run has been deleted: {top.origin.run}.")
        for relative in related[first : first + _MOST_SHOWN]:
            with st.container(horizontal=True, wrap=False, gap="xsmall"):
                if relative.depth:
                    st.space(_INDENT * min(relative.depth, _DEEPEST))
                with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
                    _name(relative, words.escape(names[relative.run.id]), is_here=relative.run == run)
        if len(related) > _MOST_SHOWN:
            st.caption(f"{words.count(len(related) - _MOST_SHOWN, 'further run')} not shown.")


def _name(relative: forks.Relative, name: str, *, is_here: bool) -> None:
    """Draw one run of a tree: a link unless it is the current run, and the changes it was forked with."""
    if is_here:
        st.markdown(f"**{name}**", width="content")
        st.badge("this run", color="blue")
    else:  # a page link to the Watch page would be styled as the current page
        st.button(
            name,
            type="tertiary",
            icon=":material/arrow_forward:",
            key=f"family/{relative.run.id}",
            on_click=_go_to,
            args=(relative.run.id,),
        )
    if relative.origin:
        st.caption(words.escape(forks.describe(relative.origin)), width="content")


def _go_to(run_id: str) -> None:
    st.query_params["run"] = run_id
