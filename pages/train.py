"""Train page: choose a preset, change settings, see the expected time, and launch a run."""

import shlex

import streamlit as st

from gan import config as configs
from gan import runs
from gan.catalogue import data_sets
from gan.config import RunConfig, advice, presets
from gan.errors import InputError
from gan.execution import forecast, queue, speeds
from gan.places import PROJECT
from gan.runs import index
from pages.parts import actions, frame, words
from pages.parts.planning import form, layers, sweep

root = frame.begin("Train")

PATIENCE = 60  # seconds to wait for the table of layers, or for a speed
st.title("Train")

wanted = st.query_params.get("preset")
if wanted and wanted != st.session_state.get("train/preset"):
    with frame.spoken_errors():
        st.session_state["train/preset"] = presets.find(wanted).name


if (asked := st.query_params.get("data")) and asked != st.session_state.get("train/data"):
    with frame.spoken_errors():
        entry = data_sets.find(asked)
        st.session_state["train/data"] = asked
        chosen = st.session_state.get("train/preset", presets.DEFAULT)
        own = data_sets.all_sets().get(presets.find(chosen).config.data.name)
        if (own is not None and own.kind == "points") != (entry.kind == "points"):
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
st.caption(preset.description)

settings, summary = st.columns([5, 3], gap="large")
with settings:
    changes: dict[str, object] = {}
    for section, (heading, icon) in form.HEADINGS.items():
        is_main = section in ("data", "networks", "objective")
        with st.expander(heading, icon=icon, expanded=is_main or section == "training"):
            changes |= form.ask(section, preset.config, changes, f"train/{preset.name}")


def show_estimate(config: RunConfig) -> None:
    """Show the expected training time on this machine; measure the speed first if it is not known."""
    known = speeds.find(root, config)
    if sentence := forecast.burden(root, config):
        st.warning(words.escape(sentence), icon=":material/warning:")
    if known:
        fewer, more = ("less than ", "more than ") if known.is_bound else ("", "")
        st.metric(
            "Expected time on this machine",
            f"{more}{words.duration(known.seconds)}",
            border=True,
            help="Measured with these networks and this batch size; excludes samples, scores and checkpoints.",
        )
        st.caption(
            f"{more}{words.duration(known.seconds_per_epoch)} per epoch · "
            f"{fewer}{words.number(known.images_per_second)} images/s · {words.count(known.threads, 'thread')} · {known.precision}"
        )
        return
    is_busy = any(listed.status().state in runs.UNDER_WAY for listed in index.read(root))
    asked = st.session_state.setdefault("train/measured", set())
    this = speeds.key(config)
    if speeds.is_measuring(root) or (this in asked and not st.session_state.get("train/patience", 0) > PATIENCE):
        st.session_state["train/patience"] = st.session_state.get("train/patience", 0) + 1
        with st.container(border=True):
            st.markdown(":material/timer: Measuring the speed of these settings, about 5 seconds; at most 30 for large networks …")
        return
    if this in asked:
        st.caption("The speed could not be measured. Training can still be started.")
        return
    if is_busy and not st.button("Measure speed", icon=":material/timer:", help="Slows active runs down for about 5 seconds."):
        st.caption("Training time not known yet.")
        return
    asked.add(this)
    st.session_state["train/patience"] = 0
    speeds.start_measuring(root, config)
    st.markdown(":material/timer: Measuring the speed of these settings, about 5 seconds; at most 30 for large networks …")


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
    if asked[this] > PATIENCE:
        st.caption("The layers could not be listed. Training can still be started.")
    else:
        st.markdown(":material/schema: Building both networks to list their layers, a few seconds …")


with summary, st.container(border=True):
    st.subheader("Launch")
    label = st.text_input(
        "Name",
        key="train/name",
        max_chars=120,
        placeholder=preset.title,
        help="Display name of the run. Defaults to the name of the preset.",
    )
    config: RunConfig | None = None
    try:
        config = configs.require_data(configs.replace(preset.config, changes))
    except InputError as error:
        st.error(words.message(error), icon=":material/error:")
    if config:
        for sentence in advice.warnings(config):
            st.warning(words.escape(sentence), icon=":material/warning:")
        per_epoch = config.steps_per_epoch
        st.markdown(
            f"{words.count(config.total_steps, 'step')} · {words.count(per_epoch, 'step')} per epoch · "
            f"batch size {config.optimizer.batch_size}"
        )

        @frame.fragment(1.0 if not speeds.find(root, config) else None)
        def estimate(asked: RunConfig) -> None:
            had = speeds.find(root, asked)
            with frame.spoken_errors():
                show_estimate(asked)
            if had and st.session_state.get("train/patience", 0):
                st.session_state["train/patience"] = 0
                st.rerun()

        estimate(config)
    with frame.spoken_errors():
        waiting = queue.waiting_runs(root)
        if waiting:
            st.caption(f"{words.count(len(waiting), 'run')} already waiting in the queue.")

    def launch() -> None:
        """Launch the run and show it."""
        assert config is not None
        frame.go("pages/watch.py", run=queue.launch(root, config, label).id)

    actions.button(
        "Start training",
        launch,
        icon=":material/play_arrow:",
        type="primary",
        width="stretch",
        disabled=config is None,
        key="launch",
    )
    if config:
        with st.expander("The same on the command line", icon=":material/terminal:"):
            arguments = ["--preset", preset.name, *configs.assignments(preset.config, config)]
            arguments += ["--name", label] if label else []
            arguments += ["--root", str(root)] if root != PROJECT / "checkpoints" else []
            st.code("python -m gan train " + shlex.join(arguments), language="bash", wrap_lines=True)

sweep.panel(root, config, f"train/{preset.name}")

if config:
    table = st.expander("Layers of both networks", icon=":material/schema:", key="train/layers", on_change="rerun")
    if table.open:

        @frame.fragment(None if speeds.find_layers(root, config) else 1.0)
        def describe(asked: RunConfig) -> None:
            with frame.spoken_errors():
                show_layers(asked)
            if speeds.find_layers(root, asked) and st.session_state.get("train/described"):
                st.session_state["train/described"].clear()
                st.rerun()

        with table:
            describe(config)
