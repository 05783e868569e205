"""The command line: everything the dashboard can start, without the dashboard.

Exit status: 0 on success, 1 when a run failed, 2 on wrong input, 130 after Ctrl-C before or beyond a clean stop; in all
but the first case one sentence on standard error.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import logging
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from filelock import FileLock

from gan import config as configs
from gan import estimates, forks, launcher, presets, runs, sections, sweep_commands, words
from gan.errors import InputError, explain_os_error, explained
from gan.report import commands as report_commands
from gan.runs import Run, Status

log = logging.getLogger("gan")

_CHECKPOINT_HELP = "last (default), or best: that of the lowest FID during training"


class Parser(argparse.ArgumentParser):
    """An argument parser whose mistakes are InputErrors instead of a usage page."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}; see “{self.prog} --help”.")


def make_parser() -> Parser:
    """Return the parser of all commands."""
    parser = Parser(prog="python -m gan", description="Train, resume, list and score GANs.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(
        name: str, help: str, run: Callable[[argparse.Namespace], int], *, has_json: bool = False, commands: Any = commands
    ) -> Parser:
        added = commands.add_parser(name, help=help, description=help)
        added.set_defaults(run=run)
        added.add_argument("--root", type=Path, default=None, metavar="DIR",
                           help="folder of the runs (default: $GAN_RUNS, else checkpoints/)")  # fmt: skip
        if has_json:
            added.add_argument("--json", action="store_true", help="print JSON")
        return added

    train = command("train", "Train a new run in the foreground; Ctrl-C stops it cleanly.", _train)
    _add_settings(train)
    _add_length(train)
    train.add_argument("--name", default="", metavar="TEXT", help="display name of the run")

    resume = command("resume", "Go on with a run from its last checkpoint, in the foreground.", _resume)
    resume.add_argument("run_id", metavar="RUN")
    _add_length(resume)
    resume.add_argument("--quiet", action="store_true", help="no progress bar; write to standard error alone")
    resume.add_argument("--from-queue", action="store_true", help=argparse.SUPPRESS)

    fork = command("fork", "Go on from a checkpoint of a run with other settings, as a run of its own, in the foreground.", _fork)
    fork.add_argument("run_id", metavar="RUN")
    chosen = fork.add_mutually_exclusive_group()
    chosen.add_argument("--step", type=int, metavar="N", help="of which there is a checkpoint (default: the newest)")
    chosen.add_argument("--checkpoint", choices=("last", "best"), default="last", help="the newest (default), or the best by FID")
    _add_assignments(fork)
    _add_length(fork)
    fork.add_argument("--name", default="", metavar="TEXT", help="display name of the fork")

    command("runs", "List all runs, the newest first.", _runs, has_json=True)
    score = command("score", "Score runs: FID and more of new images from a checkpoint.", _score, has_json=True)
    score.add_argument("run_ids", nargs="+", metavar="RUN")
    score.add_argument("--extractor", default="auto", metavar="NAME",
                       help="classifier, inception, random-vgg, or auto (default): the first of these at hand")  # fmt: skip
    score.add_argument("--images", type=int, default=2000, metavar="N", help="generated images per draw (default: 2000)")
    score.add_argument("--draws", type=int, default=3, metavar="K", help="independent draws, for the spread (default: 3)")
    score.add_argument("--seed", type=int, default=0, metavar="N", help="start of the random numbers (default: 0)")
    score.add_argument("--checkpoint", choices=("last", "best"), default="last", help=_CHECKPOINT_HELP)
    score.add_argument("--quiet", action="store_true", help="no progress bar and no result; only the log on standard error")
    sample = command("sample", "Draw a grid of images from a checkpoint of a run.", _sample)
    sample.add_argument("run_id", metavar="RUN")
    sample.add_argument("--class", metavar="NAME", dest="class_name", help="of this class only (default: all, one a column)")
    sample.add_argument("--images", type=int, default=64, metavar="N", help="how many, from 1 to 1024 (default: 64)")
    sample.add_argument("--seed", type=int, default=0, metavar="N", help="start of the random numbers (default: 0)")
    sample.add_argument("--checkpoint", choices=("last", "best"), default="last", help=_CHECKPOINT_HELP)
    sample.add_argument("--out", type=Path, metavar="FILE", help="PNG file to write (default: asked.png in the run's folder)")
    sample.add_argument("--quiet", action="store_true", help="do not print the path")
    weights = command("weights", "Download and verify the weights of a published network that scores can use.", _weights)
    weights.add_argument("network", choices=("inception", "alexnet"), help="inception, for a plain FID, or alexnet, for LPIPS")
    command("presets", "List the presets.", _presets, has_json=True)
    estimate = command("estimate", "Measure how long a training would take on this machine.", _estimate, has_json=True)
    _add_settings(estimate)
    _add_length(estimate)
    layers = command("layers", "List the layers of both networks: shapes, parameters, work, memory.", _layers, has_json=True)
    _add_settings(layers)
    layers.add_argument("--quiet", action="store_true", help="write them down for the dashboard, and print nothing")
    _add_data(commands, command)
    sweep_commands.add(command)
    report_commands.add(command)
    return parser


