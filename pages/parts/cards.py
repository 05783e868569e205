"""Cards and badges that show runs and sweeps."""

from __future__ import annotations

import html
import math
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import streamlit as st

from gan import runs
from gan.catalogue import data_sets
from gan.errors import InputError
from gan.execution import ahead, holds
from gan.judging import lines
from gan.palette import INDIGO
from gan.runs import Run, Status
from gan.runs.listing import Listed, Listing
from gan.sweeps import launched
from gan.sweeps.progress import ENDED
from pages.parts import owning, pictures, quick_scores, words

MOST = 40  # cards in a list; 1,000 would take the server seconds at every refresh
_FEWEST = 2  # values of a curve
_SHOWN = 4  # runs in the picture of a sweep; one if there are fewer


class Card(NamedTuple):
    """Content of a card: one run, or the runs of one sweep, newest first.

    ``name`` is that of the sweep, empty for a single run; ``is_going`` says whether any of the runs may be under way.
    """

    members: tuple[Listed, ...]
    name: str
    is_going: bool

    @property
    def is_active(self) -> bool:
        """Whether any of the runs is under way."""
        return self.is_going and any(not listed.is_over and listed.status().state in runs.UNDER_WAY for listed in self.members)


def fold(every: Listing) -> list[Card]:
    """Return the cards of runs, in their order; runs of a sweep share the place of the first of them."""
    made: list[Card] = []
    for members, is_going in every.groups:
        name = _name_of_sweep(members[0]) if len(members) > 1 else ""
        if name or len(members) == 1:
            made.append(Card(members, name, is_going))
        else:
            made += [Card((one,), "", not one.is_over) for one in members]
    return made


def _name_of_sweep(listed: Listed) -> str:
    """Return the name of the sweep of a run; empty if it has been removed or is damaged."""
    try:
        return launched.find(listed.run.root, listed.facts.sweep).record().name or "Sweep"
    except InputError:
        return ""


#: Names of runs differ at their ends, so they wrap instead of being cut there. Pictures on cards are squares.
WRAPPING = """<style>
[class*="st-key-home-"] [data-testid="stImage"] img {aspect-ratio: 1; object-fit: cover; object-position: left top}
:is([class*="st-key-home-"], .st-key-compare-samples) [data-testid="stPageLink"] :is(a, span, p)
  {white-space: normal; overflow: visible; overflow-wrap: anywhere}
:is([class*="st-key-home-"], .st-key-compare-samples) [data-testid="stPageLink"] a {padding-left: 0}
</style>"""

#: In the place of a picture.
_NO_SAMPLES = (
    '<div style="aspect-ratio:1;border:1px dashed #8888;border-radius:.6rem;display:grid;place-items:center;opacity:.75;'
    'font-size:.875rem">No samples yet</div>'
)


def badge(status: Status, about: str | None = None) -> None:
    """Draw the state of a run as a badge; ``about`` is shown on touch."""
    label, icon, color = words.STATES[status.state]
    st.badge(label, icon=icon, color=color, help=about)  # type: ignore[arg-type]


def wall(chosen: Sequence[Card], names: Mapping[str, str], key: str) -> None:
    """Draw cards as a wall; ``names`` are the display names of runs by id."""
    waits: dict[str, str] | None = None
    st.html(WRAPPING)
    with st.grid(4, min_column_width=230, gap="small", key=key):
        for card in chosen:
            if waits is None and card.is_going and any(listed.status().state == "queued" for listed in card.members):
                waits = ahead.reasons(card.members[0].run.root)
            with st.container(border=True, height="stretch"):
                if card.name:
                    _show_sweep(card, names, waits or {})
                else:
                    _show_run(card.members[0], names, waits or {})


def _show_run(listed: Listed, names: Mapping[str, str], waits: Mapping[str, str]) -> None:
    """Draw one run: newest samples, name as a link, state, data set and date, FID with its curve, progress."""
    run, status, name = listed.run, listed.status(), names[listed.id]
    if samples := run.samples():
        step, picture = list(samples.items())[-1]
        pictures.show(picture, f"Newest samples of {name}, step {step}")
    elif status.state != "queued":
        st.html(_NO_SAMPLES)
    st.page_link("pages/watch.py", label=f"**{words.escape(name)}**", query_params={"run": run.id})
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        badge(status)
        st.caption(_about(listed), width="content")
    if listed.facts.parent:
        parent = names.get(listed.facts.parent)
        st.caption(f"fork of {words.escape(parent)}" if parent else "fork of a deleted run")
    if told := fid(run):
        st.html(told)
    share, parts = words.progress(status)
    sentence = " · ".join(parts)
    if status.state == "queued":
        st.caption(words.waiting(waits.get(run.id, "")))
    elif status.state in ("starting", "running"):
        st.progress(share, text=sentence)
    elif status.state != "finished":
        st.caption(sentence)
    if status.state in ("failed", "diverged") and status.message:
        st.markdown(f":small[:red[{words.message(status.message)}]]")
    if not listed.facts.data:
        try:
            run.config()
        except InputError as error:
            st.markdown(f":small[:red[{words.message(error)}]]")


