"""The training loop: one run from its first step, or from its last checkpoint, to its end.

The run directory is the interface: what goes on is written there, and what people ask for is read from there.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from gan import networks, runs
from gan.config import GRID, RunConfig
from gan.data import loaders
from gan.data.feed import Feed, to_pixels
from gan.errors import InputError, RunFailed, explain_os_error
from gan.objective import catalogue
from gan.objective.augmentation import augment
from gan.objective.losses import LOSSES
from gan.objective.penalties import Penalties
from gan.runs import Run, Status
from gan.sections import Span
from gan.training import checkpoints, labels, pictures, precision
from gan.training.game import Game, Outcome, Turn

log = logging.getLogger("gan")

_HEARTBEAT_SECONDS = 1.0
_SHOWN_POINTS = 2000  # generated points in one picture
_RESERVE_BYTES = 32768  # given back when the disk is full, so that the end of the run can still be written down

#: Called with the status, and with the newest logged line, if there is one since the last call.
Observer = Callable[[Status, dict[str, Any] | None], None]


def train(run: Run, observe: Observer = lambda status, line: None, should_stop: Callable[[], bool] = lambda: False) -> Status:
    """Train a run to its end and return its last status; the caller holds the run's lock.

    Ends as "finished", as "stopped" (``should_stop`` or the control file asked for it), as "diverged" (a loss became NaN or
    infinite) or as "failed" (the message says why). Goes on from the newest whole checkpoint, if there is one.
    """
    trainer = None
    reserve = run.path / ".reserve"
    try:
        run.clear_rubbish()
        runs.write_atomically(reserve, bytes(_RESERVE_BYTES), durable=False)
        trainer = Trainer(run, observe)
        return trainer.play(should_stop)
    except (InputError, RunFailed) as error:
        message = str(error)
    except Exception as error:
        message = _describe(error)
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
    """A run in memory: data, players, and everything that a checkpoint has to hold."""

    def __init__(self, run: Run, observe: Observer) -> None:
        """Load the data and build the players, in the state of the newest whole checkpoint."""
        self.run, self.config, self.observe = run, run.config(), observe
        self.status = run.status()
        saved, complaints = checkpoints.load_newest(run.checkpoints_path)
        threads = saved.facts["threads"] if saved else self.status.threads
        torch.set_num_threads(max(1, threads))
        torch.set_flush_denormal(True)
        self.device = precision.choose_device(self.config.training.device)
        asked = self.config.training.precision
        if saved and asked == "auto":
            asked = saved.facts["precision"]  # another one would change the losses
        chosen = precision.choose_precision(asked, self.device)
        self._announce(
            state="running", message="Loading the images", threads=threads, precision=chosen,
            device=precision.name_device(self.device), software=precision.name_software(),
        )  # fmt: skip

        data = self.config.data
        self.images = loaders.load(data, report=self._report_loading)
        self.feed = Feed(
            self.images, self.config.optimizer.batch_size, self.config.training.seed, device=self.device, flips=data.flips
        )
        self.images_per_step = self.config.optimizer.images_per_step
        self.steps_per_epoch = max(1, len(self.images) // self.images_per_step)
        torch.manual_seed(self.config.training.seed)
        self.game = build_game(self.config, self.device, chosen)
        self.pace = Pace(self.config)
        self.latents = torch.Generator().manual_seed(self.config.training.seed + 1)
        self.columns = len(self.config.columns) or GRID
        shown = _SHOWN_POINTS if data.is_points else GRID * self.columns
        self.fixed_latents = self._draw_latents(shown, torch.Generator().manual_seed(self.config.training.seed + 2))
        self.fixed_labels = labels.in_columns(self.config, shown)
        self.step, self.seconds, self.scoring = 0, 0.0, ScoringTime()
        if saved:
            self._restore(saved)
        self.best = self._load_best()
        for complaint in complaints:
            log.warning("%s Going on from step %d.", complaint, self.step)
        if saved:
            checkpoints.settle(run.checkpoints_path, self.step)
        if not run.reals_path.exists():
            self._save_reals()
        note = f"Fell back to the checkpoint of step {self.step}: a newer one is damaged." if complaints else ""
        self._announce(step=self.step, seconds=self.seconds, steps_per_epoch=self.steps_per_epoch, message=note)

    def play(self, should_stop: Callable[[], bool]) -> Status:
        """Play step after step until the length is reached or someone asks to stop."""
        length = self.run.control().length or self.config.training.length
        self.total = length.in_steps(self.steps_per_epoch)
        cadence = self.config.cadence
        is_due = {name: _every(span, self.steps_per_epoch) for name, span in cadence if isinstance(span, Span)}
        self._announce(total_steps=self.total)
        log.info(
            "Training %s from step %d to %d on %s, %s, %d threads",
            self.run.id, self.step, self.total, self.status.device, self.status.precision, self.status.threads,
        )  # fmt: skip
        if self.step == 0:
            self._save_samples()

        metrics = runs.LineWriter(self.run.metrics_path)
        try:
            started, began_at = time.perf_counter(), self.seconds
            marked, marked_step, last_beat = started, self.step, started
            is_finite = torch.ones((), dtype=torch.bool, device=self.device)
            is_compiling = self.config.training.compile
            if is_compiling:
                self._announce(message="Compiling the networks, which takes a minute or more")
            while self.step < self.total:
                # One step of the game.
                should_log = is_due["log_every"](self.step + 1) or self.step + 1 == self.total
                noise = self.pace.keep(self.game, self.step / self.total)
                outcome = self.game.step(self._turns(), noise=noise, wants_norms=should_log)
                self.step += 1
                if is_compiling:
                    is_compiling = False
                    self._announce(message="")
                is_finite &= torch.isfinite(outcome.discriminator_loss) & torch.isfinite(outcome.generator_loss)

                # Write down what happened; a line is written before the checkpoint that holds its step.
                now = time.perf_counter()
                self.seconds = began_at + now - started
                line = None
                if should_log:
                    speed = (self.step - marked_step) * self.images_per_step / max(now - marked, 1e-9)
                    marked, marked_step = now, self.step
                    line = self._line(outcome, speed)
                    metrics.write(line)
                    self.status = self.status.model_copy(update={"images_per_second": round(speed, 1)})
                has_checkpoint = is_due["checkpoint_every"](self.step) or self.step == self.total
                if (should_log or has_checkpoint) and not is_finite:
                    return self._end_diverged("loss")
                if is_due["sample_every"](self.step) or self.step == self.total:
                    self._save_samples()
                if is_due["score_every"](self.step):
                    started += self._score(is_finite)
                if has_checkpoint:  # after the score of this step, so that no crash parts the two
                    metrics.sync()
                    if not self._save_checkpoint(self.run.checkpoints_path):
                        return self._end_diverged("weight")
                marked += time.perf_counter() - now  # the speed is that of the steps, without what is written between them

                # Show signs of life, and look for what people ask.
                if now - last_beat >= _HEARTBEAT_SECONDS or (line is not None and now - last_beat >= _HEARTBEAT_SECONDS / 2):
                    last_beat = now
                    self._announce(durable=False, step=self.step, seconds=self.seconds, images_seen=self.images_seen)
                self.observe(self.status, line)
                if self.step < self.total and (should_stop() or self.run.control().stop):
                    if not has_checkpoint:
                        metrics.sync()
                        if not is_finite:
                            return self._end_diverged("loss")
                        if not self._save_checkpoint(self.run.checkpoints_path):
                            return self._end_diverged("weight")
                    return self._end("stopped", "Stopped; resume it to go on.")
            return self._end("finished", "")
        finally:
            metrics.close()
            with suppress(OSError):
                (self.run.path / ".reserve").unlink()

    def _line(self, outcome: Outcome, speed: float) -> dict[str, Any]:
        """Return one line of the metrics."""
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
        """How many real images the discriminator has been shown."""
        return self.step * self.images_per_step

    def _turns(self) -> list[Turn]:
        """Return what the next step is played with: new real images for every turn of the discriminator."""
        count = self.config.optimizer.discriminator_steps
        turns = []
        for place in range(self.step * count, (self.step + 1) * count):
            reals = self.feed.batch(place)
            told = self.feed.labels(place) if self.config.networks.conditional else None
            turns.append(Turn(reals, self._draw_latents(len(reals), self.latents), told))
        return turns

    def _draw_latents(self, count: int, source: torch.Generator) -> Tensor:
        """Draw latent vectors [count, latent] from N(0, 1), always on the CPU, so that devices see the same ones."""
        return torch.randn(count, self.config.networks.latent, generator=source).to(self.device)

    def sampler(self) -> nn.Module:
        """Return the generator that samples come from: the averaged one, if there is one."""
        return self.game.average.module if self.game.average is not None else self.game.generator

    def _save_samples(self) -> None:
        fakes = generate(self.sampler(), self.fixed_latents, self.fixed_labels, self.game.autocast)
        if self.config.data.is_points:
            picture = pictures.scatter(fakes, self.images.values)
        else:
            picture = pictures.grid(to_pixels(fakes), columns=self.columns)
        runs.write_atomically(self.run.samples_path / f"{self.step:08d}.png", pictures.to_png(picture), durable=False)

    def _save_reals(self) -> None:
        if self.config.data.is_points:
            picture = pictures.scatter(None, self.images.values)
        else:
            chosen = torch.randperm(len(self.images), generator=torch.Generator().manual_seed(0))[: GRID**2]
            picture = pictures.grid(self.images.take(chosen))
        runs.write_atomically(self.run.reals_path, pictures.to_png(picture), durable=False)

    def _save_checkpoint(self, folder: Path, kept: int = checkpoints.KEPT, **more: Any) -> bool:
        """Save everything that an exact resume needs; return False, having saved nothing, when a weight is not finite."""
        tensors, facts = pack(self.game)
        if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values() if tensor.is_floating_point()):
            return False
        tensors["random/latents"] = self.latents.get_state()
        tensors["random/torch"] = torch.get_rng_state()
        if self.device.type == "cuda":
            tensors["random/cuda"] = torch.cuda.get_rng_state(self.device)
        facts |= {"seconds": self.seconds, "threads": self.status.threads, "precision": self.status.precision}
        facts |= {"epoch": self.step / self.steps_per_epoch, "images_seen": self.images_seen}
        facts |= {"scoring": vars(self.scoring), **more}
        checkpoints.save(folder, self.step, tensors, facts, kept)
        return True

    def _restore(self, saved: checkpoints.Checkpoint) -> None:
        unpack(self.game, saved.tensors, saved.facts)
        self.latents.set_state(saved.tensors["random/latents"])
        torch.set_rng_state(saved.tensors["random/torch"])
        if self.device.type == "cuda" and "random/cuda" in saved.tensors:
            torch.cuda.set_rng_state(saved.tensors["random/cuda"], self.device)
        self.step, self.seconds = saved.step, float(saved.facts["seconds"])
        self.scoring = ScoringTime(**saved.facts.get("scoring", {}))

    def _score(self, is_finite: Tensor) -> float:
        """Score the samples as they are now, unless that takes too long, and keep the checkpoint if there was no better one.

        It draws from generators of its own, so the training goes on unchanged. Returns the seconds of preparation, which a training
        needs once: the training of the classifier, a look at the real images, and how long a score takes. A score that failed
        has none.
        """
        share = self.config.cadence.score_share
        if self.scoring.last and not self.scoring.is_within(share, self.seconds):
            return 0.0
        from gan.scoring import scores  # imports torchmetrics: only when asked for

        self._announce(message="Scoring")
        began = time.perf_counter()
        if share and not self.scoring.last:
            self.scoring = ScoringTime(0.0, scores.foresee(self.sampler(), self.config, self.device))
            if not self.scoring.is_within(share, self.seconds):
                self._announce(message="")
                return time.perf_counter() - began
        line = scores.score_during_training(self.run, self.sampler(), self.config, self.step, self.device)
        whole = time.perf_counter() - began
        took = min(whole, line["seconds"]) if line else whole
        self.scoring = ScoringTime(self.scoring.spent + took, took)
        if line and is_finite and _is_better(line, self.best):
            self._save_best(line)
        self._announce(message="")
        return whole - took

    def _save_best(self, line: dict[str, Any]) -> None:
        """Keep this state as the best so far; where that cannot be written, the training goes on without."""
        found = {key: line[key] for key in ("fid", "extractor_id")}
        folder = self.run.best_path
        try:
            folder.mkdir(exist_ok=True)
            if self._save_checkpoint(folder, 1, **found):
                self.best = found
        except (OSError, RunFailed) as error:
            checkpoints.clear_rubbish(folder)
            log.warning("The best checkpoint, of step %d, could not be kept: %s", self.step, _describe(error))

    def _load_best(self) -> dict[str, Any]:
        """Return the facts of the best checkpoint; none where there is no whole one.

        It may be of a step that is trained again, after a crash: then its score comes again too, and is no better.
        """
        checkpoints.clear_rubbish(self.run.best_path)
        try:
            saved, complaints = checkpoints.load_newest(self.run.best_path)
        except RunFailed as error:
            saved, complaints = None, [str(error)]
        for complaint in complaints:
            log.warning("Of the best checkpoints: %s", complaint)
        return saved.facts if saved else {}

    def _report_loading(self, sentence: str, share: float) -> None:
        self._announce(durable=False, message=f"{sentence} · {share:.0%}")

    def _announce(self, *, durable: bool = True, **changes: Any) -> None:
        """Change the status on disk; the heartbeat moves with every change."""
        self.status = self.status.model_copy(update={**changes, "heartbeat": time.time()})
        self.run.write_status(self.status, durable=durable)
        self.observe(self.status, None)

    def _end_diverged(self, what: str) -> Status:
        """End a training in which something is no longer a number, and say what is left of it."""
        found = checkpoints.steps(self.run.checkpoints_path)
        left = f"the checkpoint of step {found[-1]} is kept" if found else "there was no checkpoint yet"
        return self._end("diverged", f"A {what} became NaN or infinite; {left}. Try a smaller learning rate.")

    def _end(self, state: runs.State, message: str) -> Status:
        self._announce(state=state, message=message, step=self.step, seconds=self.seconds, images_seen=self.images_seen)
        log.info("The run ended as %s at step %d. %s", state, self.step, message)
        return self.status


@dataclass(frozen=True)
class ScoringTime:
    """Seconds that quick scores have taken: all of a run so far, and the last one."""

    spent: float = 0.0
    last: float = 0.0

    def is_within(self, share: float, seconds: float) -> bool:
        """Return whether one more, as long as the last, stays within a share of ``seconds`` of training; 0 is no limit."""
        return share == 0 or self.spent + self.last <= share * seconds


class Pace:
    """What changes as a training goes on: learning rates that fall, and noise that fades."""

    def __init__(self, config: RunConfig) -> None:
        self._optimizer, self._augmentation = config.optimizer, config.augmentation

    def keep(self, game: Game, share: float) -> float:
        """Set the learning rates for a ``share`` (0 to 1) of the training behind us; return the noise's standard deviation."""
        if self._optimizer.lr_decay != "none":
            left = 1 - share if self._optimizer.lr_decay == "linear" else (1 + math.cos(math.pi * share)) / 2
            for optimizer, lr in (
                (game.generator_optimizer, self._optimizer.generator_lr),
                (game.discriminator_optimizer, self._optimizer.discriminator_lr),
            ):
                for group in optimizer.param_groups:
                    group["lr"] = lr * left
        fade = self._augmentation.noise_fade
        return self._augmentation.instance_noise * (max(0.0, 1 - share / fade) if fade else 1.0)