def _add_data(commands: Any, command: Callable[..., Parser]) -> None:
    """Add the ``data`` commands; what they do is in ``gan.data.commands``."""
    about = "Import, list, show, prepare and remove data sets."
    data = commands.add_parser("data", help=about, description=about)
    actions = data.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, help: str, run: str, *, has_json: bool = False, is_long: bool = False) -> Parser:
        added = command(name, help, lambda options: _data(options, run, is_long), has_json=has_json, commands=actions)
        if is_long:
            added.add_argument("--quiet", action="store_true", help="no progress bar")
            added.add_argument("--size", type=int, choices=(16, 32, 64, 128, 256), default=32, metavar="PIXELS",
                               help="16, 32 (default), 64, 128 or 256")  # fmt: skip
        return added

    about = "Import a folder, a folder per class, a ZIP of either, or a CSV file of points."
    bring = action("import", about, "bring_in", is_long=True)
    bring.add_argument("path", type=Path, metavar="PATH")
    bring.add_argument("--name", required=True, metavar="NAME", help="what to call it; any letters")
    bring.add_argument("--consume", action="store_true", help=argparse.SUPPRESS)
    action("list", "List the data sets.", "list_sets", has_json=True)
    show = action("show", "Counts, sizes, brightness, duplicates, and what was skipped.", "show", has_json=True, is_long=True)
    show.add_argument("name", metavar="NAME")
    prepare = action("prepare", "Download and decode a data set at one size, once for all runs.", "prepare", is_long=True)
    prepare.add_argument("name", metavar="NAME")
    prepare.add_argument("--fit", choices=("crop", "pad"), default="crop", help="crop (default) or pad")
    prepare.add_argument("--colour", choices=("auto", "grey", "colour"), default="auto", help="auto (default), grey or colour")
    action("remove", "Remove an imported data set.", "remove").add_argument("name", metavar="NAME")


def _data(options: argparse.Namespace, name: str, is_long: bool) -> int:
    from gan.data import commands

    run: Callable[..., int] = getattr(commands, name)
    if not is_long:
        return run(options)
    with _Progress(is_quiet=options.quiet or getattr(options, "json", False)) as progress:
        return run(options, progress.report)


def _add_settings(parser: Parser) -> None:
    parser.add_argument("--preset", default=presets.DEFAULT, metavar="NAME", help=f"default: {presets.DEFAULT}")
    _add_assignments(parser)


def _add_assignments(parser: Parser) -> None:
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.FIELD=VALUE", dest="assignments",
                        help="change one setting; may be repeated")  # fmt: skip


