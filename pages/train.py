"""Train page: choose a preset, change settings, see the expected time, and launch a run."""

import shlex

import streamlit as st

from gan import config as configs
from gan.catalogue import data_sets
from gan.config import RunConfig, advice, presets
from gan.errors import InputError
from gan.execution import queue, speeds
from pages.parts import actions, engine_choice, frame, launches, owning, words
from pages.parts.data_sets import strip
from pages.parts.launches import Asked
from pages.parts.planning import carried, form, launching, layers, own, sweep

root = frame.begin("Train")

MINUTES = "minutes"  # unit of the length on this page alone; a configuration has the steps that take so long
st.title("Train")
carried.take()

wanted = st.query_params.get("preset")
if wanted and wanted != st.session_state.get("train/preset"):
    with frame.spoken_errors():
        st.session_state["train/preset"] = presets.find(wanted).name


if (asked := st.query_params.get("data")) and asked != st.session_state.get("train/data"):
    with frame.spoken_errors():
        entry = data_sets.find(asked)
        st.session_state["train/data"] = asked
        chosen = st.session_state.get("train/preset", presets.DEFAULT)
        usual = data_sets.all_sets().get(presets.find(chosen).config.data.name)
        if (usual is not None and usual.kind == "points") != (entry.kind == "points"):
            chosen = "ring-mlp" if entry.kind == "points" else presets.DEFAULT
        st.session_state["train/preset"] = chosen
        st.session_state[f"train/{chosen}/data.name"] = asked


def follow() -> None:
    """Write the preset to the URL."""
    st.query_params["preset"] = st.session_state["train/preset"]


name = st.selectbox(
    "Preset",
    list(presets.PRESETS),
    key="train/preset",
    on_change=follow,
    persist_state="session",
    format_func=lambda name: presets.PRESETS[name].title,
    help="A starting point; every setting below can be changed.",
)
preset = presets.find(name)
prefix = f"train/{preset.name}"
own.follow(preset)
own_set = own.chosen(preset)
if not own_set:
    st.caption(preset.description)
suited = st.empty()
pictures = st.container()

st.html(launching.style())
settings, summary = st.columns([5, 3], gap="large")
with settings:
    changes = form.ask(preset.config, prefix, units=(*form.UNITS, MINUTES))


def show_layers(config: RunConfig) -> None:
    """Show the layers of both networks; have them listed first if they are not known."""
    known = speeds.find_layers(root, config)
    if known:
        st.markdown(layers.describe_memory(known))
        with st.grid(2, min_column_width=360, gap="medium"):
            for player in ("generator", "discriminator"):
                with st.container():
                    st.markdown(f"**{player.capitalize()}**: {layers.describe(known[player])}")
                    st.table(layers.table(known[player]), border="horizontal", hide_index=True, alt=f"Layers of the {player}")
        st.caption(
            "Output: channels × height × width, or the number of values. Multiply-adds count one forward pass; "
            "a training step takes several times as many."
        )
        return
    asked = st.session_state.setdefault("train/described", {})
    this = speeds.layers_path(root, config).name
    asked[this] = asked.get(this, -1) + 1
    if not asked[this]:
        speeds.start_describing(root, config)
    if asked[this] > launching.PATIENCE:
        st.caption("The layers could not be listed. Training can still be started.")
    else:
        st.markdown(":material/schema: Building both networks to list their layers, a few seconds …")


def ask_for() -> tuple[RunConfig, RunConfig | None]:
    """Return the configuration that the form asks for, as far as its speed is concerned, and as a whole.

    The latter is None if the length is in minutes and the speed not known yet. Raises InputError for the first mistake.
    """
    count, _, unit = str(changes["training.length"]).partition(" ")
    in_minutes = unit == MINUTES
    asked = {key: value for key, value in changes.items() if not in_minutes or key != "training.length"}
    found = configs.require_length(configs.require_data(configs.replace(preset.config, asked)))
    return found, speeds.lasting(found, int(count), speeds.find(root, found)) if in_minutes else found


draft: RunConfig | None = None
config: RunConfig | None = None
refusal, is_refused, engine = "", False, ""
try:
    draft, config = ask_for()
except InputError as error:
    refusal = words.message(error)

if draft:
    with pictures:
        strip.show(draft.data)

if config:
    known = speeds.find(root, config)
    own.refine(preset, config, known.images_per_second if known else None)
    if sentence := own.tell(preset, config):
        suited.caption(f":material/photo_library: {words.escape(sentence)}")

with summary:
    with st.container(border=True):
        st.subheader("Launch")
        usual_name = own_set.title if own_set else preset.title
        st.session_state.setdefault("train/name", st.session_state.get("train/last-name", ""))  # other pages forget the widget
        label = st.text_input(
            "Name",
            key="train/name",
            max_chars=120,
            placeholder=usual_name,
            help="Display name of the run. Defaults to the one shown.",
        )
        st.session_state["train/last-name"] = label
        name = label or (own_set.title if own_set else "")
        if draft:
            for sentence in advice.warnings(config) if config else ():
                st.warning(words.escape(sentence), icon=":material/warning:")
            about = "≈ " if config is not draft else ""
            steps = (
                f"{about}{words.count(config.total_steps, 'step')}" if config else "Length not known until the speed is measured"
            )
            st.markdown(
                f"{steps} · {words.count(draft.steps_per_epoch, 'step')} per epoch · batch size {draft.optimizer.batch_size}"
            )

            @frame.fragment(1.0 if not speeds.find(root, draft) else None)
            def estimate(asked: RunConfig) -> None:
                had = speeds.find(root, asked)
                with frame.spoken_errors():
                    launching.show_estimate(root, asked, is_needed=config is None)
                if had and st.session_state.get("train/patience", 0):
                    st.session_state["train/patience"] = 0
                    st.rerun()

            estimate(config or draft)
            engine = engine_choice.choose("train/engine")
            if not engine:
                launching.follow_queue(root, config or draft)
            is_refused = launches.tell(root, Asked([config or draft]))

    def launch() -> None:
        """Launch the run and show it."""
        assert config is not None
        run = queue.launch(root, config, name, engine)
        st.session_state["train/last-name"] = ""
        frame.go("pages/watch.py", run=run.id)

    with st.container(key="train/bar", gap="xsmall"):
        if refusal:
            st.error(refusal, icon=":material/error:")
        else:
            with st.container(key="train/brief"):
                st.caption(launching.brief(root, config))
        actions.button(
            "Start training",
            launch,
            icon=":material/play_arrow:",
            type="primary",
            width="stretch",
            disabled=config is None or is_refused,
            key="launch",
            is_once=True,
        )
    if config:
        if st.button("Vary these settings in a sweep", icon=":material/account_tree:", type="tertiary", key="train/vary"):
            sweep.carry(config, name)
            frame.go("pages/sweeps.py")
        with st.expander("The same on the command line", icon=":material/terminal:"):
            arguments = ["--preset", preset.name, *configs.assignments(preset.config, config)]
            arguments += ["--name", name] if name else []
            arguments += owning.root_option(root)
            st.code("python -m gan train " + shlex.join(arguments), language="bash", wrap_lines=True)

if draft:
    with settings:
        table = st.expander("Layers of both networks", icon=":material/schema:", key="train/layers", on_change="rerun")
    if table.open:

        @frame.fragment(None if speeds.find_layers(root, draft) else 1.0)
        def describe(asked: RunConfig) -> None:
            with frame.spoken_errors():
                show_layers(asked)
            if speeds.find_layers(root, asked) and st.session_state.get("train/described"):
                st.session_state["train/described"].clear()
                st.rerun()

        with table:
            describe(draft)
