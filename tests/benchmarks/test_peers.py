"""The arithmetic of the benchmark against peers: lengths, speeds from printed lines, resumable results, the table."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks import peer_trainings, peers
from benchmarks.peer_trainings import Length, length_of
from gan.config.data import DataConfig
from gan.data import downloads, sources
from gan.scoring.extractors.extractor import Extractor
from gan.scoring.metrics.fid import moments


@pytest.mark.parametrize(
    ("images", "per_step", "length"),
    [(12_800, 64, Length(200, 64)), (5_120, 128, Length(40, 128)), (5_200, 128, Length(40, 128)), (1, 64, Length(20, 64))],
)
def test_lengths_are_whole_quarters_and_long_enough_for_a_speed(images: int, per_step: int, length: Length) -> None:
    assert length_of(images, per_step) == length
    quarter, half, whole = length.points
    assert (half, whole) == (2 * quarter, 4 * quarter)
    assert whole > peer_trainings.FIRST


def test_speed_counts_from_the_tenth_step_across_epochs() -> None:
    def line(epoch: int, step: int) -> tuple[float, str]:
        number = epoch * 8 + step + 1
        return number * 0.5 + (100.0 if number >= peer_trainings.FIRST else 0.0), f"[{epoch}/4][{step}/8] Loss_D: 1.0 Loss_G: 2.0\n"

    lines = [(0.0, "Using device: cpu\n"), *(line(epoch, step) for epoch in range(4) for step in range(8))]
    assert peer_trainings.printed_speed(lines) == pytest.approx(64 / 0.5)


def test_a_command_that_fails_ends_the_benchmark_with_its_last_lines(tmp_path: Path) -> None:
    code = "print('before'); raise SystemExit('the reason')"
    with pytest.raises(SystemExit, match=r"(?s)status 1:\n.*the reason"):
        peer_trainings.run([sys.executable, "-c", code], tmp_path, 1)
    lines, _ = peer_trainings.run([sys.executable, "-c", "import os; print(os.environ['OMP_NUM_THREADS'])"], tmp_path, 3)
    assert [line for _, line in lines] == ["3\n"]


def test_results_go_on_after_a_line_that_was_cut_in_half(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    assert peers.read(path) == []
    peers.append(path, {"seed": 0})
    path.write_bytes(path.read_bytes() + b'{"seed": 1, "ima')
    peers.append(path, {"seed": 1})
    peers.append(path, {"seed": 2})
    assert peers.read(path) == [{"seed": 0}, {"seed": 1}, {"seed": 2}]


def test_the_peer_gets_the_digits_that_a_run_with_that_subset_trains_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.arange(60_000 * 4, dtype=np.uint8).reshape(60_000, 2, 2, 1)
    labels = np.arange(60_000) % 10
    monkeypatch.setenv("GAN_DATA", str(tmp_path))
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").write_bytes(b"whole")
    (tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte").write_bytes(b"replaced")
    monkeypatch.setattr(sources, "raw", lambda name, report: (pixels, labels))
    peer_trainings.write_digits(tmp_path / "peer", subset=320)
    place = tmp_path / "peer" / "MNIST" / "raw"
    read, told = downloads._read_idx(place, is_test=False)
    rows = peer_trainings.select(labels, DataConfig(name="mnist", subset=320)).train
    assert np.array_equal(read, pixels[rows])
    assert np.array_equal(told, labels[rows])
    assert struct.unpack(">HBB", (place / "train-images-idx3-ubyte").read_bytes()[:4]) == (0, 8, 3)
    assert (place / "t10k-labels-idx1-ubyte").read_bytes() == b"whole"


def test_table_has_a_row_per_kind_of_weights_and_a_value_per_seed() -> None:
    def play(asked: peer_trainings.Asked) -> peer_trainings.Played:
        raise NotImplementedError

    contest = peers.Contest("MNIST", DataConfig(name="mnist"), Length(200, 64), 10_000, {"a peer": play, peers.OURS: play})
    features = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    judge = peers.Judge(Extractor("MNIST CNN", "id", None, nn.Identity(), peers.CPU, 8), moments(features), 1.25)
    slow = [
        {"who": "a peer", "images_per_second": 50.0 + seed, "megabytes": 500.0, "fids": {"raw": [9.0, 8.0, 7.0]}} for seed in (0, 2)
    ]
    fids = {"raw": [6.0, 5.0, 4.0], "averaged": [3.0, 2.0, 1.0]}
    fast = {"who": peers.OURS, "images_per_second": 102.0, "megabytes": 250.0, "fids": fids}
    found = peers.table(contest, judge, 500, [*slow, fast])
    assert "of 500 pictures against 10,000 real images, floor 1.2" in found
    assert "| FID at 3,200 images | 6,400 | 12,800 |" in found
    assert "| a peer | 9.0 / 9.0 | 8.0 / 8.0 | 7.0 / 7.0 | 50.0 / 52.0 | 500 / 500 |" in found
    assert f"| {peers.OURS}, averaged weights | 3.0 | 2.0 | 1.0 | 102.0 | 250 |" in found
    assert found.endswith("This program is 2.00 times as fast, with 0.50 of the memory.")
    assert "times as fast" not in peers.table(contest, judge, 500, slow)
