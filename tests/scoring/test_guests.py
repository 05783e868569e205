"""Scores of guests are those of runs: the same pictures give the same figures, in the run's own format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gan.config.data import DataConfig
from gan.data import prepared
from gan.errors import InputError
from gan.guests import importer
from gan.guests.guest import Guest
from gan.guests.importer import Wish
from gan.judging import comparison, doctor, glossary, lines
from gan.judging.request import Plan
from gan.runs import Run, atlas
from gan.scoring import measures, scores
from gan.scoring.extractors.extractor import Extractor
from gan.scoring.guests import score_guest
from gan.storage.jobs import say_nothing
from gan.training.sampling import newest, restore
from tests.helpers import is_sentence
from tests.scoring.conftest import CPU


def bring(root: Path, pixels: np.ndarray, tmp_path: Path, **wish: object) -> Guest:
    """Return a guest of pictures, uint8 [N, S, S, C]."""
    np.save(tmp_path / "pictures.npy", pixels)
    asked = Wish("Keras", "digits", **wish)  # type: ignore[arg-type]
    return importer.bring(root, tmp_path / "pictures.npy", asked, say_nothing)


def test_pictures_of_a_run_score_as_the_run_does(run: Run, digits: Extractor, tmp_path: Path) -> None:
    plan = Plan(images=300, draws=1)
    line = scores.score_run(run, plan)
    generator, _ = restore(run.config(), newest(run, "Scoring", "last"), CPU)
    drawn = torch.cat(list(scores.draw(generator, run.config(), 300, 1_000_003, 128, CPU)))
    guest = bring(run.root, drawn.permute(0, 2, 3, 1).numpy(), tmp_path, weights="EMA")
    found = score_guest(guest, plan)
    for name in ("fid", "inception_score", "classes_covered", "duplicates", "memorised", "checkerboard"):
        assert found[name] == pytest.approx(line[name], rel=1e-5), name
    for name in (*measures.DISTANCES, *measures.ALONE):
        for start in ("floor_", "real_"):
            assert found.get(f"{start}{name}") == line.get(f"{start}{name}"), name
    assert lines.is_comparable(line, found) and found["altered"] is None
    assert set(line) - set(found) == set() and set(found) - set(line) == {"conditions", "altered"}
    assert guest.scores() == [found] and guest.scoring().state == "finished"
    assert guest.reals_path.exists() and atlas.read(guest) is not None
    assert glossary.missing(found) == glossary.missing(line)


def test_a_copy_of_the_data_is_called_memorised_and_sound_otherwise(root: Path, tmp_path: Path, digits: Extractor) -> None:
    real = prepared.obtain(DataConfig(size=32), say_nothing).pixels
    guest = bring(root, np.asarray(real[:400]), tmp_path)
    line = score_guest(guest, Plan(images=200))
    assert line["draws"] == 2 and line["images"] == 200, "two disjoint draws are all that there is"
    assert line["fid"] < 2 * line["floor_fid"] and line["fid_spread"] > 0
    verdicts = doctor.diagnose(guest, line, [], guest.scores())
    assert [verdict.name for verdict in verdicts] == ["memorisation"] and not verdicts[0].changes


def test_epochs_become_a_curve_that_falls(root: Path, tmp_path: Path, digits: Extractor) -> None:
    real = np.asarray(prepared.obtain(DataConfig(size=32), say_nothing).pixels[:60, ..., 0])
    random = np.random.default_rng(0)
    from PIL import Image

    for number, noise in ((1, 90), (2, 40), (10, 0)):
        (tmp_path / "in" / f"epoch_{number}").mkdir(parents=True)
        for place, one in enumerate(real):
            changed = (one + random.normal(0, noise, one.shape)).clip(0, 255).astype(np.uint8)
            Image.fromarray(changed).save(tmp_path / "in" / f"epoch_{number}" / f"{place}.png")
    guest = importer.bring(root, tmp_path / "in", Wish("Keras", "digits", batch=100), say_nothing)
    line = score_guest(guest, Plan(images=50, draws=1))
    assert line["epoch"] == 10 and line["images_seen"] == 17970 and line["step"] == 180
    (curve,) = comparison.quick(guest)
    assert [one["epoch"] for one in curve] == [1, 2, 10] and [one["images"] for one in curve] == [60] * 3
    fids = [one["fid"] for one in curve]
    assert fids == sorted(fids, reverse=True)
    score_guest(guest, Plan(images=60, draws=1))
    assert len(comparison.quick(guest)[0]) == 3, "the curve is not measured again"
    assert len(guest.scores()) == 5


def test_a_guest_whose_data_set_is_gone_is_a_sentence(root: Path, tmp_path: Path) -> None:
    guest = bring(root, np.random.default_rng(0).integers(0, 256, (20, 16, 16, 1), dtype=np.uint8), tmp_path)
    guest.facts_path.write_text(guest.facts_path.read_text().replace('"digits"', '"gone"'))
    with pytest.raises(InputError) as caught:
        score_guest(guest, Plan())
    assert is_sentence(str(caught.value)) and "gone" in str(caught.value)
    assert guest.scoring().state == "failed" and guest.scores() == []
