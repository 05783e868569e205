"""The ``report`` and ``export`` commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gan.guests import guest as guests
from gan.report import bundle, generators
from gan.runs import Run


def add(command: Callable[..., Any]) -> None:
    """Add both commands to the command line."""
    report = command("report", "Write a report on runs as one ZIP: HTML page, Markdown, configurations and scores.", _report)
    report.add_argument("run_ids", nargs="+", metavar="RUN")
    report.add_argument("--out", type=Path, default=Path("report.zip"), metavar="FILE", help="ZIP file (default: report.zip)")
    report.add_argument(
        "--with-generators", action="store_true", help="add each run's generator, and a script that samples from it"
    )
    export = command("export", "Write the generator of a run or a guest to a file, for sampling elsewhere.", _export)
    export.add_argument("run_id", metavar="RUN", help="a run, or a guest that is a generator")
    export.add_argument("--checkpoint", choices=("last", "best"), default="last", help="last (default), or best by FID in training")
    export.add_argument(
        "--out",
        type=Path,
        default=Path("generator.safetensors"),
        metavar="FILE",
        help="safetensors file (default: generator.safetensors)",
    )


def _report(options: argparse.Namespace) -> int:
    chosen = [guests.find(options.root, run_id) for run_id in dict.fromkeys(options.run_ids)]
    out = bundle.checked_target(options.out, options.root, ".zip")
    report = bundle.write(chosen, out, with_generators=options.with_generators)
    for complaint in report.complaints:
        print(complaint, file=sys.stderr)
    print(out)
    return 0


def _export(options: argparse.Namespace) -> int:
    run = guests.find(options.root, options.run_id)
    out = bundle.checked_target(options.out, options.root, ".safetensors")
    generators.write(run, out, options.checkpoint, _estimate)
    print(out)
    return 0


def _estimate(run: Run, checkpoint: str) -> dict[str, bytes]:
    """Return the batch-norm statistics of a run's averaged generator as raw bytes by name."""
    import torch

    from gan.training import sampling

    generator, _ = sampling.restore(run.config(), sampling.newest(run, "Exporting", checkpoint), torch.device("cpu"))
    return {name: value.numpy().tobytes() for name, value in generator.named_buffers()}
