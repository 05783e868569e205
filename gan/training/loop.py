"""The training loop: one run from its first step, or from its newest checkpoint, to its end.

The run directory is the interface: progress is written to it, and requests are read from it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gan import config as configs
from gan import runs, words
from gan.config.fields import Span
from gan.data import loaders
from gan.errors import RunFailed
from gan.machine import host
from gan.networks import convolutions
from gan.runs import Run, Status, changes
from gan.runs import checkpoints as checkpoint_files
from gan.runs.changes import Change
from gan.runs.checkpoints import OWN_STATISTICS
from gan.storage import files
from gan.storage.lines import LineWriter
from gan.training import checkpoints, precision, randomness, together
from gan.training.assembly import Pace, adjust, build_game
from gan.training.checkpoints import Retention
from gan.training.counting import Count, every
from gan.training.dealer import Dealer
from gan.training.failures import describe
from gan.training.game import Outcome
from gan.training.knobs import Knobs
from gan.training.quick import LoadScorer, QuickScores, ScoringTime
from gan.training.snapshots import Snapshots
from gan.training.state import pack, unpack
from gan.training.team import ALONE, Team

log = logging.getLogger("gan")

_HEARTBEAT_SECONDS = 1.0
_NOISE = ("augmentation.instance_noise", "augmentation.noise_fade")
RESERVE_BYTES = 32768  # freed if the disk is full, so that the final status can still be written

#: Called with the status and the newest logged line (None if nothing was logged since the last call).
Observer = Callable[[Status, dict[str, Any] | None], None]


class Replaced(Exception):
    """Another trainer has taken the run over, while this one slept or could not reach the folder."""


class Evicted(str):
    """Why an engine stops a run for now: it then waits until that engine continues it."""


class Trainer:
    """A run in memory: data, players, and the rest of a checkpoint's state."""

    def __init__(
        self,
        run: Run,
        observe: Observer,
        scorer: LoadScorer | None = None,
        is_replaced: Callable[[], bool] = lambda: False,
        team: Team = ALONE,
    ) -> None:
        """Load the data, build the players and restore the newest intact checkpoint, if any."""
        # What was asked, and what is there to continue from.
        self.run, self.observe, self._is_replaced, self.team = run, observe, is_replaced, team
        self.status = run.status()
        asked = configs.require_data(run.config(), may_be_gone=True)
        saved, complaints = checkpoints.load_newest(run.checkpoints_path)
        earlier = int(saved.facts.get("generation", 0)) if saved else 0
        generation = 1 + max(self.status.generation, earlier)

        # The settings now: as asked, with the changes made before that checkpoint. Those made at it come before the next step.
        self.step = saved.step if saved else 0
        self.knobs = Knobs(run, asked, self.step)
        self.config = self.knobs.config
        together.require_size(team, run.id, self.config, saved.facts if saved else {})

        # The machine: threads and precision stay as they were, because others would change the losses.
        threads = (saved.facts["threads"] if saved else 0) or self.status.threads  # 0: the weights came from elsewhere
        precision.set_up(threads)
        self.device = team.device(self.config.training.device)
        wanted = self.config.training.precision
        if saved and wanted == "auto":
            wanted = saved.facts["precision"]
        chosen = precision.choose_precision(wanted, self.device)
        self._announce(
            state="running",
            message="Loading the images",
            host=host(),
            generation=generation,
            threads=threads,
            processes=team.size,
            precision=chosen,
            device=precision.name_device(self.device),
            software=precision.name_software(),
        )

        # The real images, in shuffled batches.
        data = self.config.data
        self.images = loaders.load(data, report=self._report_loading)
        self.dealer = Dealer(self.config, self.images, self.device, team)
        # What is said in epochs keeps its number of steps, even if the discriminator's turns per step change.
        self.steps_per_epoch = max(1, len(self.images) // asked.optimizer.images_per_step)
        self.count = Count.restored(saved.facts, self.config) if saved else Count()

        # The players, and what shows them.
        self._announce(durable=False, message="Building the networks")
        torch.manual_seed(self.config.training.seed)
        rule = saved.facts.get("products", saved.facts.get("has_products", 0)) if saved else None  # earlier versions lack it
        self.products = convolutions.best_rule(chosen) if rule is None else int(rule)
        self.game = build_game(self.config, self.device, chosen, products=self.products, team=team)
        self.pace = Pace(self.config)
        self.snapshots = Snapshots(run, self.config, self.images, self.device)

        # The state of the newest intact checkpoint.
        self.seconds = 0.0
        self.quick = QuickScores(run, self.config, self.device, scorer, self._save_checkpoint)
        if saved:
            self._restore(saved)
        randoms = {name: value for name, value in saved.tensors.items() if name.startswith("random/")} if saved else {}
        machine = {"threads": threads, "precision": chosen, "products": self.products}
        together.begin(team, self.config, self.game, self.dealer, randoms, **machine)
        for complaint in complaints:
            log.warning("%s Continuing from step %d.", complaint, self.step)
        if saved:
            checkpoints.settle(run.checkpoints_path, self.step, self._retention())
        self.snapshots.save_reals()
        notes = [f"Continued from the checkpoint of step {self.step}, because a newer one is damaged."] if complaints else []
        if saved and (change := checkpoint_files.changed_data(run, saved.facts)):
            notes.append(change)
            log.warning(change)
        self._announce(step=self.step, seconds=self.seconds, steps_per_epoch=self.steps_per_epoch, message=" ".join(notes))

    def play(self, should_stop: Callable[[], bool | str]) -> Status:
        """Train until the length is reached or a stop is requested; return the final status."""
        length = self.run.control().length or self.config.training.length
        self.total = length.in_steps(self.steps_per_epoch)
        cadence = self.config.cadence
        is_due = {name: every(span, self.steps_per_epoch) for name, span in cadence if isinstance(span, Span)}
        regular = cadence.sample_every.in_steps(self.steps_per_epoch)
        self._announce(total_steps=self.total)
        log.info(
            "Training %s from step %d to %d on %s, %s, %s",
            self.run.id,
            self.step,
            self.total,
            self.status.device,
            self.status.precision,
            words.threads(self.status.threads, self.team.size),
        )
        if self.step == 0 or not self.run.samples():
            self.snapshots.save(self.game, self.step)

        metrics = LineWriter(self.run.metrics_path)
        try:
            started, began_at = time.perf_counter(), self.seconds
            marked, marked_images, last_beat = started, self.images_seen, -_HEARTBEAT_SECONDS  # the first step is reported at once
            is_finite = torch.ones((), dtype=torch.bool, device=self.device)
            is_compiling = self.config.training.compile
            if is_compiling:
                self._announce(message="Compiling the networks; this takes a minute or more")
            while self.step < self.total:
                # Change settings, as on record or as asked.
                if self.step and not self._turn_knobs(metrics, is_finite):
                    return self._end_diverged("weight")

                # Play one step; gradient norms are computed only if it is logged.
                should_log = is_due["log_every"](self.step + 1) or self.step + 1 == self.total
                noise = self.pace.keep(self.game, self.step / self.total)
                outcome = together.step(self.team, self.game, self.dealer, self.turns, noise=noise, wants_norms=should_log)
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
                    speed = (self.images_seen - marked_images) / max(now - marked, 1e-9)
                    marked, marked_images = now, self.images_seen
                    line = self._line(outcome, speed)
                    self._require_hold()
                    metrics.write(line)
                    self.status = self.status.model_copy(update={"images_per_second": round(speed, 1)})

                # Save what is due, unless the training has diverged.
                has_checkpoint = is_due["checkpoint_every"](self.step) or self.step == self.total
                if (should_log or has_checkpoint) and not is_finite:
                    return self._end_diverged("loss")
                if is_due["sample_every"](self.step) or self.step == self.total:
                    self._require_hold()
                    self.snapshots.save(self.game, self.step)
                elif self.snapshots.is_early(self.step, regular, self.seconds / self.step * self.total):
                    self.snapshots.save(self.game, self.step, is_early=True)
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
                    self._announce(durable=False, **self._progress())
                self.observe(self.status, line)

                # Stop on request, after saving a checkpoint.
                if self.step < self.total and (asked := should_stop() or self.run.control().stop):
                    if not has_checkpoint:
                        metrics.sync()
                        if not is_finite:
                            return self._end_diverged("loss")
                        if not self._save_checkpoint(self.run.checkpoints_path):
                            return self._end_diverged("weight")
                    why = asked if isinstance(asked, str) else "Stopped; resume it to continue."
                    return self._end("queued" if isinstance(asked, Evicted) else "stopped", why)
            self._answer(lambda: self.knobs.close(self.step))
            return self._end("finished", "")
        finally:
            metrics.close()
            if not self._is_replaced():
                with suppress(OSError):
                    (self.run.path / ".reserve").unlink()

    def _line(self, outcome: Outcome, speed: float) -> dict[str, Any]:
        """Return one line of the metrics file."""
        values = {name: None if value is None else float(value) for name, value in vars(outcome).items()}
        if outcome.penalty is None:
            del values["penalty"]
        return {
            "step": self.step,
            "epoch": round(self.epoch, 4),
            "images_seen": self.images_seen,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(speed, 1),
            **values,
        }

    @property
    def turns(self) -> int:
        """Number of turns that the discriminator has had."""
        return self.count.turns_at(self.step, self.config)

    @property
    def epoch(self) -> float:
        """Passes over the real images."""
        return self.count.epochs_at(self.step, self.config, len(self.images))

    @property
    def images_seen(self) -> int:
        """Number of real images that the discriminator has seen."""
        return self.turns * self.config.optimizer.batch_size

    def _turn_knobs(self, metrics: LineWriter, is_finite: Tensor) -> bool:
        """Make the changes on record for this step, then those asked for; return False if the training has diverged.

        A change asked for is recorded first, with a checkpoint of the state before it. If that is impossible, it is refused.
        """
        for change in self.knobs.replayed(self.step):
            self._make(change)
        for request in self.knobs.asked(self.step):
            refusal = self.knobs.refusal(request, self.config)
            try:
                if not refusal:
                    if self.step not in checkpoints.steps(self.run.checkpoints_path):
                        metrics.sync()
                        if not bool(is_finite) or not self._save_checkpoint(self.run.checkpoints_path):
                            return False
                    change = request.model_copy(update={"step": self.step, "at": time.time()})
                    changes.record(self.run, change)
            except (OSError, RunFailed) as error:
                refusal = f"The change was not made, because its checkpoint could not be written: {describe(error)}"
            self._answer(partial(self.knobs.settle, request, refusal))
            if refusal:
                log.warning("Step %d, not changed: %s. %s", self.step, request.told(), refusal)
            else:
                self._make(change)
                log.info("Step %d, changed by %s: %s", self.step, change.who or "somebody", change.told())
        return True

    def _make(self, change: Change) -> None:
        """Go on with changed settings."""
        config = configs.replace(self.config, change.changes)
        if config.optimizer.discriminator_steps != self.config.optimizer.discriminator_steps:
            self.count = self.count.at(self.step, self.config, len(self.images))
        self.config, self.game = config, adjust(self.game, config)
        together.change(self.team, config)
        self.status = self.status.model_copy(update={"changed_step": self.step, "changed_seconds": self.seconds})
        self.dealer.config = config
        self.pace.follow(config, is_noise_new=any(key in change.changes for key in _NOISE))

    def _answer(self, answer: Callable[[], None]) -> None:
        """Answer a request; on a full disk, in the room that is kept for the final status."""
        try:
            answer()
        except OSError:
            reserve = self.run.path / ".reserve"
            with suppress(OSError):
                reserve.unlink()
            with suppress(OSError):
                answer()
            with suppress(OSError):
                files.write_atomically(reserve, bytes(RESERVE_BYTES), durable=False)

    def sampler(self) -> nn.Module:
        """Return the generator that samples are drawn from; see :meth:`Snapshots.sampler`."""
        return self.snapshots.sampler(self.game, self.step)

    def _retention(self) -> Retention:
        """Return which checkpoints stay: besides the newest, those before changes, and one in each doubling of the steps."""
        marked = frozenset(change.step for change in changes.applied(self.run))
        return Retention(room=self.config.cadence.checkpoint_room * 1_000_000, marked=marked)

    def _save_checkpoint(self, folder: Path, kept: Retention | None = None, **more: Any) -> bool:
        """Save everything needed for an exact resume; return False, with nothing saved, if a weight is NaN or infinite."""
        self._require_hold()
        self.sampler()  # estimates the statistics that are saved
        tensors, facts = pack(self.game)
        if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values() if tensor.is_floating_point()):
            return False
        tensors["random/latents"] = self.dealer.latents.get_state()
        tensors |= together.random_states(self.team, self.device)
        facts |= {"seconds": self.seconds, "threads": self.status.threads, "precision": self.status.precision}
        facts |= {"processes": self.team.size} if self.team.size > 1 else {}
        facts |= {"epoch": self.epoch, "images_seen": self.images_seen, "count": vars(self.count)}
        facts |= {"products": self.products, "generation": self.status.generation}
        facts |= {"noise_left": self.pace.noise_left, "data_version": self.config.data.entry.version}
        facts |= {"scoring": vars(self.quick.time), OWN_STATISTICS: self.game.average is not None, **more}
        checkpoints.save(folder, self.step, tensors, facts, kept or self._retention())
        return True

    def _restore(self, saved: checkpoints.Checkpoint) -> None:
        unpack(self.game, saved.tensors, saved.facts)
        if "random/latents" in saved.tensors:  # networks that came from elsewhere begin with the random states of the seed
            self.dealer.latents.set_state(saved.tensors["random/latents"])
            randomness.restore(saved.tensors, self.device)
        self.seconds = float(saved.facts["seconds"])
        self.quick.time = ScoringTime(**saved.facts.get("scoring", {}))
        origin, total = self.run.origin(), self.config.training.length.in_steps(self.steps_per_epoch)
        is_noise_new = bool(origin and origin.step == saved.step and any(key in origin.changes for key in _NOISE))
        self.pace.restore(saved.step, total, 1.0 if is_noise_new else saved.facts.get("noise_left"))

    def _score(self, is_finite: Tensor) -> float:
        """Make a quick score, if time allows; return the seconds of preparation, which do not count as training time."""
        if not self.quick.has_time(self.seconds):
            return 0.0
        self._announce(message="Scoring")
        reached = {"step": self.step, "epoch": self.epoch, "images_seen": self.images_seen}
        preparation = self.quick.score(reached, self.seconds, self.sampler(), is_finite=bool(is_finite))
        self._announce(message="")
        return preparation

    def _report_loading(self, sentence: str, share: float) -> None:
        self._announce(durable=False, message=f"{sentence} · {share:.0%}")

    def _announce(self, *, durable: bool = True, **changes: Any) -> None:
        """Update the status on disk, heartbeat included, and notify the observer."""
        self._require_hold()
        self.status = self.status.model_copy(update={**changes, "heartbeat": time.time(), "beat": self.status.beat + 1})
        self.run.write_status(self.status, durable=durable)
        self.observe(self.status, None)

    def _require_hold(self) -> None:
        """Raise Replaced if another trainer has taken the run; asked before each write, which might destroy its work."""
        if self._is_replaced():
            raise Replaced(f"Run {self.run.id} was taken over by another machine, since this one had been silent for too long.")

    def _progress(self) -> dict[str, Any]:
        """Return how far the training is, as fields of the status."""
        return {"step": self.step, "seconds": self.seconds, "images_seen": self.images_seen, "epochs": self.epoch}

    def _end_diverged(self, what: str) -> Status:
        """End the run because a loss or a weight (``what``) is NaN or infinite; the message says which checkpoint is left."""
        found = checkpoints.steps(self.run.checkpoints_path)
        left = f"the checkpoint of step {found[-1]} is kept" if found else "no checkpoint had been saved"
        return self._end("diverged", f"A {what} became NaN or infinite; {left}. Try a smaller learning rate.")

    def _end(self, state: runs.State, message: str) -> Status:
        self._announce(state=state, message=message, **self._progress())
        log.info("The run ended as %s at step %d. %s", state, self.step, message)
        return self.status
