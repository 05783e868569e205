"""Convolutions of kernel 4 and stride 2: the library's against matrix products, shape by shape.

    python -m benchmarks.convolutions [--precision bf16] [--threads 1] [--batch 64] [--rounds 7]

Supports the rules in ``gan.networks.convolutions``: an asterisk marks what the rule for this processor computes as a product. Each
figure is the median of alternating rounds, in milliseconds; a product's time includes gathering the patches.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

import torch

from benchmarks import machine
from gan.networks import convolutions as ways

#: Channels of the large map and of the small one, and pixels to a side of the large one.
SHAPES = (
    (512, 1024, 8), (256, 512, 16), (256, 512, 8), (256, 512, 4), (128, 256, 32), (128, 256, 16), (128, 256, 8), (128, 256, 4),
    (64, 128, 32), (64, 128, 16), (64, 128, 8), (32, 64, 16), (32, 64, 8), (1, 32, 32), (1, 64, 64), (3, 64, 64),
)  # fmt: skip


def alternate(library: Callable[[], object], product: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the medians of both in milliseconds."""
    taken: tuple[list[float], list[float]] = ([], [])
    for place in range(rounds + 1):
        for each, seconds in zip((library, product), taken, strict=True):
            began = time.perf_counter()
            each()
            if place:  # the first round warms up
                seconds.append(time.perf_counter() - began)
    return statistics.median(taken[0]) * 1000, statistics.median(taken[1]) * 1000


def measure(shape: tuple[int, int, int], precision: str, batch: int, rounds: int) -> list[str]:
    """Return what each of the three operations takes: by the library, and as a product."""
    (channels, outputs, side), dtype = shape, torch.bfloat16 if precision == "bf16" else torch.float32
    large, small, weight = (
        torch.randn(sizes).to(dtype, memory_format=torch.channels_last)
        for sizes in ((batch, channels, side, side), (batch, outputs, side // 2, side // 2), (outputs, channels, 4, 4))
    )
    pairs: tuple[tuple[Callable[[], object], Callable[[], object]], ...] = (
        (lambda: ways._down(large, weight), lambda: ways._product_down(ways._patches(large), weight, large)),
        (lambda: ways._up(small, weight), lambda: ways._product_up(small, weight)),
        (lambda: ways._weight(large, small, weight), lambda: ways._product_weight(small, ways._patches(large), weight)),
    )
    cells = []
    for is_product, pair in zip(ways.chosen(channels, side, ways.best_rule(precision)), pairs, strict=True):
        library, product = alternate(*pair, rounds)
        cells.append(f"{library:.1f} / {product:.1f}{' *' if is_product else ''}")
    return cells


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--precision", choices=("bf16", "fp32"), default="bf16")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    asked = f"{options.precision}, {options.threads} threads, batch {options.batch}"
    print(f"Machine: {machine.describe()}; load {os.getloadavg()[0]:.1f}; {asked}")
    print("| large map → small map | down | up | gradient of the weights |\n| --- | --- | --- | --- |")
    for channels, outputs, side in SHAPES:
        cells = measure((channels, outputs, side), options.precision, options.batch, options.rounds)
        print(f"| {channels} × {side}² → {outputs} × {side // 2}² | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
