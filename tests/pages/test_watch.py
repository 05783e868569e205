"""The Watch page: the floor of the FID, forks before their own first line, what comes next, and the presentation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from gan import runs
from gan.execution import queue, requests
from gan.runs import Origin, Run
from gan.storage.files import write_json
from pages.parts import charts
from tests.helpers import make_run

Visit = Callable[..., AppTest]


def specs(test: AppTest) -> dict[str, dict[str, Any]]:
    """Return the specification of each chart of curves by the title of its vertical axis."""
    found = [json.loads(chart.proto.spec) for chart in test.get("vega_lite_chart")]
    return {spec["layer"][0]["layer"][0]["encoding"]["y"]["title"]: spec for spec in found}


def tables(test: AppTest) -> list[pa.Table]:
    """Return the data of all charts of curves."""
    return [pa.ipc.open_stream(chart.proto.datasets[0].data.data).read_all() for chart in test.get("vega_lite_chart")]


def append(path: Path, line: dict[str, Any]) -> None:
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


def score(run: Run, step: int, fid: float) -> None:
    append(run.scores_path, {"source": "training", "step": step, "fid": fid, "floor_fid": 2.5, "extractor": "digits CNN"})


def test_fid_has_the_floor_as_a_line_and_a_log_axis_once_it_spans_a_decade(shown: Run, visit: Visit) -> None:
    shown.scores_path.unlink()
    score(shown, 4, 20.0)
    score(shown, 8, 10.0)
    spec = specs(visit("watch", run=shown.id))["FID · digits CNN (during training)"]
    assert [layer["encoding"]["y"]["datum"] for layer in spec["layer"][-2:]] == [2.5, 2.5]
    assert spec["layer"][-1]["mark"]["text"] == "real images"
    assert spec["layer"][0]["layer"][0]["encoding"]["y"]["scale"]["type"] == "linear"
    score(shown, 12, 100.0)
    spec = specs(visit("watch", run=shown.id))["FID · digits CNN (during training)"]
    assert spec["layer"][0]["layer"][0]["encoding"]["y"]["scale"]["type"] == "log"


@pytest.mark.parametrize(
    ("values", "spans"), [([1, 10], True), ([1, 9.9], False), ([], False), ([0, 10], False), ([None, float("nan"), 1, 50], True)]
)
def test_a_decade_is_a_factor_of_ten(values: list[float | None], spans: bool) -> None:
    assert charts.is_wide(values) == spans


def test_a_fork_shows_its_parent_until_it_has_something_of_its_own(shown: Run, visit: Visit) -> None:
    fork = make_run(shown.root, name="fork")
    write_json(fork.path / "parent.json", Origin(run=shown.id, step=8).model_dump(mode="json"))
    fork.write_status(fork.status().model_copy(update={"state": "stopped", "step": 8}))
    test = visit("watch", run=fork.id)
    assert not test.exception
    told = " ".join(one.value for one in test.caption)
    assert "Samples of the run it was forked from" in told and "step 8" in told
    losses = tables(test)[0].to_pydict()
    assert max(losses["step"]) == 8 and set(losses["generator"]) == {None}, "the parent's curve is only the faint one"
    assert None not in losses["generator raw"]
    append(fork.metrics_path, {"step": 9, "generator_loss": 1.5, "discriminator_loss": 0.5, "d_real": 0.5, "d_fake": 0.5})
    losses = tables(visit("watch", run=fork.id))[0].to_pydict()
    assert losses["step"][-1] == 9 and losses["generator"][-1] == 1.5 and losses["generator"][-2] is None
    runs.delete(shown)
    assert not visit("watch", run=fork.id).exception


def opened(run: Run, visit: Visit) -> AppTest:
    test = visit("watch", run=run.id)
    test.session_state[f"next/{run.id}"] = True
    return test.run()


def test_what_next_offers_a_score(shown: Run, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Run] = []
    monkeypatch.setattr(requests, "score", lambda chosen, *how: asked.extend(chosen))
    test = opened(shown, visit)
    test.button(key="next/score").click().run()
    assert not test.exception and asked == [shown]
    assert [one.value for one in test.title] == ["Evaluate"]


def test_what_next_compares_with_wider_networks(shown: Run, visit: Visit) -> None:
    test = opened(shown, visit)
    test.button(key="next/wider").click().run()
    assert not test.exception
    other = next(run for run in runs.list_runs(shown.root) if run != shown)
    queue.stop(other)
    assert other.config().networks.width == 2 * shown.config().networks.width  # type: ignore[union-attr]
    assert other.config().training.seed == shown.config().training.seed
    assert other.label().endswith("width 8")
    assert [one.value for one in test.title] == ["Compare"] and test.query_params["runs"] == f"{shown.id},{other.id}"


def test_what_next_offers_the_remedy_of_a_verdict(shown: Run, visit: Visit) -> None:
    for step in range(13, 300):
        line = {"step": step, "generator_loss": 9.0, "discriminator_loss": 0.001, "d_real": 0.999, "d_fake": 0.001}
        append(shown.metrics_path, line)
    test = opened(shown, visit)
    assert not test.exception
    assert any(button.label == "Fork with this remedy" for button in test.button), [button.label for button in test.button]


def test_what_next_opens_a_fork(shown: Run, visit: Visit) -> None:
    test = opened(shown, visit)
    assert "start-fork" not in [button.key for button in test.button]
    test.button(key="next/fork").click().run()
    assert not test.exception and "start-fork" in [button.key for button in test.button]
    assert not test.session_state[f"next/{shown.id}"]


def test_presentation_shows_the_duel_and_the_curves_and_nothing_else(shown: Run, visit: Visit) -> None:
    test = visit("watch", run=shown.id, present="true")
    assert not test.exception
    assert len(test.get("vega_lite_chart")) == 2 and not test.expander
    assert [button.label for button in test.button] == ["Back", "Play", "Forward"]


def test_the_slider_follows_though_the_browser_is_late(shown: Run, visit: Visit) -> None:
    key, last = f"snapshot/{shown.id}", max(shown.samples())
    held = {path: path.read_bytes() for path in (shown.path / "samples").iterdir() if int(path.stem) == last}
    for path in held:
        path.unlink()
    test = visit("watch", run=shown.id)
    before = test.session_state[key]
    for path, content in held.items():
        path.write_bytes(content)
    test.run()
    assert test.session_state[key] == last > before
    test.select_slider(key=key).set_value(before).run()  # as a browser sends it that has not heard of the newest one
    assert test.session_state[key] == last and not test.exception


def test_snapshots_are_stepped_and_played(shown: Run, visit: Visit) -> None:
    steps = list(shown.samples())
    test = visit("watch", run=shown.id, present="true")

    def place() -> int:
        return steps.index(test.session_state[f"snapshot/{shown.id}"])

    assert place() == len(steps) - 1
    test.button(key="snapshots/forward").click().run()
    assert place() == len(steps) - 1
    test.button(key="snapshots/back").click().run()
    assert place() == len(steps) - 2
    test.button(key="snapshots/forward").click().run()
    test.button(key="snapshots/play").click().run()  # at the end, it begins anew
    assert not test.exception
    while place() < len(steps) - 1:
        before = place()
        assert "Pause" in [button.label for button in test.button]
        test.run()
        assert place() == before + 1
    assert "Play" in [button.label for button in test.button]


def test_what_is_wrong_with_a_damaged_run_stands_above_its_pictures(shown: Run, visit: Visit) -> None:
    (shown.path / "config.json").write_text("{")
    test = visit("watch", run=shown.id)
    kinds = [element.type for element in test.main]  # in the order of the page
    (error,) = test.error
    assert "config.json cannot be read" in error.value.replace("\\", "")
    assert kinds.index("error") < kinds.index("vega_lite_chart"), kinds


def test_a_run_that_diverged_says_so_once_and_draws_no_empty_curves(shown: Run, visit: Visit) -> None:
    shown.metrics_path.write_text('{"step": 4, "generator_loss": null, "discriminator_loss": null}\n')
    message = "A loss became NaN or infinite; no checkpoint had been saved."
    shown.write_status(shown.status().model_copy(update={"state": "diverged", "message": message}))
    test = visit("watch", run=shown.id)
    assert not test.exception and [message] == [error.value.replace("\\", "") for error in test.error]
    assert not any("had to stop" in one.value for one in test.markdown)
    assert "All logged losses are NaN or infinite, so there are no curves." in [one.value for one in test.caption]
    titles = [json.loads(chart.proto.spec)["title"] for chart in test.get("vega_lite_chart")]
    assert not titles and "smoothing" not in [slider.key for slider in test.slider]
    test = visit("watch", run=shown.id, present="true")  # without the message
    assert any("had to stop" in one.value for one in test.markdown)


def test_few_snapshots_are_called_all(shown: Run, visit: Visit) -> None:
    def titles() -> list[str]:
        return [one.value for one in visit("watch", run=shown.id).subheader]

    first = next(iter(shown.samples().values()))
    assert len(shown.samples()) <= 10 and "All snapshots" in titles()
    for step in range(100, 111):
        first.with_name(f"{step:08}.png").write_bytes(first.read_bytes())
    assert "First five and last five snapshots" in titles()
