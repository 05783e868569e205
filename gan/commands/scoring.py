"""The `score`, `sample` and `weights` commands."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gan import runs, words
from gan.commands.arguments import CHECKPOINT_HELP, FORMAT, Parser, complain
from gan.commands.progress_bar import ProgressBar
from gan.errors import InputError, explained
from gan.guests import guest as guests
from gan.guests.guest import Guest
from gan.machine import usual_threads
from gan.runs import Run
from gan.storage import files, signs

if TYPE_CHECKING:
    from gan.training.sampling import Stream

_WAITING_HEARTBEAT = 5.0  # seconds


def add(command: Callable[..., Parser]) -> None:
    """Add ``score``, ``sample`` and ``weights`` to the command line."""
    score = command("score", "Score runs: FID and other scores of new images from a checkpoint.", score_runs, has_json=True)
    score.add_argument("run_ids", nargs="+", metavar="RUN")
    score.add_argument(
        "--extractor",
        default="auto",
        metavar="NAME",
        help="classifier, inception, efficientnet, random-vgg, or auto (default): the first of these that is available",
    )
    score.add_argument("--images", type=int, default=2000, metavar="N", help="generated images per draw (default: 2000)")
    score.add_argument("--draws", type=int, default=3, metavar="K", help="independent draws, for measuring the spread (default: 3)")
    score.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default: 0)")
    score.add_argument("--checkpoint", choices=("last", "best"), default="last", help=CHECKPOINT_HELP)
    score.add_argument("--quiet", action="store_true", help="print no progress bar and no result, only the log to standard error")

    sample = command("sample", "Draw a grid of images from a checkpoint of a run, or many images to a file.", sample_run)
    sample.add_argument(
        "run_id", metavar="RUN", help="a run, a guest that is a generator, or its file: exported, of Keras or of pytorch/examples"
    )
    sample.add_argument("--class", metavar="NAME", dest="class_name", help="draw only this class (default: all, one per column)")
    sample.add_argument("--images", type=int, default=64, metavar="N", help="number of images, from 1 to 1024 (default: 64)")
    sample.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default: 0)")
    sample.add_argument("--checkpoint", choices=("last", "best"), default="last", help=CHECKPOINT_HELP)
    sample.add_argument(
        "--count",
        type=int,
        metavar="N",
        help="draw N single images instead of a grid, to --out FILE.npz, .zip, .parquet or a folder",
    )
    sample.add_argument("--out", type=Path, metavar="FILE", help="PNG file to write (default: asked.png in the run's folder)")
    sample.add_argument("--quiet", action="store_true", help="do not print the path")

    weights = command("weights", "Download and verify the weights of a published network for scoring.", fetch_weights)
    weights.add_argument("network", choices=("inception", "alexnet"), help="inception for the standard FID, or alexnet for LPIPS")


def score_runs(options: argparse.Namespace) -> int:
    chosen, refused = [], []
    for run_id in dict.fromkeys(options.run_ids):
        try:
            chosen.append(guests.find(options.root, run_id))
        except InputError as error:
            refused.append(str(error))
    if not chosen:
        raise InputError(refused[0])
    import torch

    from gan.judging import doctor, glossary, lines
    from gan.judging.request import Plan
    from gan.scoring import scores
    from gan.scoring.guests import score_guest

    if options.quiet:
        logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=FORMAT)
    torch.set_num_threads(usual_threads())
    plan = Plan(options.extractor, options.images, options.draws, options.seed, options.checkpoint)
    found, has_failed = [], bool(refused)
    for sentence in refused:
        complain(sentence, status=1)
    with ProgressBar(is_quiet=options.quiet or options.json) as progress:
        for place, run in enumerate(chosen):
            try:
                with _waiting(chosen[place + 1 :]):
                    if isinstance(run, Guest):
                        line = score_guest(run, plan, progress.report)
                    else:
                        line = scores.score_run(run, plan, progress.report)
                verdicts = [vars(verdict) for verdict in doctor.diagnose(run, line, doctor.logged(run), run.scores())]
                found.append({"run": run.id, "name": run.label(), **line, "verdicts": verdicts})
            except InputError as error:
                has_failed = True
                print(f"{run.label()}: {error}", file=sys.stderr)
    if options.json:
        print(files.to_json(found, indent=1))
    elif not options.quiet:
        for line in found:
            print(f"{line['run']}  {line['name']}: {lines.describe(line)}")
            for reason in glossary.missing(line):
                print(f"    {reason}")
            for verdict in line["verdicts"]:
                print(f"    {verdict['title']}: {verdict['sentence']} {verdict['remedy']}")
    return 1 if has_failed else 0


@contextlib.contextmanager
def _waiting(chosen: Sequence[Run]) -> Iterator[None]:
    """Refresh the heartbeats of runs that wait to be scored, so that they do not look abandoned."""
    is_over = threading.Event()
    for run in chosen:
        signs.announce(run.scoring_lock, os.getpid())

    def beat() -> None:
        while not is_over.wait(_WAITING_HEARTBEAT):
            for run in chosen:
                with contextlib.suppress(OSError):
                    run.write_scoring(runs.Scoring(state="running", message="Waiting", heartbeat=time.time()))

    beating = threading.Thread(target=beat, daemon=True)
    beating.start()
    try:
        yield
    finally:
        is_over.set()
        beating.join()


def sample_run(options: argparse.Namespace) -> int:
    if Path(options.run_id).is_file():
        return _sample_file(Path(options.run_id), options)
    run = guests.find(options.root, options.run_id)
    if isinstance(run, Guest):
        return _sample_file(run.generator_path, options, run.facts().source)
    import torch

    from gan.training import pictures, sampling

    torch.set_num_threads(usual_threads())
    if options.count is not None:
        return _sample_many(run, options)
    picture = sampling.draw(run, options.class_name, options.images, options.seed, options.checkpoint)
    target = options.out.expanduser().absolute() if options.out else run.asked_path
    with explained("writing the picture"):
        files.write_atomically(target, pictures.to_png(picture), durable=False)
    if not options.quiet:
        print(target)
    return 0


def _sample_many(run: Run, options: argparse.Namespace) -> int:
    """Draw many pictures of a run to one file, a batch at a time."""
    from gan.training import sampling

    target = _target_of_many(options)
    drawn = sampling.stream(run, options.count, options.class_name, options.seed, options.checkpoint)
    return _write_many(drawn, target, run.label(), options)


def _sample_file(path: Path, options: argparse.Namespace, name: str = "") -> int:
    """Draw a grid, or many pictures, from a generator in a file."""
    if options.class_name or options.out is None:
        wrong = "takes no --class" if options.class_name else "needs --out, the file to write"
        raise InputError(f"Drawing from a generator in a file {wrong}; see “python -m gan sample --help”.")
    target = options.out.expanduser().absolute() if options.count is None else _target_of_many(options)
    import torch

    from gan.networks import foreign
    from gan.training import pictures, sampling

    torch.set_num_threads(usual_threads())
    generator = foreign.read(path, name)
    if options.count is not None:
        return _write_many(sampling.stream_foreign(generator, options.count, options.seed), target, generator.title, options)
    drawn = sampling.stream_foreign(generator, options.images, options.seed)
    with explained("writing the picture"):
        grid = pictures.grid(torch.cat([torch.from_numpy(pixels) for pixels, _ in drawn.batches]).permute(0, 3, 1, 2))
        files.write_atomically(target, pictures.to_png(grid), durable=False)
    if not options.quiet:
        print(target)
    return 0


def _target_of_many(options: argparse.Namespace) -> Path:
    """Return where to write pictures; checked before a network is loaded."""
    from gan.data.formats import writing

    if options.out is None:
        raise InputError("With --count, --out is needed: a file .npz, .zip or .parquet, or a folder, for the pictures.")
    target: Path = options.out.expanduser().absolute()
    writing.kind_of(target)
    return target


def _write_many(drawn: Stream, target: Path, title: str, options: argparse.Namespace) -> int:
    from gan.training import sampling

    with ProgressBar(is_quiet=options.quiet) as progress:
        sampling.write(drawn, target, progress.report)
    if not options.quiet:
        print(f"{target} holds {words.count(options.count, 'picture')} of {title}.")
    return 0


def fetch_weights(options: argparse.Namespace) -> int:
    from gan.scoring.extractors import inception, perceptual

    wanted = {"inception": inception.WEIGHTS, "alexnet": perceptual.WEIGHTS}[options.network]
    with ProgressBar(is_quiet=False) as progress:
        path = wanted.fetch(progress.report)
    print(f"{path} holds the published {wanted.title} weights.")
    return 0
