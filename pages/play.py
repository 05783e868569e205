"""Play page: both players of a GAN stepped by hand, live."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlencode

import streamlit as st

from gan import config as configs
from gan.errors import InputError
from gan.play.setup import KNOBS
from pages.parts import actions, frame
from pages.parts.planning import carried
from pages.parts.playing import address, choices, component, points
from pages.parts.playing.choices import Game

root = frame.begin("Play")

_GAME = "play/game"  # the game that was shown last
_WRITTEN = "play/written"  # the address that the page wrote itself


def follow_address() -> None:
    """Restore the set-up of a link. Raises InputError if it makes no sense; the page then shows what it would show without."""
    query = st.query_params.to_dict()
    if query == st.session_state.get(_WRITTEN) or not address.is_ours(query):
        return
    game = Game(*address.read(query, root))
    choices.restore(game)
    st.session_state[_GAME] = game


def write_address(game: Game, *, is_bare: bool) -> None:
    """Let the address name the game."""
    query = address.write(game.setup) | ({"controls": "off"} if is_bare else {})
    if query != st.query_params.to_dict():
        st.query_params.from_dict(query)
    st.session_state[_WRITTEN] = query


def offer_link(game: Game) -> None:
    """Show the address of the game."""
    with st.popover("Link", icon=":material/link:"):
        if game.is_own:
            st.caption("Own points do not fit into an address; choose a data set to share a link.")
            return
        is_bare = st.toggle("Without the settings, for a lesson", key="play/bare")
        query = address.write(game.setup) | ({"controls": "off"} if is_bare else {})
        here = (st.context.url or "").partition("?")[0]
        st.code(f"{here}?{urlencode(query)}", language=None, wrap_lines=True)


def make_run(game: Game) -> None:
    """Hand the settings of the first board to the Train page."""
    carried.carry(game.configs[0])
    frame.go("pages/train.py", preset=carried.preset_for(game.configs[0]))


def reseed() -> None:
    """Take the seed that the visitor has asked for on the board."""
    seed = component.answer("seed")
    if isinstance(seed, int) and 0 <= seed < 2**31:
        st.session_state["play/seed"] = seed


def take_points() -> None:
    """Play with the points that the visitor has drawn."""
    if raw := component.answer("points"):
        try:
            points.take(points.checked(raw), "The points that you drew.")
        except InputError as error:
            st.session_state["play/refusal"] = frame.in_words(error)


def ask() -> Game | None:
    """Draw the settings; return the game that they describe, or the last one if they make none."""
    with frame.spoken_errors():
        return choices.ask(root)
    return st.session_state.get(_GAME)


is_bare = st.query_params.get("controls") == "off"
with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", gap="small"):
    st.title("Play", width="content")
    buttons = st.container(horizontal=True, gap="small", width="content")
with frame.spoken_errors():
    follow_address()
if refusal := st.session_state.pop("play/refusal", None):
    frame.complain(refusal)

game: Game | None = None
if is_bare and _GAME in st.session_state:
    hero, game = st.container(), st.session_state[_GAME].seeded(st.session_state.get("play/seed", 0))
else:
    hero, side = st.columns([13, 4], gap="medium")
    with side:
        game = ask()

if game:
    st.session_state[_GAME] = game
    flat = configs.flatten(game.configs[0])
    with hero:
        component.show(
            game.setup.model_dump(mode="json"),
            {key: flat[key] for key in KNOBS},
            game.configs[0].training.seed,
            game.noun,
            reseed,
            take_points,
        )
    with buttons:
        if is_bare:
            if st.button("Settings", icon=":material/tune:", key="play/settings"):
                choices.restore(game)
                frame.go("pages/play.py", **address.write(game.setup))
        else:
            actions.button(
                "Make it a run",
                partial(make_run, game),
                key="play/run",
                icon=":material/model_training:",
                disabled=game.is_own,
                help="Own points are not a data set yet; import them on the Data page first, and train on that."
                if game.is_own
                else "Take these settings and the seed to the Train page.",
            )
            offer_link(game)
    write_address(game, is_bare=is_bare)
