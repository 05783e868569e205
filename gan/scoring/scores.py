"""Scoring a run: draws images from a checkpoint, measures them with spread and floor, and appends a line of scores."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from gan.config import RunConfig
from gan.config.data import DataConfig
from gan.data.feed import to_pixels
from gan.errors import InputError, RunFailed, explain_os_error
from gan.judging.lines import describe, real_part
from gan.judging.request import Plan
from gan.runs import Run, Scoring
from gan.scoring import measures, projection, reference
from gan.scoring.extractors import classifier, coordinates, efficientnet, inception, perceptual, stacked, vgg
from gan.scoring.extractors.extractor import Extractor
from gan.scoring.measures import Draw
from gan.scoring.reference import Reference
from gan.storage.jobs import Report, Teller, say_nothing
from gan.storage.lines import LineWriter
from gan.training import labels
from gan.training.sampling import generate, newest, restore
from gan.words import percent

log = logging.getLogger("gan")


def score_run(run: Run, plan: Plan, report: Report = say_nothing) -> dict[str, Any]:
    """Score a checkpoint of a run, append the line to its scores and return it; see ``gan.judging.lines`` for its format.

    The plan chooses the newest or the best checkpoint. Progress goes to ``report`` and to the run's scoring file. Raises InputError
    if the run cannot be scored; the scoring file then ends with the same sentence.
    """
    return recorded(run, report, lambda progress: _score(run, plan, progress))


def recorded(run: Run, report: Report, score: Callable[[Progress], dict[str, Any]]) -> dict[str, Any]:
    """Carry out a scoring under the lock of a run or a guest and return its line.

    The scoring file says how far it is, and how it ended. Raises InputError if it fails, in a sentence.
    """
    held = run.hold_scoring()
    progress = Progress(run, report)
    try:
        line = score(progress)
        progress.end("finished", describe(line))
        return line
    except (InputError, RunFailed) as error:
        progress.end("failed", str(error))
        raise InputError(str(error)) from error
    except Exception as error:
        log.exception("Scoring run %s failed", run.id)
        sentence = _explain(error)
        progress.end("failed", sentence)
        raise InputError(sentence) from error
    except BaseException:  # Ctrl-C
        progress.end("failed", "The scoring was interrupted; score the run again.")
        raise
    finally:
        held.release()


def _score(run: Run, plan: Plan, progress: Progress) -> dict[str, Any]:
    started = time.monotonic()
    config = run.config()
    saved = newest(run, "Scoring", plan.checkpoint)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator, weights = restore(config, saved, device)

    extractor = choose_extractor(plan.extractor, config.data, device, progress.phase(0.0, 0.2))
    lpips = None if config.data.is_points else perceptual.load(device)
    real = reference.load(config.data, extractor, progress.phase(0.2, 0.4), lpips, plan.images)
    facts = {
        "step": saved.step,
        "epoch": saved.facts["epoch"],
        "images_seen": saved.facts["images_seen"],
        "source": "checkpoint",
        "checkpoint": plan.checkpoint,
        "weights": weights,
    }
    drawn: list[Draw] = []
    sample = sampler(config, generator, extractor, plan)
    line = measured_line(config.data, sample, extractor, real, plan, facts, started, progress.phase, drawn.append)
    append_line(run, line)
    try:
        projection.write(run, config.data, extractor, real.real, drawn[0], saved.step)
    except Exception:
        log.exception("Making the map of run %s failed; its scores are kept", run.id)
    return line


def choose_extractor(asked: str, data: DataConfig, device: torch.device, report: Report, *, is_quick: bool = False) -> Extractor:
    """Return the requested extractor. For a quick score, "auto" never chooses Inception or EfficientNet, which are slow on a CPU.

    "auto" passes over a classifier that is hardly better than chance (``lines.LEARNT``); the ``note`` of the extractor says so.
    """
    if data.is_points != (asked == "coordinates") and asked != "auto":
        held = "points, whose only features are their coordinates" if data.is_points else "images, and only points have coordinates"
        raise InputError(f"The extractor is “{asked}”, but “{data.name}” holds {held}; choose “auto”.")
    if data.is_points:
        return coordinates.load(device)
    passed_over = None
    if asked == "classifier" or (asked == "auto" and (stacked.can_read(data) or classifier.can_learn(data.name))):
        found = (stacked if stacked.can_read(data) else classifier).load(data.name, device, report)
        if asked == "classifier" or not found.is_at_chance:
            return found
        passed_over = found
    if asked == "inception" or (asked == "auto" and not is_quick and inception.is_at_hand()):
        chosen = inception.load(device, report)
    elif asked == "efficientnet" or (asked == "auto" and not is_quick and data.channels == 3 and efficientnet.is_at_hand()):
        chosen = efficientnet.load(device, report)
    else:
        chosen = vgg.load(device, report)
    return chosen if passed_over is None else dataclasses.replace(chosen, note=_explain_passing(passed_over))


def _explain_passing(extractor: Extractor) -> str:
    """Return a sentence on a classifier that is hardly better than chance."""
    return (
        f"The {extractor.label} was passed over: it recognises only {percent(extractor.accuracy or 0)} of the held-out images, "
        f"hardly more than guessing ({percent(extractor.chance or 0)})."
    )


def sampler(config: RunConfig, generator: nn.Module, extractor: Extractor, plan: Plan) -> Callable[[int], Iterator[Tensor]]:
    """Return a function from seeds to the images that a generator draws for a plan, in the batches of an extractor."""
    return lambda seed: draw(generator, config, plan.images, seed, extractor.batch, extractor.device)


def measured_line(
    data: DataConfig,
    sample: Callable[[int], Iterator[Tensor]],
    extractor: Extractor,
    real: Reference,
    plan: Plan,
    facts: dict[str, Any],
    started: float,
    phase: Callable[[float, float], Report] = lambda start, end: say_nothing,
    keep_first: Callable[[Draw], None] = lambda draw: None,
) -> dict[str, Any]:
    """Return the line of scores for the images of ``sample`` (see :func:`judge`), wherever they come from."""
    floor = real.floor(plan.images, plan.draws, plan.seed, phase(0.4, 0.5))
    found = judge(sample, extractor, real, plan, phase(0.5, 1.0), keep_first)
    floors = {}
    for name in (*measures.DISTANCES, *(measures.MODES if real.real.modes else ())):
        floors[f"floor_{name}"], floors[f"floor_{name}_spread"] = measures.average([one[name] for one in floor])
    return {
        **facts,
        "time": time.time(),
        "extractor": extractor.label,
        "extractor_id": extractor.id,
        "extractor_accuracy": extractor.accuracy,
        "extractor_chance": extractor.chance,
        "extractor_note": extractor.note or None,
        "data": data.name,
        "size": data.size,
        "reals": real_part(data),
        "images": plan.images,
        "real_images": len(real.features),
        "real_digest": real.fingerprint[:16],
        "features": real.features.shape[1],
        "draws": plan.draws,
        "seed": plan.seed,
        **found,
        **floors,
        "floor_images": real.floor_images(plan.images),
        "real_inception_score": real.inception_score,
        "real_class_counts": real.real.counts.tolist() or None,
        **{f"real_{name}": value for name, value in real.alone.items()},
        "seconds": round(time.monotonic() - started, 2),
    }


def draw(generator: nn.Module, config: RunConfig, images: int, seed: int, batch: int, device: torch.device) -> Iterator[Tensor]:
    """Yield ``images`` generated images in batches, as uint8 pixels [n, C, H, W] or points [n, 2]; deterministic for a seed.

    A class-conditional generator draws classes in the proportions of the data.
    """
    source = torch.Generator().manual_seed(seed)
    z = torch.randn(images, config.networks.latent, generator=source)
    told = labels.at_random(config, images, source)
    for place in range(0, images, batch):
        part = None if told is None else told[place : place + batch]
        fakes = generate(generator, z[place : place + batch].to(device), part, contextlib.nullcontext)
        yield fakes if config.data.is_points else to_pixels(fakes)


def judge(
    sample: Callable[[int], Iterator[Tensor]],
    extractor: Extractor,
    real: Reference,
    plan: Plan,
    report: Report = say_nothing,
    keep_first: Callable[[Draw], None] = lambda draw: None,
) -> dict[str, Any]:
    """Return all measurements of the images from ``sample`` (seed → batches of uint8 pixels, or points): means and spreads.

    ``keep_first`` is called with the first draw.
    """
    drawn: list[dict[str, Any]] = []
    done = 0

    def advance(images: int) -> None:
        nonlocal done
        done += images
        report("Examining the generated images", done / (plan.draws * plan.images))

    for index in range(plan.draws):
        kept: list[Tensor] = []

        def watched(seed: int, kept: list[Tensor] = kept) -> Iterator[Tensor]:
            for pixels in sample(seed):
                kept.append(pixels.cpu())
                yield pixels

        # Far from the small seeds that trainings use.
        found = extractor.extract(watched((plan.seed + 1) * 1_000_003 + index), advance)
        one = Draw(torch.cat(kept), found)
        if index == 0:
            keep_first(one)
        drawn.append(measures.measure(one, real.real, plan.seed + index))
    return measures.combine(drawn, real.real)


def append_line(run: Run, line: dict[str, Any]) -> None:
    """Append a line durably to a run's scores."""
    writer = LineWriter(run.scores_path)
    try:
        writer.write(line)
        writer.sync()
    finally:
        writer.close()


