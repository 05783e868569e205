"""Exported generators: their weights, their metadata, and the script from the documentation, run unchanged."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

from gan import config as configs
from gan import runs
from gan.errors import InputError
from gan.report import generators
from gan.runs import Run
from gan.training import sampling
from tests.helpers import PROJECT, assert_one_sentence, environment, is_sentence, make_run, run_gan, tiny
from tests.report.conftest import PATIENCE

MANUAL = PROJECT / "docs" / "report.md"


@pytest.mark.parametrize("half_life", [500, 0], ids=["EMA", "raw"])
def test_exported_weights_are_the_ones_used_for_samples(half_life: int, root: Path, tmp_path: Path, one_thread: None) -> None:
    from tests.helpers import train

    run = runs.create(root, tiny({"optimizer.ema_half_life": half_life}), state="starting", threads=1)
    train(run)
    out = tmp_path / "generator.safetensors"
    generators.write(run, out)
    wanted, weights = sampling.restore(run.config(), sampling.newest(run, "Testing"), torch.device("cpu"))
    with safe_open(out, framework="pt") as file:
        about = file.metadata()
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert found.keys() == wanted.state_dict().keys()
    assert all(torch.equal(found[name], value) for name, value in wanted.state_dict().items())
    assert configs.parse(json.loads(about["config"])) == run.config()
    assert (about["run"], about["step"], about["weights"]) == (run.id, "12", weights)


def sample(script: str, *folders: Path) -> None:
    """Run a sampling script from folders with a generator each, in the folder of the program, one after the other."""
    for folder in folders:
        (folder / "sample.py").write_text(script, encoding="utf-8")
    env = {name: value for name, value in environment().items() if name != "PYTHONPATH"}
    one_by_one = (
        "import runpy, sys\nfor path in sys.argv[1:]: sys.path[0] = path; runpy.run_path(path + '/sample.py', run_name='__main__')"
    )
    command = [sys.executable, "-c", one_by_one, *folders] if len(folders) > 1 else [sys.executable, folders[0] / "sample.py"]
    done = subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_script_of_the_manual_samples(root: Path, tmp_path: Path, one_thread: None) -> None:
    from tests.helpers import train

    (script,) = re.findall(r"```python\n(.+?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)
    assert script == generators.SCRIPT and len(script.splitlines()) == 11
    configurations = {
        "images": tiny(),
        "points": tiny({"data.name": "ring"}, family="mlp"),
        "classes": tiny({"networks.conditional": True}),
    }
    for kind, config in configurations.items():
        run = runs.create(root, config, state="starting", threads=1)
        train(run)
        (tmp_path / kind).mkdir()
        generators.write(run, tmp_path / kind / "generator.safetensors")
    sample(script, *(tmp_path / kind for kind in configurations))
    for kind in configurations:
        with Image.open(tmp_path / kind / "images.png") as picture:
            assert min(picture.size) >= 400 and len(picture.getcolors(2**20) or []) > 1, kind


def test_script_of_the_manual_draws_one_class_a_column(root: Path, tmp_path: Path, one_thread: None) -> None:
    """With weights that ignore the latent vector, all images of a column are alike, and columns differ."""
    from tests.helpers import train

    run = runs.create(root, tiny({"networks.conditional": True}, family="mlp"), state="starting", threads=1)
    train(run)
    generators.write(run, tmp_path / "exported.safetensors")
    with safe_open(tmp_path / "exported.safetensors", framework="pt") as file:
        about, found = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    first = next(name for name in found if name.startswith("layers.") and name.endswith("weight"))
    found[first][:, : run.config().networks.latent] = 0
    found["embedding.weight"] *= 100
    save_file(found, tmp_path / "generator.safetensors", about)
    sample(generators.SCRIPT, tmp_path)
    with Image.open(tmp_path / "images.png") as picture:
        pixels = np.asarray(picture.convert("L"), dtype=float)
    columns, side, gap = len(run.config().columns), 16, 2
    factor = pixels.shape[1] // (columns * (side + gap) - gap)
    pixels = np.pad(pixels[::factor, ::factor], ((0, gap), (0, gap)))
    cells = pixels.reshape(8, side + gap, columns, side + gap)[:, :side, :, :side]
    assert np.ptp(cells, axis=0).max() <= 1, "a column shows different images"
    assert len({column.tobytes() for column in cells[0].transpose(1, 0, 2)}) == columns == 10


def test_damaged_checkpoint_is_skipped(pair: tuple[Run, Run]) -> None:
    run, _ = pair
    *_, older, newest = sorted(run.checkpoints_path.glob("*.safetensors"))
    newest.write_bytes(newest.read_bytes()[:-1] + b"x")
    content = generators.export(run)
    assert f'"step": "{int(older.stem)}"'.encode() in content
    older.write_bytes(b"")
    with pytest.raises(InputError, match="no intact checkpoint"):
        generators.export(run)


def test_refusals_are_one_sentence(pair: tuple[Run, Run], tmp_path: Path) -> None:
    run, _ = pair
    out = tmp_path / "generator.safetensors"
    sentence = assert_one_sentence(run_gan("export", run.id, "--checkpoint", "best", "--out", out, root=run.root, seconds=PATIENCE))
    assert "no best checkpoint" in sentence
    inside = next(run.checkpoints_path.glob("*.safetensors"))
    before = inside.read_bytes()
    sentence = assert_one_sentence(run_gan("export", run.id, "--out", inside, root=run.root, seconds=PATIENCE))
    assert "inside a run folder" in sentence and inside.read_bytes() == before
    assert not out.exists()


@pytest.mark.parametrize(("state", "advice"), [("diverged", "start it afresh"), ("stopped", "train it for longer")])
def test_refusal_without_a_checkpoint_says_what_to_do(state: runs.State, advice: str, root: Path) -> None:
    run = make_run(root)
    run.write_status(run.status().model_copy(update={"state": state}))
    with pytest.raises(InputError, match=advice) as caught:
        generators.export(run)
    assert is_sentence(str(caught.value))
