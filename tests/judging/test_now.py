"""The sentence on how a training stands: what it says, and that it does not scold a run that is on its way."""

from __future__ import annotations

from typing import Any

import pytest

from gan.judging import doctor
from tests.helpers import is_sentence, tiny
from tests.judging.test_doctor import curve as scores

CONFIG = tiny({"training.length": "1000 steps"})


def curve(real: float, fake: float, lines: int = 50) -> list[dict[str, Any]]:
    """Return logged lines of an even training with these outputs of the discriminator."""
    even = {"d_real": real, "d_fake": fake, "discriminator_loss": 1.0, "generator_loss": 1.0}
    norms = {"discriminator_grad_norm": 1.0, "generator_grad_norm": 1.0}
    return [{"step": 10 * place, **even, **norms} for place in range(1, lines + 1)]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (curve(0.5, 0.5, lines=5), "just begun"),
        (curve(0.9, 0.1), "The discriminator is ahead, and the generator still learns from it: 90 % “real” for real images"),
        (curve(0.6, 0.4), "tells the images apart, but is not sure: 60 % “real” for real images, 40 % for generated ones"),
        (curve(0.51, 0.5), "can hardly tell the images apart"),
        (curve(0.99, 0.01), "sure of nearly every image"),
        (curve(0.2, 0.8), "takes generated images for real ones"),
    ],
)
def test_players(lines: list[dict[str, Any]], words: str) -> None:
    told = doctor.tell(lines, [], CONFIG).full
    assert words in told and is_sentence(told)


def test_points_are_not_called_images() -> None:
    points = tiny({"data.name": "ring", "training.length": "1000 steps"}, family="mlp")
    for real, fake in ((0.9, 0.1), (0.6, 0.4), (0.51, 0.5)):
        told = doctor.tell(curve(real, fake), [], points).full
        assert "real points" in told and "image" not in told


def test_outputs_without_a_scale_are_given_as_numbers() -> None:
    hinge = tiny({"objective.loss": "hinge", "training.length": "1000 steps"})
    told = doctor.tell(curve(1.5, -0.5), [], hinge).full
    assert "output is higher for real images: 1.5 for real images, -0.5 for generated ones" in told.replace("−", "-")


@pytest.mark.parametrize(("fids", "words"), [((80.0, 20.0), "FID still falls: 20"), ((20.0, 19.9), "FID is 19.9"), ((20.0,), "")])
def test_fid(fids: tuple[float, ...], words: str) -> None:
    scored = [{**line, "floor_fid": 3.5} for line in scores(*fids)]
    told = doctor.tell(curve(0.6, 0.4), scored, CONFIG).full
    assert is_sentence(told) and ("FID" in told) is bool(words) and words in told
    assert not words or "real images have 3.5" in told


def test_training_without_a_line_gets_no_sentence_and_a_diverged_one_its_cause() -> None:
    assert doctor.tell([], [], CONFIG).full == ""
    assert "NaN" in doctor.tell(curve(0.5, 0.5), [], CONFIG, has_diverged=True).full