def _explain(error: Exception) -> str:
    """Return one sentence for an unexpected error."""
    if isinstance(error, OSError):
        return explain_os_error(error, "scoring")
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error):
        return "The machine ran out of memory while scoring; use fewer images."
    return f"The scoring failed unexpectedly ({type(error).__name__}: {' '.join(str(error).split())}); see the log for details."


class Progress:
    """Reports the progress of a scoring to a callback and to the run's scoring file."""

    def __init__(self, run: Run, report: Report) -> None:
        self._run, self._report = run, report
        self._teller = Teller(self._tell)

    def phase(self, start: float, end: float) -> Report:
        """Return the progress callback for a part of the work, from ``start`` to ``end`` of the whole."""
        report = self._teller.phase(start, end)
        report("Preparing", 0.0)
        return report

    def end(self, state: str, message: str) -> None:
        """Record how the scoring ended; a full disk must not hide the reason."""
        if state == "finished":
            self._report("Scored", 1.0)
        with contextlib.suppress(OSError):
            self._write(state=state, progress=1.0 if state == "finished" else 0.0, seconds_left=None, message=message)

    def _tell(self, sentence: str, share: float, seconds_left: float | None) -> None:
        self._report(sentence, share)
        self._write(state="running", progress=share, seconds_left=seconds_left, message=sentence)

    def _write(self, **fields: Any) -> None:
        self._run.write_scoring(Scoring(heartbeat=time.time(), **fields))
