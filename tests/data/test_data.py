"""Data sets: they match their catalogue entry, are prepared once, selected by seed alone, and fed in a fixed order."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gan import config as configs
from gan import places
from gan.catalogue import data_sets
from gan.config.data import DataConfig
from gan.data import loaders, prepared, sources, survey
from gan.data.feed import Feed, to_float, to_pixels
from gan.data.loaders import Images
from gan.data.rendered import bedrooms
from gan.data.selection import select
from gan.errors import InputError
from tests.helpers import PROJECT, environment, is_sentence, make_run, tiny, train

OFFLINE = [name for name, entry in data_sets.DATA_SETS.items() if entry.is_offline]
IMAGES = [name for name in OFFLINE if data_sets.DATA_SETS[name].kind == "images"]
POINTS = [name for name in OFFLINE if data_sets.DATA_SETS[name].kind == "points"]


def refusal(caught: pytest.ExceptionInfo[InputError]) -> str:
    """Return the message of an InputError, after checking that it is one sentence."""
    assert is_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


def ignore(sentence: str, share: float) -> None:
    """Ignore progress reports."""


# The catalogue: requirements for every offline data set


@pytest.mark.parametrize("entry", data_sets.DATA_SETS.values(), ids=data_sets.DATA_SETS)
def test_every_catalogue_entry_is_complete(entry: data_sets.DataSet) -> None:
    assert entry.title
    assert entry.description.endswith(".")
    assert entry.source
    assert entry.channels in (1, 3)
    assert entry.images > 0
    assert len(set(entry.classes)) == len(entry.classes)
    assert len(entry.counts) == max(1, len(entry.classes))
    if entry.name in ("bedrooms", "shapes"):
        assert "rendered" in entry.title


@pytest.fixture(autouse=True)
def few_bedrooms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be 600 bedrooms: drawing all 5,000 takes half a minute, and each is drawn from its own number alone."""
    few = dataclasses.replace(data_sets.DATA_SETS["bedrooms"], counts=(600,), version="few")
    monkeypatch.setitem(data_sets.DATA_SETS, "bedrooms", few)


#: Slow ones at one size; ``test_rendered`` tests that pictures are the same at every size.
DRAWN = [(name, size) for name in IMAGES for size in (16, 32) if size == 16 or name not in ("bedrooms", "stacked-digits")]


@pytest.mark.parametrize(("name", "size"), DRAWN)
def test_every_offline_set_of_images_matches_its_entry(name: str, size: int) -> None:
    entry = data_sets.find(name)
    images = loaders.load(DataConfig(name=name, size=size))
    pixels = images.take(torch.arange(len(images)))
    assert pixels.shape == (entry.images, entry.channels, size, size)
    assert pixels.dtype == torch.uint8
    assert images.labels.dtype == torch.int64
    assert torch.bincount(images.labels, minlength=len(entry.counts)).tolist() == list(entry.counts)
    assert pixels.min() < 40
    assert pixels.max() > 220
    assert pixels.float().std() > 30, "the images are nearly empty"


@pytest.mark.parametrize("name", POINTS)
def test_every_offline_set_of_points_matches_its_entry(name: str) -> None:
    entry = data_sets.find(name)
    found = loaders.load(DataConfig(name=name))
    assert found.values.shape == (entry.images, 2)
    assert found.values.dtype == torch.float32
    assert torch.isfinite(found.values).all()
    assert torch.bincount(found.labels, minlength=len(entry.counts)).tolist() == list(entry.counts)
    assert torch.equal(found.values, loaders.load(DataConfig(name=name)).values)


@pytest.mark.parametrize("name", IMAGES)
def test_every_offline_data_set_is_the_same_every_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name in sources._RENDERED:  # several chunks are drawn ahead; stacked sets depend on the chunk length
        monkeypatch.setattr(sources, "_CHUNK", 64)
    entry = data_sets.find(name)
    first, again = [next(sources.images(entry, 16, "crop", entry.channels, ignore)) for _ in range(2)]
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert np.array_equal(loaders.load(DataConfig(name=name, size=16)).pixels[: len(first[0])].permute(0, 2, 3, 1), first[0])