def _add_length(parser: Parser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--steps", type=int, metavar="N", help="length in generator steps")
    group.add_argument("--epochs", type=int, metavar="N", help="length in passes over the real images")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # letters that a terminal may lack
    logging.raiseExceptions = False  # a log on a full disk is no reason for a traceback: the run says what happened
    try:
        options = make_parser().parse_args(arguments)
        options.root = options.root.expanduser() if options.root else runs.default_root()
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except InputError as error:
        return _complain(str(error), status=2)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # pressed again while this process ends, it would end it without a word
        return _complain("Stopped by Ctrl-C; “python -m gan runs” lists what there is.", status=130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads: what is left is not worth a complaint
        return 1
    except OSError as error:
        return _complain(explain_os_error(error, "the command"), status=1)


def _complain(sentence: str, status: int) -> int:
    """Print a sentence on standard error, on one line whatever is quoted in it, and return the exit status."""
    print(" ".join(sentence.split()), file=sys.stderr)
    return status


def _train(options: argparse.Namespace) -> int:
    config, name = _config(options), runs.checked_name(options.name)
    from gan.data import loaders

    with _Progress(is_quiet=False) as progress:
        loaders.ensure(config.data, progress.report)  # before the run is made: without data there is none
    run = runs.create(options.root, config, name, state="starting", threads=config.training.threads or launcher.usual_threads())
    return _foreground(run, run.hold(), is_quiet=False)


def _resume(options: argparse.Namespace) -> int:
    run = runs.find(options.root, options.run_id)
    config = run.config()
    if options.from_queue:  # which has asked and noted everything already
        return _foreground(run, run.hold(), is_quiet=True)
    length, status = _length(options), run.status()
    if status.state in ("running", "starting"):
        raise InputError(f"Run {run.id} is under way already.")
    total = launcher.total_after(run, status, length)
    held = run.hold()
    with explained(f"resuming run {run.id}"):
        run.write_control(stop=False, length=length or run.control().length)
        threads = status.threads or config.training.threads or launcher.usual_threads()
        run.write_status(status.model_copy(update={"state": "starting", "threads": threads, "total_steps": total}))
    return _foreground(run, held, is_quiet=options.quiet)


def _fork(options: argparse.Namespace) -> int:
    parent = runs.find(options.root, options.run_id)
    changes, step = _changes(options), options.step
    if options.checkpoint == "best":
        step = forks.best(parent)
        if step is None:
            raise InputError(f"Run {parent.id} has no best checkpoint; leave --checkpoint out to fork from its newest one.")
    found = forks.plan(parent.config(), changes)
    threads = found.config.training.threads or launcher.usual_threads()
    child = forks.make(parent, step, changes, options.name, state="starting", threads=threads)
    held = child.hold()
    origin = child.origin()
    print(f"Forked {parent.id} as {child.id}, {forks.describe(origin)}." if origin else child.id)
    if not found.goes_on:
        print(f"Starting afresh: {found.reason}")
    return _foreground(child, held, is_quiet=False)


def _foreground(run: Run, held: FileLock, *, is_quiet: bool) -> int:
    """Train a run, whose lock is ``held``, in this process, with a progress bar unless quiet."""
    interrupted = _Interrupt()
    try:
        with explained(f"writing the log of run {run.id}"):
            _log_to(run, is_quiet=is_quiet)
        from gan.training.loop import train  # imports torch, so only now that the run is held

        with _Progress(is_quiet) as progress:
            status = train(run, progress.observe, interrupted.is_set)
    finally:
        held.release()
        launcher.advance(run.root)
    is_well = status.state in ("finished", "stopped")
    if not is_quiet:
        print(_closing_words(run, status), file=sys.stdout if is_well else sys.stderr)
    return 0 if is_well else 1


def _closing_words(run: Run, status: Status) -> str:
    elsewhere = "" if run.root == runs.default_root() else f" --root {shlex.quote(str(run.root))}"
    if status.state == "stopped":
        return f"Stopped at step {status.step} of {status.total_steps}. Go on with: python -m gan resume {run.id}{elsewhere}"
    if status.state == "finished":
        score = f"python -m gan score {run.id}{elsewhere}"
        return f"Finished {status.step} steps. Samples: {run.samples_path}. Score it with: {score}"
    return f"{status.state.capitalize()} at step {status.step}: {status.message} The log is {run.log_path}."


def _runs(options: argparse.Namespace) -> int:
    rows = [_row(run) for run in runs.list_runs(options.root)]
    if options.json:
        print(runs.to_json(rows, indent=1))
    elif not rows:
        print(f"No runs in {options.root} yet; start one with: python -m gan train")
    for row in [] if options.json else rows:
        print(f"{row['id']}  {row['state']:<11}  {row['step']:>7}/{row['total_steps']:<7}  {row['name']}")
    return 0


def _row(run: Run) -> dict[str, Any]:
    status = run.status()
    return {"id": run.id, "name": run.label(), **status.model_dump(), "epoch": round(status.epoch, 3)}


def _score(options: argparse.Namespace) -> int:
    chosen, refused = [], []
    for run_id in dict.fromkeys(options.run_ids):
        try:
            chosen.append(runs.find(options.root, run_id))
        except InputError as error:
            refused.append(str(error))
    if not chosen:
        raise InputError(refused[0])
    import torch

    from gan.scoring import doctor, glossary, scores

    if options.quiet:
        logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=_FORMAT)
    torch.set_num_threads(launcher.usual_threads())
    plan = scores.Plan(options.extractor, options.images, options.draws, options.seed, options.checkpoint)
    found, has_failed = [], bool(refused)
    for sentence in refused:
        _complain(sentence, status=1)
    with _Progress(is_quiet=options.quiet or options.json) as progress:
        for place, run in enumerate(chosen):
            try:
                with _waiting(chosen[place + 1 :]):
                    line = scores.score_run(run, plan, progress.report)
                verdicts = [vars(verdict) for verdict in doctor.diagnose(run, line, doctor.logged(run), run.scores())]
                found.append({"run": run.id, "name": run.label(), **line, "verdicts": verdicts})
            except InputError as error:
                has_failed = True
                print(f"{run.label()}: {error}", file=sys.stderr)
    if options.json:
        print(runs.to_json(found, indent=1))
    elif not options.quiet:
        for line in found:
            print(f"{line['run']}  {line['name']}: {scores.describe(line)}")
            for reason in glossary.missing(line):
                print(f"    {reason}")
            for verdict in line["verdicts"]:
                print(f"    {verdict['title']}: {verdict['sentence']} {verdict['remedy']}")
    return 1 if has_failed else 0


@contextlib.contextmanager
def _waiting(chosen: Sequence[Run]) -> Iterator[None]:
    """Show, now and then, that runs that wait to be scored have not been forgotten."""
    is_over = threading.Event()

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


def _sample(options: argparse.Namespace) -> int:
    run = runs.find(options.root, options.run_id)
    import torch

    from gan.training import pictures, sampling

    torch.set_num_threads(launcher.usual_threads())
    picture = sampling.draw(run, options.class_name, options.images, options.seed, options.checkpoint)
    target = options.out.expanduser().absolute() if options.out else run.asked_path
    with explained("writing the picture"):
        runs.write_atomically(target, pictures.to_png(picture), durable=False)
    if not options.quiet:
        print(target)
    return 0


def _weights(options: argparse.Namespace) -> int:
    from gan.scoring import inception, perceptual

    wanted = {"inception": inception.WEIGHTS, "alexnet": perceptual.WEIGHTS}[options.network]
    with _Progress(is_quiet=False) as progress:
        path = wanted.fetch(progress.report)
    print(f"{path} holds the published {wanted.title} weights.")
    return 0


def _presets(options: argparse.Namespace) -> int:
    if options.json:
        rows = [{**vars(preset), "config": preset.config.model_dump(mode="json")} for preset in presets.PRESETS.values()]
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return 0
    for preset in presets.PRESETS.values():
        print(f"{preset.name:<28}{preset.title}\n{'':<28}{preset.description}")
    return 0


def _estimate(options: argparse.Namespace) -> int:
    config = _config(options)
    from gan.training import estimate

    found = estimate.measure(options.root, config)
    if options.json:
        print(json.dumps(vars(found)))
    else:
        print(
            f"{found.images_per_second:,.0f} images/s with {words.count(found.threads, 'thread')} in {found.precision}: "
            f"{words.duration(found.seconds_per_epoch)} an epoch, {words.duration(found.seconds)} in all."
        )
    return 0


def _layers(options: argparse.Namespace) -> int:
    config = _config(options)
    from gan.networks import report

    found = report.describe(config)
    if options.json:
        print(json.dumps(dataclasses.asdict(found)))
    elif not options.quiet:
        print(report.as_text(found))
    estimates.keep_layers(options.root, config, dataclasses.asdict(found))
    return 0


def _config(options: argparse.Namespace) -> configs.RunConfig:
    return configs.replace(presets.find(options.preset).config, _changes(options))


def _changes(options: argparse.Namespace) -> dict[str, Any]:
    changes = configs.parse_assignments(options.assignments)
    if length := _length(options):
        changes["training.length"] = str(length)
    return changes


def _length(options: argparse.Namespace) -> sections.Span | None:
    for unit in ("steps", "epochs"):
        count = getattr(options, unit, None)
        if count is not None and not 1 <= count <= 100_000_000:
            raise InputError(f"--{unit} is {count}, expected a whole number from 1 to 100000000; change it.")
        if count is not None:
            return sections.Span(count=count, unit=unit)  # type: ignore[arg-type]
    return None


_WAITING_HEARTBEAT = 5.0  # seconds
_FORMAT = "%(asctime)s %(levelname)s %(message)s"


def _log_to(run: Run, *, is_quiet: bool) -> None:
    """Write the log to the run's file; a quiet process has that file as its standard error already."""
    if is_quiet:
        logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=_FORMAT)
    else:
        logging.basicConfig(filename=run.log_path, level=logging.INFO, format=_FORMAT, encoding="utf-8")


