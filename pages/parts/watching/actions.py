"""The actions on the Watch page: stop, resume, train longer, what next, rename, delete, undo, present."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path

import streamlit as st

from gan import config as configs
from gan import runs
from gan.config import schedules
from gan.errors import InputError
from gan.execution import queue
from gan.judging import doctor
from gan.runs import Run, Status, checkpoints, dispatch, shortened
from gan.storage.models import stamp
from gan.storage.newest import newest
from pages.parts import actions, frame, launches, owning, remedy, scorings, words
from pages.parts.launches import Asked
from pages.parts.watching import branches, knobs

_SCORED = "FID, IS, precision, recall and others of the last checkpoint: 3 draws of 2,000 images."
_DELETED = "watch/deleted"  # id of the run that this session has deleted last


def act(run: Run, status: Status) -> None:
    """Draw the buttons for the actions available in this state; refusals of those without a popover appear below the row."""
    row, below = (
        st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="xsmall"),
        actions.place("watch/row"),
    )
    may_resume = status.state not in runs.UNDER_WAY and not owning.why_not("resume", run)
    asked = _resumed(run, status) if launches.has_limits() and may_resume else None
    is_refused = asked is not None and launches.tell(run.root, asked, "right")
    with row:
        if status.state in runs.UNDER_WAY:
            is_stopping = status.state != "queued" and run.control().stop
            label = "Stopping …" if is_stopping else "Stop"
            about = "Saves a checkpoint and stops. The run can be resumed."
            stop = functools.partial(queue.stop, run)
            if actions.button(
                label,
                stop,
                icon=":material/stop:",
                key="stop",
                disabled=is_stopping,
                help=about,
                place=below,
                why_not=owning.why_not("stop", run),
            ):
                st.rerun()
        else:
            is_unfinished = status.step < status.total_steps or status.state in ("interrupted", "failed")
            if is_unfinished and actions.button(
                "Resume",
                lambda: queue.resume(run),
                icon=":material/play_arrow:",
                type="primary",
                key="resume",
                help="Continues from the last checkpoint; without one, from the start.",
                disabled=is_refused,
                place=below,
                why_not=owning.why_not("resume", run),
            ):
                st.rerun()
            if (
                is_unfinished
                and status.engine
                and actions.button(
                    "Resume on this machine",
                    lambda: queue.resume(run, engine=dispatch.LOCAL),
                    icon=":material/computer:",
                    key="resume/here",
                    help="Continues in the queue of this machine, from the last checkpoint or else from the start, and stays here.",
                    place=below,
                    why_not=owning.why_not("resume", run),
                )
            ):
                st.rerun()
            offer_more(run, status)
        if status.state in ("starting", "running"):
            actions.button(
                "Change settings",
                lambda: knobs.open_(run),
                icon=":material/tune:",
                key="knobs",
                help="Learning rates, penalties, noise, label smoothing and more, while it trains.",
                why_not=owning.why_not("change", run),
            )
        if status.state == "queued" and actions.button(
            "Move to front",
            lambda: queue.move_first(run.root, [run]),
            icon=":material/vertical_align_top:",
            key="first",
            help="Queues it before all other waiting runs.",
            place=below,
            why_not=owning.why_not("order the queue"),
        ):
            st.rerun()
        offer_next(run)
        offer_renaming(run)
        if status.state not in runs.UNDER_WAY:
            offer_deletion(run)
        offer_presentation()
    if status.state not in runs.UNDER_WAY and (change := checkpoints.changed_data(run)):
        st.warning(words.escape(change), icon=":material/warning:")


def _resumed(run: Run, status: Status) -> Asked | None:
    """Return what resuming a run would launch; None if it has no steps left or is damaged."""
    with contextlib.suppress(InputError):
        return Asked([run.config()], run=run, total=queue.total_after(run, status, None))
    return None


def offer_more(run: Run, status: Status) -> None:
    """Draw the popover that makes a run longer, with what that does to decayed learning rates."""
    with actions.popover("Train longer", f"longer/{run.id}", icon=":material/more_time:", why_not=owning.why_not("resume", run)):
        more = st.number_input("More epochs", value=50, step=1, key="more")
        asked, why_not = None, ""
        try:
            longer = queue.steps_with(run, more)
            asked = Asked([run.config()], run=run, total=longer)
            if change := schedules.after_prolonging(run.config(), status.step, status.total_steps, longer):
                st.caption(words.escape(change))
        except InputError as error:
            why_not = words.message(error)
        extend = functools.partial(queue.extend, run, more)
        if launches.button("Continue", extend, run.root, asked, why_not=why_not, type="primary", key="longer"):
            st.rerun()


def offer_next(run: Run) -> None:
    """Draw the popover of what one would do next with a run: score it, compare it with wider networks, try a remedy, fork it."""
    part = actions.popover("What next?", f"next/{run.id}", icon=":material/arrow_forward:")
    if not part.open:
        return
    with part:
        if run.has_checkpoint:
            actions.button(
                "Score it",
                lambda: _score(run),
                icon=":material/grading:",
                key="next/score",
                help=_SCORED,
                width="stretch",
                why_not=owning.why_not("score", run),
            )
        if wider := _wider(run):
            key, width = next(iter(wider.items()))
            launches.button(
                f"Compare with {configs.title(key).lower()} {width}",
                lambda: _compare(run, wider),
                run.root,
                Asked([configs.replace(run.config(), wider)]),
                icon=":material/compare:",
                key="next/wider",
                is_once=True,
                help="Trains the same settings with networks twice as wide, and shows both runs side by side.",
                width="stretch",
            )
        for verdict in _verdicts(run, stamp(run.scores_path), stamp(run.metrics_path)):
            st.markdown(f"**{words.escape(verdict.title)}.** {words.escape(verdict.remedy)}")
            remedy.offer(run, verdict)
        if st.button("Fork with other settings", icon=":material/call_split:", key="next/fork", width="stretch"):
            branches.open_(run)
            actions.close(f"next/{run.id}")
            st.rerun()


def _score(run: Run) -> None:
    scorings.start([run])
    frame.go("pages/evaluate.py", runs=run.id)


def _wider(run: Run) -> dict[str, int]:
    """Return the setting that makes the networks of a run twice as wide; empty if they cannot be."""
    with contextlib.suppress(InputError):
        config = run.config()
        flat = configs.flatten(config)
        for key in ("networks.width", "networks.hidden"):
            if key in flat:
                configs.require_data(configs.replace(config, {key: 2 * flat[key]}))
                return {key: 2 * flat[key]}
    return {}


def _compare(run: Run, changes: dict[str, int]) -> None:
    (key, value), *_ = changes.items()
    name = shortened(f"{run.label()} · {configs.title(key).lower()} {value}")
    other = queue.launch(run.root, configs.replace(run.config(), changes), name)
    frame.go("pages/compare.py", runs=f"{run.id},{other.id}")


@newest(64, subject=1)
def _verdicts(run: Run, *stamps: object) -> list[doctor.Verdict]:
    """Return the verdicts on a run that a change of settings may remedy."""
    scored = [line for line in run.scores() if line.get("source") != "training"]
    line = scored[-1] if scored else {}
    return [verdict for verdict in doctor.diagnose(run, line, doctor.logged(run), run.scores()) if verdict.changes]


def offer_presentation() -> None:
    """Draw the switch between the page and its presentation; the URL keeps it."""
    st.toggle("Present", key="present", bind="query-params", help="For a projector. Space plays the snapshots, arrows step.")


def offer_renaming(run: Run) -> None:
    """Draw the popover that renames a run; its field follows a name that was given elsewhere.

    The name is the default of a field of its own: what is put into the session for a field is lost if another request overtakes the
    page, and saving an empty field would remove the name.
    """
    key, label = f"rename/{run.id}", run.label()
    field = f"name/{run.id}/{label}"
    with actions.popover("Rename", key, icon=":material/edit:"):
        if why_not := owning.why_not("rename", run):
            name = st.text_input("Name", label, key=f"name/{run.id}/fixed", disabled=True)
            st.caption(why_not)
        else:
            name = st.text_input("Name", label, max_chars=120, key=field)
        if actions.button("Save", lambda: run.rename(name), type="primary", key="save-name", why_not=why_not):
            actions.close(key)
            st.rerun()


def offer_deletion(run: Run) -> None:
    """Draw the popover that moves a run to the trash after a confirmation."""
    with actions.popover("Delete", f"delete/{run.id}", icon=":material/delete:", why_not=owning.why_not("delete", run)):
        st.markdown(f"Move “{words.escape(run.label())}” to the trash?")
        if actions.button("Delete this run", lambda: runs.delete(run), type="primary", key=f"delete/{run.id}/sure"):
            st.session_state[_DELETED] = run.id
            st.query_params.pop("run", None)
            st.rerun()


def offer_undo(root: Path) -> None:
    """Offer to restore the run that was deleted just now."""
    if deleted := st.session_state.get(_DELETED):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info("Run moved to the trash, which is on the Home page.", icon=":material/delete:")
            why_not = owning.why_not("restore", Run(root / runs.TRASH / deleted))
            if actions.button("Undo", lambda: runs.restore(root, deleted), icon=":material/undo:", key="undo", why_not=why_not):
                forget_deleted()
                st.query_params["run"] = deleted
                st.rerun()


def forget_deleted() -> None:
    """Stop offering to restore the run that was deleted last."""
    st.session_state.pop(_DELETED, None)