@pytest.mark.parametrize("name", OFFLINE)
def test_every_offline_data_set_trains(name: str, root: Path) -> None:
    family = "mlp" if name in POINTS else "dcgan"
    changes = {"data.name": name, "data.subset": 320, "data.held_out": 0.1, "training.length": "10 steps"}
    changes |= {"cadence.sample_every": "5 steps"} | ({"data.flips": True} if family == "dcgan" else {})
    run = make_run(root, changes, family=family)
    status = train(run)
    assert (status.state, status.step, status.steps_per_epoch) == ("finished", 10, 10), status.message
    assert all(np.isfinite(line["generator_loss"]) for line in run.metrics())
    assert list(run.samples()) == [0, 5, 10]


def test_stacked_digits_show_their_number() -> None:
    digits, stacked = loaders.load(DataConfig(size=16)), loaders.load(DataConfig(name="stacked-digits", size=16))
    known = {image.numpy().tobytes(): int(label) for image, label in zip(digits.pixels[:, 0], digits.labels, strict=True)}
    for image, number in zip(stacked.pixels[:200], stacked.labels[:200], strict=True):
        assert [known[channel.contiguous().numpy().tobytes()] for channel in image] == [int(digit) for digit in f"{number:03d}"]


def test_embedded_digits_equal_those_in_scikit_learn() -> None:
    from sklearn.datasets import load_digits  # takes seconds to import

    theirs = load_digits()
    pixels, labels = sources.raw("digits", ignore)
    assert np.array_equal(labels, theirs.target)
    assert np.array_equal(pixels[..., 0], np.round(theirs.images * 255 / 16).astype(np.uint8))


def test_unknown_data_set_names_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        data_sets.find("minst")
    assert "did you mean “mnist”" in refusal(caught)


# The selection: subsets, classes, held-out images


@given(
    images=st.integers(0, 400),
    classes=st.sets(st.sampled_from("0123456789")),
    seed=st.integers(0, 2**31 - 1),
    held_out=st.floats(0, 0.9),
)
def test_selection_has_the_configured_size_and_classes(images: int, classes: set[str], seed: int, held_out: float) -> None:
    _, labels = sources.raw("digits", ignore)
    data = DataConfig(classes=tuple(sorted(classes)), subset=images, subset_seed=seed, held_out=held_out)
    train_rows, held, rest = select(labels, data)
    assert len(train_rows) == data.images
    assert len(held) == data.held_out_images
    assert not set(held) & set(rest)
    assert set(train_rows) <= set(rest)
    wanted = {int(name) for name in classes} or set(range(10))
    assert {int(label) for label in labels[np.concatenate([rest, held])]} <= wanted
    assert len(rest) + len(held) == sum(np.isin(labels, list(wanted)))