def _is_better(line: dict[str, Any], best: dict[str, Any]) -> bool:
    """Return whether a quick score has a lower FID than the best; one on other features is no match for any."""
    fid = line["fid"]
    if fid is None or not math.isfinite(fid):
        return False
    return best.get("extractor_id") != line["extractor_id"] or fid < best["fid"]


def build_game(config: RunConfig, device: torch.device, chosen_precision: str) -> Game:
    """Return the players of a run on ``device``, freshly initialised from torch's global random state."""
    generator, discriminator = networks.build(config)
    for player in (generator, discriminator):
        player.to(device).to(memory_format=torch.channels_last)
    settings, objective = config.optimizer, config.objective
    average = None
    if settings.ema_half_life:
        average = AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(settings.ema_decay))
        average.requires_grad_(False)
    if config.training.compile:
        generator.compile()
        discriminator.compile()
    loss = LOSSES[objective.loss]
    if objective.label_smoothing:
        loss = dataclasses.replace(loss, discriminator=partial(loss.discriminator, smoothing=objective.label_smoothing))
    return Game(
        generator,
        discriminator,
        average,
        loss=loss,
        is_probability=catalogue.LOSSES[objective.loss].is_probability,
        penalties=Penalties(objective.gradient_penalty, objective.dragan, objective.r1, objective.r2),
        view=lambda images, noise: augment(images, config.augmentation.policies, noise),
        generator_optimizer=make_optimizer(config, generator, settings.generator_lr, device),
        discriminator_optimizer=make_optimizer(config, discriminator, settings.discriminator_lr, device),
        gradient_clip=settings.gradient_clip,
        weight_clip=objective.weight_clip,
        autocast=lambda: precision.autocast(device, chosen_precision),
        scaler=torch.amp.GradScaler(device.type, enabled=chosen_precision == "fp16"),
    )


