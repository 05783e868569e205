"""The board of a class: the newest pictures of everybody's newest run, for a projector and for phones."""

from __future__ import annotations

import html
import math
from pathlib import Path

import streamlit as st

from gan.access import people
from gan.access.classroom import Classroom, mode
from gan.access.people import Person
from gan.judging.glossary import SCORES
from gan.palette import INDIGO
from pages.parts import frame, pictures, words
from pages.parts.classroom import tiles
from pages.parts.classroom.tiles import Tile

_WORST = 100.0  # times the FID of real images: the bar is empty from here on

#: The whole tile is a link; texts are cut after a few lines, so that tiles of one row have one height.
_STYLE = """<style>
.st-key-class-board {align-items: stretch}
.st-key-class-board [data-testid="stGridCellContent"] > [data-testid="stLayoutWrapper"] {flex: 1 1 auto}
[class*="st-key-class-tile-"] {position: relative; padding: .5rem; gap: .4rem}
[class*="st-key-class-tile-"]:is(:hover, :focus-within) {border-color: INDIGO}
[class*="st-key-class-tile-own"] {border-color: INDIGO; box-shadow: 0 0 0 1px INDIGO}
[class*="st-key-class-tile-"] [data-testid="stImage"] img {border-radius: .35rem}
[class*="st-key-class-tile-"] [data-testid="stPageLink"] a {position: static; padding: 0; background: none}
[class*="st-key-class-tile-"] [data-testid="stPageLink"] a::after {content: ""; position: absolute; inset: 0; z-index: 1}
[class*="st-key-class-tile-"] [data-testid="stPageLink"] :is(a, span, p) {overflow: hidden; text-overflow: ellipsis}
[class*="st-key-class-tile-"] [data-testid="stElementToolbar"] {display: none}
.class-about {font-size: .8rem; line-height: 1.35}
.class-about > div {margin-bottom: .3rem}
.class-about .name {opacity: .75; overflow: hidden; text-overflow: ellipsis; white-space: nowrap}
.class-about .bar {height: 4px; border-radius: 2px; background: #8884; overflow: hidden}
.class-about .bar i {display: block; height: 100%; border-radius: 2px; background: INDIGO}
.class-about .bar.fid i {background: #12b886}
.class-about .line {display: flex; flex-wrap: wrap; justify-content: space-between; column-gap: .5rem; overflow-wrap: anywhere}
.class-about .state {display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; margin: 0}
.class-blank {aspect-ratio: 1; display: grid; place-items: center; border-radius: .35rem; background: #8882; font-size: .8rem;
  text-align: center; padding: .5rem}
</style>""".replace("INDIGO", INDIGO)


def greet(root: Path) -> None:
    """Tell a student the name and the personal code."""
    who = people.current()
    student = Classroom(root).student(who) if mode() == "code" else None
    code = f" Your personal code is **{student.code}**: with it you can come back on another device." if student else ""
    st.markdown(f"You are **{words.escape(who.name)}**.{code}")


def show(root: Path) -> None:
    """Draw the board."""
    st.html(_STYLE)
    _live(root, people.current())


@frame.fragment(frame.SLOW_TICK)
def _live(root: Path, who: Person) -> None:
    with frame.spoken_errors():
        found = tiles.tiles(root)
        if not found:
            st.info("No runs yet. The newest pictures of everybody appear here.", icon=":material/info:")
            return
        with st.grid(_columns(len(found)), min_column_width=140, gap="small", key="class-board") as grid:
            for tile in found:
                with grid.cell():
                    _draw(tile, is_own=tile.person.id == who.id)
        st.caption(_legend(found))


def _columns(count: int) -> int:
    """Return the most columns of the board: few people get large pictures."""
    return next((columns for columns in (4, 6) if count <= 2 * columns), 8)


def _draw(tile: Tile, *, is_own: bool) -> None:
    kind = "own" if is_own else "of"
    name = tile.person.name or "unknown"
    with st.container(border=True, height="stretch", key=f"class-tile-{kind}-{tile.run.id}"):
        if tile.picture:
            pictures.show(tile.picture, f"Newest samples of {name}, step {tile.step}")
        else:
            label = words.STATES[tile.status.state][0]
            st.html(f'<div class="class-blank">{label}, no pictures yet</div>')
        you = " · you" if is_own and not tile.person.is_teacher else ""
        st.page_link("pages/watch.py", label=f"**{words.escape(name)}**{you}", query_params={"run": tile.run.id})
        st.html(_about(tile))


def _about(tile: Tile) -> str:
    """Return name, progress, FID and state of a run as HTML."""
    label = words.STATES[tile.status.state][0]
    share, _ = words.progress(tile.status)
    parts = [
        f'<div class="name" title="{html.escape(tile.name)}">{html.escape(tile.name)}</div>',
        f'<div><div class="line"><span>{label}</span><span>step {tile.status.step:,}</span></div>{_bar(share, "Progress")}</div>',
    ]
    if tile.fid is not None:
        ratio = tile.ratio
        told = f"{words.number(ratio)} × real" if ratio else ""
        bar = _bar(_closeness(ratio), "Closeness to real images", "fid") if ratio else ""
        line = (
            f'<div class="line"><span>{html.escape(tile.measure)} <b>{words.number(tile.fid)}</b></span><span>{told}</span></div>'
        )
        parts.append(f"<div>{line}{bar}</div>")
    if tile.sentence:
        told = html.escape(words.plain(tile.sentence))
        parts.append(f'<div class="state" title="{told}">{told}</div>')
    return f'<div class="class-about">{"".join(parts)}</div>'


def _closeness(ratio: float) -> float:
    """Return how close a FID is to that of real images: 1 if equal, 0 from 100 times on, on a log scale."""
    return min(1.0, max(0.0, 1 - math.log(ratio) / math.log(_WORST)))


def _bar(share: float, about: str, kind: str = "") -> str:
    percent = f"{100 * share:.0f}"
    return (
        f'<div class="bar {kind}" role="img" aria-label="{about}: {percent} %" title="{about}: {percent} %">'
        f'<i style="width:{percent}%"></i></div>'
    )


def _legend(found: list[Tile]) -> str:
    told = f"The newest run of {len(found):,} people." if len(found) > 1 else ""
    if any(tile.ratio for tile in found):
        told += (
            f" {SCORES['fid'].title}: the newest one taken during training, lower is better. “2.3 × real”: 2.3 times the FID of "
            "real images against other real images. The green bar is full at 1 × and empty at 100 × (log scale). FIDs of "
            "different data sets cannot be compared."
        )
    return told.strip()