def test_larger_subset_contains_the_smaller_and_holds_out_the_same() -> None:
    _, labels = sources.raw("digits", ignore)
    small, large = (select(labels, DataConfig(subset=size, held_out=0.2)) for size in (100, 500))
    assert set(small.train) < set(large.train)
    assert np.array_equal(small.held_out, large.held_out)
    other = select(labels, DataConfig(subset=100, held_out=0.2, subset_seed=1))
    assert set(other.train) != set(small.train)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data.classes": "7,ten"}, ["data.classes", "“ten”", "digits"]),
        ({"data.classes": "7,7"}, ["twice"]),
        ({"data.name": "bedrooms", "data.classes": "7"}, ["data.classes", "bedrooms", "empty"]),
        ({"data.subset": 20}, ["optimizer.batch_size", "only 20 images", "smaller batch"]),
        ({"data.held_out": 0.95}, ["data.held_out", "from 0 to 0.9"]),
        ({"data.size": 48}, ["data.size", "48", "64"]),
        ({"data.name": "ring"}, ["networks.family", "points", "mlp"]),
        ({"data.name": "ring", "networks.family": "mlp", "data.flips": True}, ["data.flips", "points"]),
        ({"data.subset": -1}, ["data.subset", "from 0"]),
    ],
)
def test_impossible_choices_are_refused(changes: dict[str, object], words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        tiny(changes)
    for word in words:
        assert word in refusal(caught)


def test_classes_may_be_written_as_text_number_or_list() -> None:
    for value in ("3, 7", [3, 7], ["3", "7"]):
        assert tiny({"data.classes": value}).data.classes == ("3", "7")
    assert tiny({"data.classes": 3}).data.classes == ("3",)
    assert tiny({"data.classes": ""}).data.classes == ()


def test_scoring_uses_images_held_out_of_training() -> None:
    data = DataConfig(size=16, held_out=0.25, subset=50, classes=("3",))
    held = loaders.load_for_scoring(data)
    assert len(held) == round(0.25 * 183)
    assert set(held.labels.tolist()) == {3}
    seen = {image.numpy().tobytes() for image in loaders.load(data).pixels}
    assert not seen & {image.numpy().tobytes() for image in held.pixels}
    assert len(loaders.load_for_scoring(DataConfig(size=16, subset=50))) == 1797, "a subset must not limit scoring"


# The preparation


@pytest.fixture
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty data folder."""
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_images_are_decoded_once_and_shared(data_root: Path) -> None:
    told: list[str] = []
    data = DataConfig(size=16)
    prepared.obtain(data, lambda sentence, share: told.append(sentence))
    assert told
    told.clear()
    again = prepared.obtain(data, lambda sentence, share: told.append(sentence))
    assert not told, "the images were decoded again"
    assert isinstance(again.pixels, np.memmap)
    assert again.facts["counts"] == list(data_sets.find("digits").counts)
    for other in (DataConfig(size=16, subset=99, flips=True, held_out=0.5), DataConfig(size=16, classes=("1",))):
        assert prepared.folder(other) == prepared.folder(data), "a selection must not need its own preparation"
    for other in (DataConfig(size=32), DataConfig(size=16, fit="pad"), DataConfig(size=16, colour="colour")):
        assert prepared.folder(other) != prepared.folder(data)


def test_grey_and_colour_can_be_asked_for() -> None:
    grey = loaders.load(DataConfig(name="shapes", size=16, colour="grey")).pixels
    colour = loaders.load(DataConfig(size=16, colour="colour")).pixels
    assert grey.shape[1] == 1
    assert colour.shape[1] == 3
    assert torch.equal(colour[:, 0], colour[:, 2])


@pytest.mark.parametrize("damage", ["cut", "no facts", "half facts", "other shape", "gone"])
def test_damaged_preparation_is_made_again(data_root: Path, damage: str) -> None:
    data = DataConfig(size=16)
    whole = np.array(prepared.obtain(data, ignore).pixels)
    place = prepared.folder(data)
    if damage == "cut":
        with open(place / "pixels.npy", "r+b") as file:
            file.truncate(5000)
    elif damage == "no facts":
        (place / "facts.json").unlink()
    elif damage == "half facts":
        (place / "facts.json").write_text((place / "facts.json").read_text()[:30])
    elif damage == "other shape":
        np.save(place / "pixels.npy", whole[:10])
    else:
        (place / "pixels.npy").unlink()
    assert prepared.find(data) is None
    assert np.array_equal(prepared.obtain(data, ignore).pixels, whole)


def test_killed_preparation_does_not_count_and_can_be_repeated(data_root: Path) -> None:
    data = DataConfig(name="shapes", size=16)
    command = [sys.executable, "-m", "gan", "data", "prepare", "shapes", "--size", "16", "--quiet"]
    process = subprocess.Popen(command, cwd=PROJECT, env=environment(None, {"GAN_DATA": str(data_root)}))
    staged = prepared.folder(data).with_name(f".{prepared.folder(data).name}.making")
    deadline = time.monotonic() + 60
    while not (staged / "pixels.npy").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert staged.exists(), "the process was not killed in the middle"
    assert prepared.find(data) is None
    prepared.obtain(data, ignore)
    assert not staged.exists()


def test_full_disk_is_reported_in_one_sentence_and_leaves_nothing(data_root: Path) -> None:
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        "from gan.commands.main import main; sys.exit(main(['data', 'prepare', 'shapes', '--size', '16', '--quiet']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env=environment(None, {"GAN_DATA": str(data_root)}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert is_sentence(done.stderr.strip()), done.stderr
    assert not list((data_root / "prepared").rglob("*.npy"))


def test_concurrent_preparations_give_the_same_images(data_root: Path) -> None:
    data, found = DataConfig(name="shapes", size=16), []
    threads = [threading.Thread(target=lambda: found.append(prepared.obtain(data, ignore).pixels.sum())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1


# The survey of the images


def test_survey_agrees_with_a_plain_computation() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (700, 20, 20, 3), dtype=np.uint8)
    labels = np.arange(700) % 3
    facts = survey.look(pixels, labels)
    assert facts["counts"] == [234, 233, 233]
    assert facts["brightness"]["mean"] == pytest.approx(pixels.mean(), abs=0.01)
    assert facts["brightness"]["std"] == pytest.approx(pixels.mean(axis=(1, 2, 3)).std(), abs=0.01)
    assert sum(facts["brightness"]["histogram"]) == 700
    for channel, found in enumerate(facts["channels"]):
        assert found["mean"] == pytest.approx(pixels[..., channel].mean(), abs=0.01)
        assert found["std"] == pytest.approx(pixels[..., channel].std(), abs=0.01)
    assert (facts["exact"], facts["near"]) == (0, 0)
    assert json.loads(json.dumps(facts))["images"] == 700


def test_survey_finds_exact_and_near_duplicates_and_no_others() -> None:
    rooms, _ = bedrooms.render(32, 0, 300)
    brighter = np.clip(rooms[:10].astype(int) + 1, 0, 255).astype(np.uint8)
    pixels = np.concatenate([rooms, rooms[20:25], brighter])
    facts = survey.look(pixels, np.zeros(len(pixels), dtype=np.int64))
    alone = survey.look(rooms, np.zeros(300, dtype=np.int64))
    assert (alone["exact"], alone["near"]) == (0, 0)
    assert facts["exact"] == 5
    assert sorted(facts["exact_pairs"]) == [(row, 300 + row - 20) for row in range(20, 25)]
    assert facts["near"] == 10
    assert sorted(facts["near_pairs"]) == [(row, 305 + row) for row in range(10)]


def square(colour: tuple[int, int, int], background: tuple[int, int, int] | None = None) -> np.ndarray:
    """Return an image of a coloured square, or of one colour."""
    image = np.empty((32, 32, 3), dtype=np.uint8)
    image[:] = background or colour
    image[8:24, 8:24] = colour
    return image


CYAN, GREY_GREEN = (0, 200, 200), (100, 145, 145)


@pytest.mark.parametrize("backgrounds", [(None, None), ((120, 120, 120), (120, 120, 120)), ((20, 60, 60), (105, 114, 114))])
def test_squares_of_different_colours_are_no_near_duplicates(backgrounds: tuple[Any, Any]) -> None:
    cyan, green = (square(colour, background) for colour, background in zip((CYAN, GREY_GREEN), backgrounds, strict=True))
    paler = np.clip(cyan.astype(int) + 2, 0, 255).astype(np.uint8)
    facts = survey.look(np.stack([cyan, green, paler]), np.zeros(3, dtype=np.int64))
    assert facts["near_pairs"] == [(0, 2)]
    assert facts["near"] == 1


def test_survey_of_one_image_many_times_is_all_duplicates() -> None:
    facts = survey.look(np.full((1500, 16, 16, 1), 90, dtype=np.uint8), np.zeros(1500, dtype=np.int64))
    assert facts["exact"] == 1499
    assert facts["brightness"]["std"] == 0


# Scaling


def test_scaling_keeps_range_mean_and_constant_images() -> None:
    pixels = torch.randint(0, 256, (10, 3, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for size in (16, 32, 64):
        scaled = loaders.resize(pixels, size)
        assert scaled.shape == (10, 3, size, size)
        assert abs(scaled.float().mean() - pixels.float().mean()) < 2
    for value in (0, 1, 127, 254, 255):
        constant = torch.full((2, 1, 8, 8), value, dtype=torch.uint8)
        assert loaders.resize(constant, 32).unique().tolist() == [value]
    assert loaders.resize(pixels, 28) is pixels


def test_scaling_many_images_at_once_equals_one_by_one() -> None:
    pixels = torch.randint(0, 256, (4100, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    scaled = loaders.resize(pixels, 8)
    for index in (0, 4095, 4096, 4099):
        assert torch.equal(scaled[index : index + 1], loaders.resize(pixels[index : index + 1], 8))


# The feed

PLACES = Images(torch.arange(100, dtype=torch.uint8).reshape(100, 1, 1, 1), torch.zeros(100, dtype=torch.long))


def indices(batch: torch.Tensor) -> list[int]:
    """Return the indices in ``PLACES`` of the images in a batch."""
    return to_pixels(batch).flatten().tolist()


def test_pixels_survive_conversion_to_floats_and_back() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    floats = to_float(pixels)
    assert floats.dtype == torch.float32
    assert (floats.min(), floats.max()) == (-1, 1)
    assert torch.equal(to_pixels(floats), pixels)
    assert torch.equal(to_pixels(floats.bfloat16().float().mul(1.0001))[0, 0, 0, 0], torch.tensor(0, dtype=torch.uint8))


@given(st.floats(-10, 10))
def test_any_brightness_becomes_the_nearest_pixel(value: float) -> None:
    found = int(to_pixels(torch.tensor([value])))
    assert found == min(255, max(0, round(float(torch.tensor(value).add(1).mul(127.5)))))


@given(st.integers(1, 100), st.integers(0, 2**31 - 1), st.integers(0, 5))
def test_each_image_comes_at_most_once_per_epoch(batch_size: int, seed: int, epoch: int) -> None:
    feed = Feed(PLACES, batch_size, seed)
    assert feed.steps_per_epoch == 100 // batch_size
    first = epoch * feed.steps_per_epoch
    seen = [index for step in range(first, first + feed.steps_per_epoch) for index in indices(feed.batch(step))]
    assert len(seen) == feed.steps_per_epoch * batch_size
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(range(100))


def test_order_depends_on_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int, batch_size: int = 10) -> list[int]:
        feed = Feed(PLACES, batch_size, seed)
        return [index for step in range(100 // batch_size) for index in indices(feed.batch(epoch * (100 // batch_size) + step))]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) == order(1, 0, batch_size=20)
    assert len({tuple(order(seed, epoch)) for seed in range(4) for epoch in range(4)}) == 16
    state = torch.get_rng_state()
    torch.manual_seed(99)
    assert order(1, 2) == order(1, 2)
    torch.set_rng_state(state)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8))
def test_feed_resumed_at_any_step_gives_the_same_batches(steps: list[int]) -> None:
    whole = Feed(PLACES, 7, seed=3)
    for step in steps:
        assert torch.equal(Feed(PLACES, 7, seed=3).batch(step), whole.batch(step))


def test_batch_is_ready_for_the_networks() -> None:
    batch = Feed(loaders.load(DataConfig(size=16)), 32, seed=0).batch(0)
    assert batch.shape == (32, 1, 16, 16)
    assert batch.dtype == torch.float32
    assert batch.min() >= -1
    assert batch.max() <= 1
    assert batch.is_contiguous(memory_format=torch.channels_last)


def test_images_on_the_disk_are_fed_like_those_in_memory() -> None:
    values = torch.randint(0, 256, (200, 1, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    rows = torch.arange(0, 200, 2)
    on_disk = Feed(Images(values, torch.zeros(100), rows), 8, seed=5, flips=True)
    in_memory = Feed(Images(values[rows], torch.zeros(100)), 8, seed=5, flips=True)
    for step in (0, 1, 2, 30, 31, 7, 8, 11, 12):
        assert torch.equal(on_disk.batch(step), in_memory.batch(step))


def test_large_sets_stay_on_the_disk_and_train_the_same(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    lines = {}
    for where, most in (("memory", 1 << 28), ("disk", 0)):
        monkeypatch.setattr(loaders, "_IN_MEMORY", most)
        images = loaders.load(DataConfig(size=16, subset=300))
        assert (images.rows is not None) == (where == "disk")
        run = make_run(root, {"data.subset": 300, "data.flips": True})
        assert train(run).state == "finished"
        lines[where] = [(line["generator_loss"], line["discriminator_loss"]) for line in run.metrics()]
    assert lines["memory"] == lines["disk"]


def test_flips_mirror_half_of_the_images_and_depend_on_the_step_alone() -> None:
    values = torch.zeros(100, 1, 1, 2, dtype=torch.uint8)
    values[..., 1] = 255
    images = Images(values, torch.zeros(100))
    feed = Feed(images, 100, seed=1, flips=True)
    mirrored = [int((feed.batch(step)[:, 0, 0, 0] > 0).sum()) for step in range(40)]
    assert 1800 < sum(mirrored) < 2200
    assert len(set(mirrored)) > 5
    assert int((Feed(images, 100, seed=1, flips=True).batch(17)[:, 0, 0, 0] > 0).sum()) == mirrored[17]


def test_run_with_a_removed_data_set_is_readable_but_fails_to_train(root: Path) -> None:
    run = make_run(root)
    raw = json.loads(run.config_path.read_text())
    raw["data"]["name"] = "long-gone"
    run.config_path.write_text(json.dumps(raw))
    assert run.config().data.name == "long-gone"
    with pytest.raises(InputError, match="long-gone"):
        configs.require_data(configs.parse(raw))
    status = train(run)
    assert status.state == "failed"
    assert is_sentence(status.message)
    assert "long-gone" in status.message


def test_data_folder_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path))
    assert places.data_root() == tmp_path
    monkeypatch.delenv("GAN_DATA")
    assert places.data_root() == places.PROJECT / "data"