def make_optimizer(config: RunConfig, player: nn.Module, lr: float, device: torch.device) -> torch.optim.Optimizer:
    """Return the optimiser of one player, with its own learning rate."""
    settings, weights = config.optimizer, player.parameters()
    if settings.algorithm == "sgd":
        return torch.optim.SGD(weights, lr=lr, momentum=settings.beta1)
    if settings.algorithm == "rmsprop":
        return torch.optim.RMSprop(weights, lr=lr, alpha=settings.beta2, momentum=settings.beta1)
    betas = (settings.beta1, settings.beta2)
    return torch.optim.Adam(weights, lr=lr, betas=betas, fused=device.type in ("cpu", "cuda"))


@torch.inference_mode()
def generate(generator: nn.Module, z: Tensor, told: Tensor | None, autocast: Any, batch: int = 256) -> Tensor:
    """Return images [N, C, H, W] in float32 for latent vectors [N, latent] and the classes told [N], in evaluation mode."""
    was_training = generator.training
    generator.eval()
    if told is not None:
        told = told.to(z.device)
    try:
        with autocast():
            return torch.cat([
                generator(z[place : place + batch], None if told is None else told[place : place + batch]).float()
                for place in range(0, len(z), batch)
            ])  # fmt: skip
    finally:
        generator.train(was_training)


