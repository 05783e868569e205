"""Home page: introduction, one-click first training, and all runs as cards."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path

import streamlit as st

from gan import runs
from gan.access import classroom
from gan.catalogue import data_sets
from gan.execution import queue
from gan.runs import examples, index
from gan.runs.listing import Listing
from pages.parts import actions, cards, first_run, frame, owning, pictures, trash, words

FEW = 8  # cards of waiting runs, and of ended ones, shown before “Show all”

root = frame.begin("Home")

left, right = st.columns([3, 2], gap="medium", vertical_alignment="center")
with left:
    st.title("GAN Duel")
    st.markdown(
        "A :orange[**generator**] forges images; a :blue[**discriminator**] tries to tell them from real ones. "
        "Watch them, and measure what each setting changes."
    )
    first_run.button(root)
with right:
    pictures.show(
        Path(__file__).parent / "parts" / "duel.png",
        "Samples from the same ten latent vectors at successive stages of training: noise turns into digits",
    )


def narrow(every: Listing, names: Mapping[str, str]) -> Listing:
    """Draw the filter, and return the runs that pass it."""
    titles = {name: entry.title for name, entry in data_sets.all_sets().items()}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        is_shown = owning.choose(listed.facts.owner for listed in every)
        text = st.text_input(
            "Filter by name",
            key="home/text",
            placeholder="Filter by name",
            icon=":material/search:",
            label_visibility="collapsed",
            width=165,
            persist_state="session",
        )
        chosen = st.multiselect(
            "Data sets",
            every.data_sets,
            format_func=lambda name: titles.get(name, name),
            key="home/data",
            placeholder="All data sets",
            label_visibility="collapsed",
            width=175,
            persist_state="session",
        )
        state = st.segmented_control(
            "State", ["active", "ended"], key="home/state", label_visibility="collapsed", persist_state="session"
        )
    wanted = text.casefold().split()
    if is_shown is owning.everyone and not (wanted or chosen or state):
        return every
    return Listing(
        listed
        for listed in every
        if is_shown(listed.facts.owner)
        and all(word in f"{owning.of(listed.facts.owner)} {names[listed.id]}".casefold() for word in wanted)
        and (not chosen or listed.facts.data in chosen)
        and (not state or (listed.status().state in runs.UNDER_WAY) == (state == "active"))
    )


def turn(card: cards.Card, line: Mapping[str, int]) -> int:
    """Return the sort key of an active card: running ones first, then the queue in order; ``line``: id → place."""
    states = {listed.id: listed.status().state for listed in card.members if not listed.is_over}
    waiting = [line[run_id] for run_id, state in states.items() if state == "queued" and run_id in line]
    is_waiting = not any(state in ("starting", "running") for state in states.values())
    return 1 + min(waiting) if is_waiting and waiting else 0


def fewer(found: Sequence[cards.Card], label: str, key: str) -> list[cards.Card]:
    """Return the first :data:`FEW` cards, or all if there are no more or the visitor asks for them."""
    is_long = len(found) > FEW
    with_all = is_long and st.toggle(f"Show all {len(found):,}{label}", key=key, persist_state="session")
    return list(found if with_all else found[:FEW])


def draw(shown: Sequence[cards.Card], names: Mapping[str, str], key: str) -> None:
    """Draw cards, at most :data:`cards.MOST`."""
    cards.wall(shown[: cards.MOST], names, key=key)
    if len(shown) > cards.MOST:
        st.caption(f"The first {cards.MOST} of {len(shown):,}; use the filter above to find others.")


def gallery() -> bool:
    """Draw active runs first, then ended ones; return whether any is active."""
    with frame.spoken_errors():
        every = index.read(root)
        if not every:
            st.info("No runs yet. Start one with the button above, or choose settings on the Train page.", icon=":material/info:")
            return False
        names = every.names
        shown = cards.fold(narrow(every, names) if len(every) > FEW or classroom.is_on() else every)
        active: list[cards.Card] = []
        ended: list[cards.Card] = []
        for card in shown:
            (active if card.is_active else ended).append(card)
        line = {run.id: place for place, run in enumerate(queue.waiting_runs(root))} if active else {}
        if active:
            st.header("Active")
            turns = sorted(((turn(card, line), card) for card in active), key=itemgetter(0))
            going = [card for place, card in turns if not place]
            waiting = [card for place, card in turns if place]
            draw([*going, *fewer(waiting, " that wait", "home/all-waiting")], names, "home/under-way")
        if ended:
            st.header("Ended")
            draw(fewer(ended, "", "home/all"), names, "home/ended")
        if not shown:
            st.info(f"None of {words.count(len(every), 'run')} matches the filter.", icon=":material/filter_list:")
        return any(listed.status().state in runs.UNDER_WAY for listed in every.going)
    return False


@frame.fragment(frame.SLOW_TICK)
def still() -> None:
    """Redraw the cards now and then: a run may be started, renamed or deleted elsewhere."""
    if gallery():
        redraw(is_active=True)


@frame.fragment(frame.TICK)
def live() -> None:
    """Redraw the cards while a run is active."""
    if not gallery():
        redraw(is_active=False)


def redraw(*, is_active: bool) -> None:
    """Rerun the page at the other pace."""
    st.session_state["home/is-active"] = is_active
    st.rerun()


def offer_farewell() -> None:
    """Offer to delete the runs that came with the program."""
    if there := examples.among(root):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption("A healthy and a collapsed run came with the program, to look around.", width="content")

            def remove() -> None:
                for run in there:
                    runs.delete(run)

            why_not = owning.why_not("delete", there[0])
            if actions.button("Remove the examples", remove, key="home/examples", type="tertiary", why_not=why_not):
                st.rerun()


(live if st.session_state.get("home/is-active", True) else still)()
offer_farewell()
trash.panel(root)