def _show_sweep(card: Card, names: Mapping[str, str], waits: Mapping[str, str]) -> None:
    """Draw a sweep: newest samples of some runs, name as a link, states, data set and date, lowest FID, progress."""
    statuses = {listed.id: listed.status() for listed in card.members}
    drawn = [(listed.run, samples) for listed in card.members[::-1] if (samples := listed.run.samples())][:_SHOWN]
    with st.grid(2 if len(drawn) == _SHOWN else 1, min_column_width=60, gap="xsmall"):
        for run, samples in drawn if len(drawn) == _SHOWN else drawn[:1]:  # a square
            pictures.show(list(samples.values())[-1], f"Newest samples of {names[run.id]}")
    if not drawn:
        st.html(_NO_SAMPLES)
    st.page_link("pages/sweeps.py", label=f"**{words.escape(card.name)}**", query_params={"sweep": card.members[0].facts.sweep})
    ended = sum(status.state in ENDED for status in statuses.values())
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.badge(f"sweep of {len(card.members)}", icon=":material/account_tree:", color="violet")
        st.caption(_about(card.members[0]), width="content")
    if told := next(filter(None, (fid(run) for run, _ in drawn)), ""):
        st.html(told)
    if any(status.state in runs.UNDER_WAY for status in statuses.values()):
        shares = [words.share_done(status) for status in statuses.values()]
        held = {waits.get(run_id, "") for run_id in statuses} & {holds.PAUSED, holds.NO_ROOM}
        told = "".join(f" · {reason}" for reason in held)
        st.progress(sum(shares) / len(shares), text=f"{ended} of {words.count(len(card.members), 'run')} ended{told}")
    elif ended < len(card.members):
        st.caption(f"{ended} of {words.count(len(card.members), 'run')} ended")


def _about(listed: Listed) -> str:
    """Return the owner, the data set and the date of a run."""
    entry = data_sets.all_sets().get(listed.facts.data)
    title = entry.title if entry else listed.facts.data
    return " · ".join(filter(None, (owning.by(listed.facts.owner), words.escape(title), date(listed.age_key[0]))))


def date(moment: float) -> str:
    """Return a moment (seconds since 1970) as people say it: the time of today, else the day, with its year if not this one."""
    if not moment:
        return ""
    then, now = time.localtime(moment), time.localtime()
    if then[:3] == now[:3]:
        return time.strftime("%H:%M", then)
    month = time.strftime("%b", then)
    return f"{then.tm_mday} {month}" if then.tm_year == now.tm_year else f"{then.tm_mday} {month} {then.tm_year}"


def fid(run: Run) -> str:
    """Return the newest FID of a run beside that of real images, with its curve during training; empty before the first."""
    line = next((line for line in reversed(run.scores()) if lines.number(line, "fid") is not None), None)
    if line is None:
        return ""
    newest, floor = lines.number(line, "fid") or 0.0, lines.number(line, "floor_fid")
    name, _, features = html.escape(lines.label(line)).partition(" · ")
    about = [f"real images: {words.number(floor)}"] if floor is not None else []
    about += [f"features: {features}"] if features else []
    below = f'<div style="font-size:.75rem;opacity:.7">{" · ".join(about)}</div>' if about else ""
    drawn = curve([value for _, value in quick_scores.fids(run)[1]], floor)
    return (
        f'<div style="display:flex;align-items:end;gap:.75rem;font-size:.875rem">'
        f'<span style="white-space:nowrap">{name} <b>{words.number(newest)}</b></span>{drawn}</div>{below}'
    )


def curve(values: Sequence[float], floor: float | None) -> str:
    """Return a small curve of FIDs on a log scale, as HTML; its bottom is ``floor``. Empty for fewer than two values."""
    known = [value for value in values if math.isfinite(value) and value > 0]
    if len(known) < _FEWEST:
        return ""
    bottom = math.log(min([*known, *([floor] if floor else [])]))
    height = math.log(max(known)) - bottom or 1.0
    tops = [(100 * place / (len(known) - 1), 100 - 92 * (math.log(value) - bottom) / height) for place, value in enumerate(known)]
    edge = ",".join(f"{across:.1f}% {down:.1f}%" for across, down in tops)
    about = f"FID during training: from {words.number(known[0])} to {words.number(known[-1])}, log scale"
    return (
        f'<span role="img" aria-label="{about}" title="{about}" style="flex:1;min-width:3rem;height:1.75rem;opacity:.75;'
        f'background:{INDIGO};clip-path:polygon(0% 100%,{edge},100% 100%)"></span>'
    )