def pack(game: Game) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return all tensors of a game by name, and what else it takes to rebuild it exactly."""
    tensors: dict[str, Tensor] = {}
    for name, network in _networks(game).items():
        tensors |= {f"{name}/{key}": value for key, value in network.state_dict().items()}
    facts: dict[str, Any] = {"optimizers": {}, "scaler": game.scaler.state_dict()}
    for name, optimizer in _optimizers(game).items():
        state = optimizer.state_dict()
        facts["optimizers"][name] = state["param_groups"]
        for index, values in state["state"].items():
            tensors |= {f"{name}/{index}/{key}": value for key, value in values.items() if value is not None}
    return tensors, facts


def unpack(game: Game, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Put a game into the state that :func:`pack` returned."""

    tensors = _renamed(tensors)

    def under(prefix: str) -> dict[str, Tensor]:
        return {key.removeprefix(f"{prefix}/"): value for key, value in tensors.items() if key.startswith(f"{prefix}/")}

    for name, network in _networks(game).items():
        network.load_state_dict(under(name))
    for name, optimizer in _optimizers(game).items():
        state: dict[int, dict[str, Tensor]] = {}
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        for key, value in under(name).items():
            index, _, kind = key.partition("/")
            # Moments keep the memory layout of their weight (channels last), which the file does not know.
            like = weights[int(index)]
            is_moment = value.dim() and value.numel() == like.numel()
            state.setdefault(int(index), {})[kind] = torch.empty_like(like).copy_(value.view(like.shape)) if is_moment else value
        groups = optimizer.state_dict()["param_groups"]  # not those of the facts: a fork may have other learning rates
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    if facts["scaler"]:
        game.scaler.load_state_dict(facts["scaler"])


