"""The training loop: one run from its first step, or from its newest checkpoint, to its end.

The run directory is the interface: progress is written to it, and requests are read from it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gan import config as configs
from gan import runs, words
from gan.config import GRID, schedules
from gan.config.fields import Span
from gan.data import loaders
from gan.data.feed import to_float, to_pixels
from gan.errors import InputError, RunFailed
from gan.runs import Run, Status
from gan.runs import checkpoints as checkpoint_files
from gan.runs.checkpoints import OWN_STATISTICS
from gan.storage import files
from gan.storage.lines import LineWriter
from gan.training import checkpoints, labels, opinions, pictures, precision, statistics
from gan.training.assembly import Pace, build_game
from gan.training.dealer import Dealer, draw_latents
from gan.training.failures import describe
from gan.training.game import Outcome
from gan.training.quick import LoadScorer, QuickScores, ScoringTime
from gan.training.sampling import generate
from gan.training.state import pack, unpack

log = logging.getLogger("gan")

_HEARTBEAT_SECONDS = 1.0
_SHOWN_POINTS = 2000  # generated points per picture
_NOISE = ("augmentation.instance_noise", "augmentation.noise_fade")
_EARLY_SHARE = 0.01  # of the expected training time, for early samples
_FIRST_EARLY = 5  # step of the first early sample; each of the next comes at twice the step
_RESERVE_BYTES = 32768  # freed if the disk is full, so that the final status can still be written

#: Called with the status and the newest logged line (None if nothing was logged since the last call).
Observer = Callable[[Status, dict[str, Any] | None], None]


def train(
    run: Run,
    observe: Observer = lambda status, line: None,
    should_stop: Callable[[], bool] = lambda: False,
    scorer: LoadScorer | None = None,
) -> Status:
    """Train a run to its end and return its final status; the caller holds the run's lock.

    Continues from the newest intact checkpoint, if any. The final state is "finished", "stopped" (requested by ``should_stop`` or
    the control file), "diverged" (a loss or a weight became NaN or infinite) or "failed" (the message gives the reason).
    """
    trainer = None
    reserve = run.path / ".reserve"
    try:
        run.clear_rubbish()
        files.write_atomically(reserve, bytes(_RESERVE_BYTES), durable=False)
        trainer = Trainer(run, observe, scorer)
        return trainer.play(should_stop)
    except (InputError, RunFailed) as error:
        message = str(error)
    except Exception as error:
        message = describe(error)
        with suppress(OSError):
            log.exception("The training failed")
    with suppress(OSError):
        reserve.unlink()
    status = trainer.status if trainer else run.status()
    status = status.model_copy(update={"state": "failed", "message": message, "heartbeat": time.time()})
    with suppress(OSError):
        run.write_status(status)
    with suppress(OSError):
        log.error(message)
    return status


class Trainer:
    """A run in memory: data, players, and the rest of a checkpoint's state."""

    def __init__(self, run: Run, observe: Observer, scorer: LoadScorer | None = None) -> None:
        """Load the data, build the players and restore the newest intact checkpoint, if any."""
        # What was asked, and what is there to continue from.
        self.run, self.config, self.observe = run, run.config(), observe
        self.status = run.status()
        configs.require_data(self.config, may_be_gone=True)
        saved, complaints = checkpoints.load_newest(run.checkpoints_path)

        # The machine: threads and precision stay as they were, because others would change the losses.
        threads = saved.facts["threads"] if saved else self.status.threads
        torch.set_num_threads(max(1, threads))
        torch.set_flush_denormal(True)
        self.device = precision.choose_device(self.config.training.device)
        asked = self.config.training.precision
        if saved and asked == "auto":
            asked = saved.facts["precision"]
        chosen = precision.choose_precision(asked, self.device)
        self._announce(
            state="running",
            message="Loading the images",
            threads=threads,
            precision=chosen,
            device=precision.name_device(self.device),
            software=precision.name_software(),
        )

        # The real images, in shuffled batches.
        data = self.config.data
        self.images = loaders.load(data, report=self._report_loading)
        self.dealer = Dealer(self.config, self.images, self.device)
        self.images_per_step = self.config.optimizer.images_per_step
        self.steps_per_epoch = max(1, len(self.images) // self.images_per_step)

        # The players, and latent vectors of their own for the samples.
        self._announce(durable=False, message="Building the networks")
        torch.manual_seed(self.config.training.seed)
        self.has_products = bool(saved.facts.get("has_products")) if saved else True  # checkpoints of earlier versions lack it
        self.game = build_game(self.config, self.device, chosen, has_products=self.has_products)
        self.pace = Pace(self.config)
        self.columns = len(self.config.columns) or GRID
        shown = _SHOWN_POINTS if data.is_points else GRID * self.columns
        source = torch.Generator().manual_seed(self.config.training.seed + 2)
        self.fixed_latents = draw_latents(self.config, shown, source).to(self.device)
        self.fixed_labels = labels.in_columns(self.config, shown)
        self.shown_reals = torch.randperm(len(self.images), generator=torch.Generator().manual_seed(0))[: GRID**2]

        # The state of the newest intact checkpoint.
        self.step, self.seconds = 0, 0.0
        self.sample_seconds = self.early_seconds = 0.0  # taken by the last picture of samples, and by all early ones
        self._estimated_at = -1  # step of the averaged generator's batch-norm statistics
        self.quick = QuickScores(run, self.config, self.device, scorer, self._save_checkpoint)
        if saved:
            self._restore(saved)
        for complaint in complaints:
            log.warning("%s Continuing from step %d.", complaint, self.step)
        if saved:
            checkpoints.settle(run.checkpoints_path, self.step)
        if not run.reals_path.exists():
            self._save_reals()
        notes = [f"Continued from the checkpoint of step {self.step}, because a newer one is damaged."] if complaints else []
        if saved and (change := checkpoint_files.changed_data(run, saved.facts)):
            notes.append(change)
            log.warning(change)
        self._announce(step=self.step, seconds=self.seconds, steps_per_epoch=self.steps_per_epoch, message=" ".join(notes))

    def play(self, should_stop: Callable[[], bool]) -> Status:
        """Train until the length is reached or a stop is requested; return the final status."""
        length = self.run.control().length or self.config.training.length
        self.total = length.in_steps(self.steps_per_epoch)
        cadence = self.config.cadence
        is_due = {name: _every(span, self.steps_per_epoch) for name, span in cadence if isinstance(span, Span)}
        self._announce(total_steps=self.total)
        log.info(
            "Training %s from step %d to %d on %s, %s, %s",
            self.run.id,
            self.step,
            self.total,
            self.status.device,
            self.status.precision,
            words.count(self.status.threads, "thread"),
        )
        if self.step == 0:
            self._save_samples()

        metrics = LineWriter(self.run.metrics_path)
        try:
            started, began_at = time.perf_counter(), self.seconds
            marked, marked_step, last_beat = started, self.step, -_HEARTBEAT_SECONDS  # the first step is reported at once
            is_finite = torch.ones((), dtype=torch.bool, device=self.device)
            is_compiling = self.config.training.compile
            if is_compiling:
                self._announce(message="Compiling the networks; this takes a minute or more")
            while self.step < self.total:
                # Play one step; gradient norms are computed only if it is logged.
                should_log = is_due["log_every"](self.step + 1) or self.step + 1 == self.total
                noise = self.pace.keep(self.game, self.step / self.total)
                outcome = self.game.step(self.dealer.step(self.step), noise=noise, wants_norms=should_log)
                self.step += 1
                if is_compiling:
                    is_compiling = False
                    self._announce(message="")
                is_finite &= torch.isfinite(outcome.discriminator_loss) & torch.isfinite(outcome.generator_loss)

                # Log the step; its line is written before its checkpoint.
                now = time.perf_counter()
                self.seconds = began_at + now - started
                line = None
                if should_log:
                    speed = (self.step - marked_step) * self.images_per_step / max(now - marked, 1e-9)
                    marked, marked_step = now, self.step
                    line = self._line(outcome, speed)
                    metrics.write(line)
                    self.status = self.status.model_copy(update={"images_per_second": round(speed, 1)})

                # Save what is due, unless the training has diverged.
                has_checkpoint = is_due["checkpoint_every"](self.step) or self.step == self.total
                if (should_log or has_checkpoint) and not is_finite:
                    return self._end_diverged("loss")
                if is_due["sample_every"](self.step) or self.step == self.total:
                    self._save_samples()
                elif self._is_early():
                    self.early_seconds += self._save_samples()
                if is_due["score_every"](self.step):
                    started += self._score(is_finite)
                if has_checkpoint:  # after scoring, so that a resumed run never lacks the score of this step
                    metrics.sync()
                    if not self._save_checkpoint(self.run.checkpoints_path):
                        return self._end_diverged("weight")
                marked += time.perf_counter() - now  # the logged speed excludes sampling, scoring and saving

                # Update the status.
                if now - last_beat >= _HEARTBEAT_SECONDS or (line is not None and now - last_beat >= _HEARTBEAT_SECONDS / 2):
                    last_beat = now
                    self._announce(durable=False, step=self.step, seconds=self.seconds, images_seen=self.images_seen)
                self.observe(self.status, line)

                # Stop on request, after saving a checkpoint.
                if self.step < self.total and (should_stop() or self.run.control().stop):
                    if not has_checkpoint:
                        metrics.sync()
                        if not is_finite:
                            return self._end_diverged("loss")
                        if not self._save_checkpoint(self.run.checkpoints_path):
                            return self._end_diverged("weight")
                    return self._end("stopped", "Stopped; resume it to continue.")
            return self._end("finished", "")
        finally:
            metrics.close()
            with suppress(OSError):
                (self.run.path / ".reserve").unlink()

    def _line(self, outcome: Outcome, speed: float) -> dict[str, Any]:
        """Return one line of the metrics file."""
        values = {name: None if value is None else float(value) for name, value in vars(outcome).items()}
        if outcome.penalty is None:
            del values["penalty"]
        return {
            "step": self.step,
            "epoch": round(self.step / self.steps_per_epoch, 4),
            "images_seen": self.images_seen,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(speed, 1),
            **values,
        }

    @property
    def images_seen(self) -> int:
        """Number of real images that the discriminator has seen."""
        return self.step * self.images_per_step

    def sampler(self) -> nn.Module:
        """Return the generator that samples are drawn from: the averaged one, if any, with batch-norm statistics of its own."""
        if self.game.average is None:
            return self.game.generator
        if self._estimated_at != self.step:
            statistics.estimate(self.game.average.module, self.config)
            self._estimated_at = self.step
        return self.game.average.module

    def _is_early(self) -> bool:
        """Return whether an early sample is due and affordable: at steps 5, 10, 20, 40, … before the first regular one."""
        before = self.config.cadence.sample_every.in_steps(self.steps_per_epoch) if self.config.cadence.early_samples else 0
        if self.step >= before or self.step not in (_FIRST_EARLY << place for place in range(32)):
            return False
        return self.early_seconds + self.sample_seconds <= _EARLY_SHARE * self.seconds / self.step * self.total

    def _save_samples(self) -> float:
        """Save a picture of the samples; return the seconds that it took."""
        began = time.perf_counter()
        fakes = generate(self.sampler(), self.fixed_latents, self.fixed_labels, self.game.autocast)
        if self.config.data.is_points:
            picture = pictures.scatter(fakes, self.images.values)
        else:
            picture = pictures.grid(to_pixels(fakes), columns=self.columns)
        self._save_opinions(fakes)
        files.write_atomically(self.run.samples_path / f"{self.step:08d}.png", pictures.to_png(picture), durable=False)
        self.sample_seconds = time.perf_counter() - began
        return self.sample_seconds

    def _save_opinions(self, fakes: Tensor) -> None:
        """Save what the discriminator thinks of the real images shown and of the samples; of points, of as many."""
        count = GRID**2 if self.config.data.is_points else len(fakes)
        told = self.fixed_labels if self.fixed_labels is None else self.fixed_labels[:count]
        reals, classes = self.images.take(self.shown_reals), self.images.labels[self.shown_reals]
        reals = to_float(reals) if reals.dtype == torch.uint8 else reals
        packing = self.config.networks.packing
        found = runs.Opinions(
            is_probability=self.game.is_probability,
            real=opinions.judge(self.game, reals.to(self.device), None if told is None else classes, packing),
            fake=opinions.judge(self.game, fakes[:count], told, packing),
        )
        self.run.write_opinions(self.step, found)

    def _save_reals(self) -> None:
        if self.config.data.is_points:
            picture = pictures.scatter(None, self.images.values)
        else:
            picture = pictures.grid(self.images.take(self.shown_reals))
        files.write_atomically(self.run.reals_path, pictures.to_png(picture), durable=False)

    def _save_checkpoint(self, folder: Path, kept: int = checkpoints.KEPT, **more: Any) -> bool:
        """Save everything needed for an exact resume; return False, with nothing saved, if a weight is NaN or infinite."""
        self.sampler()  # estimates the statistics that are saved
        tensors, facts = pack(self.game)
        if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values() if tensor.is_floating_point()):
            return False
        tensors["random/latents"] = self.dealer.latents.get_state()
        tensors["random/torch"] = torch.get_rng_state()
        if self.device.type == "cuda":
            tensors["random/cuda"] = torch.cuda.get_rng_state(self.device)
        facts |= {"seconds": self.seconds, "threads": self.status.threads, "precision": self.status.precision}
        facts |= {"epoch": self.step / self.steps_per_epoch, "images_seen": self.images_seen}
        facts |= {"has_products": self.has_products}
        facts |= {"noise_left": self.pace.noise_left, "data_version": self.config.data.entry.version}
        facts |= {"scoring": vars(self.quick.time), OWN_STATISTICS: self.game.average is not None, **more}
        checkpoints.save(folder, self.step, tensors, facts, kept)
        return True

    def _restore(self, saved: checkpoints.Checkpoint) -> None:
        unpack(self.game, saved.tensors, saved.facts)
        self.dealer.latents.set_state(saved.tensors["random/latents"])
        torch.set_rng_state(saved.tensors["random/torch"])
        if self.device.type == "cuda" and "random/cuda" in saved.tensors:
            torch.cuda.set_rng_state(saved.tensors["random/cuda"], self.device)
        self.step, self.seconds = saved.step, float(saved.facts["seconds"])
        self.quick.time = ScoringTime(**saved.facts.get("scoring", {}))
        self.pace.noise_left = self._noise_left(saved)

    def _noise_left(self, saved: checkpoints.Checkpoint) -> float:
        """Return the share of the instance noise that was left at a checkpoint; all of it in a fork that changes the noise."""
        origin = self.run.origin()
        if origin and origin.step == saved.step and any(key in origin.changes for key in _NOISE):
            return 1.0
        total = self.config.training.length.in_steps(self.steps_per_epoch)
        planned = schedules.noise(self.config, (saved.step - 1) / total) if 0 < saved.step <= total else 1.0
        return float(saved.facts.get("noise_left", planned))  # checkpoints of earlier versions lack it

    def _score(self, is_finite: Tensor) -> float:
        """Make a quick score, if time allows; return the seconds of preparation, which do not count as training time."""
        if not self.quick.has_time(self.seconds):
            return 0.0
        self._announce(message="Scoring")
        preparation = self.quick.score(self.step, self.seconds, self.sampler(), is_finite=bool(is_finite))
        self._announce(message="")
        return preparation

    def _report_loading(self, sentence: str, share: float) -> None:
        self._announce(durable=False, message=f"{sentence} · {share:.0%}")

    def _announce(self, *, durable: bool = True, **changes: Any) -> None:
        """Update the status on disk, heartbeat included, and notify the observer."""
        self.status = self.status.model_copy(update={**changes, "heartbeat": time.time()})
        self.run.write_status(self.status, durable=durable)
        self.observe(self.status, None)

    def _end_diverged(self, what: str) -> Status:
        """End the run because a loss or a weight (``what``) is NaN or infinite; the message says which checkpoint is left."""
        found = checkpoints.steps(self.run.checkpoints_path)
        left = f"the checkpoint of step {found[-1]} is kept" if found else "no checkpoint had been saved"
        return self._end("diverged", f"A {what} became NaN or infinite; {left}. Try a smaller learning rate.")

    def _end(self, state: runs.State, message: str) -> Status:
        self._announce(state=state, message=message, step=self.step, seconds=self.seconds, images_seen=self.images_seen)
        log.info("The run ended as %s at step %d. %s", state, self.step, message)
        return self.status


def _every(span: Span, steps_per_epoch: int) -> Callable[[int], bool]:
    """Return a function of the step: whether something with this interval is due. An interval of 0 is never due."""
    every = span.in_steps(steps_per_epoch)
    return lambda step: every > 0 and step % every == 0