class _Interrupt:
    """Turns Ctrl-C and a polite kill into a wish to stop; a second Ctrl-C ends the process at once."""

    def __init__(self) -> None:
        self._is_set = False
        for name in ("SIGINT", "SIGTERM"):
            signal.signal(getattr(signal, name), self._catch)

    def _catch(self, number: int, frame: object) -> None:
        if self._is_set and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._is_set = True

    def is_set(self) -> bool:
        return self._is_set


class _Progress:
    """A progress bar on a terminal, a line now and then elsewhere, nothing when quiet."""

    def __init__(self, is_quiet: bool) -> None:
        self._is_quiet, self._bar, self._said = is_quiet, None, ""

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def observe(self, status: Status, line: dict[str, Any] | None) -> None:
        """Show how far a training is (an observer of the training loop)."""
        if self._is_quiet or status.state != "running" or not status.total_steps:
            return
        bar = self._make(total=status.total_steps, unit="step", initial=status.step)
        bar.total = status.total_steps
        if line:
            bar.set_postfix_str(
                f"D {line['discriminator_loss']:.3f} G {line['generator_loss']:.3f} {line['images_per_second']:.0f} images/s",
                refresh=False,
            )
            bar.update(line["step"] - bar.n)

    def report(self, sentence: str, share: float) -> None:
        """Show how far something else is: a sentence and a share from 0 to 1."""
        if self._is_quiet:
            return
        bar = self._make(total=100, unit="%", initial=0)
        bar.set_description_str(sentence, refresh=False)
        bar.update(round(share * 100) - bar.n)

    def _make(self, total: int, unit: str, initial: int) -> Any:
        if self._bar is None:
            from tqdm import tqdm

            interval = 0.2 if sys.stderr.isatty() else 10.0
            self._bar = tqdm(total=total, unit=unit, initial=initial, mininterval=interval, dynamic_ncols=True)
        return self._bar


if __name__ == "__main__":
    sys.exit(main())