def _renamed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint of schema version 1, whose discriminator was one list of layers, as those of version 2."""
    old = "discriminator/layers."
    numbers = [int(name.removeprefix(old).partition(".")[0]) for name in tensors if name.startswith(old)]
    if not numbers:
        return tensors
    head = f"{old}{max(numbers)}."
    renamed = {}
    for name, value in tensors.items():
        if name.startswith(head):  # a convolution over all that was left, a linear layer now
            renamed[name.replace(head, "discriminator/head.")] = value.flatten(1) if value.dim() > 1 else value
        else:
            renamed[name.replace(old, "discriminator/body.")] = value
    return renamed


def _networks(game: Game) -> dict[str, nn.Module]:
    found: dict[str, nn.Module] = {"generator": game.generator, "discriminator": game.discriminator}
    return found | ({"average": game.average} if game.average is not None else {})


def _optimizers(game: Game) -> dict[str, torch.optim.Optimizer]:
    return {"generator_optimizer": game.generator_optimizer, "discriminator_optimizer": game.discriminator_optimizer}


def _every(span: Span, steps_per_epoch: int) -> Callable[[int], bool]:
    """Return whether something is due at a step."""
    every = span.in_steps(steps_per_epoch)
    return lambda step: every > 0 and step % every == 0


def _describe(error: Exception) -> str:
    """Return one sentence for an error that nobody foresaw."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError):
            return explain_os_error(error, "writing the run")
        seen = seen.__cause__ or seen.__context__
    if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error):
        return "The machine ran out of memory; choose a smaller batch, fewer filters or smaller images."
    return f"The training failed unexpectedly ({type(error).__name__}: {error}); the log has the details."
