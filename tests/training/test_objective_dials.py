"""The settings of a game, one by one: their effect on weights, gradients, images and classes is the documented one."""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from gan.config.fields import Span
from gan.objective.losses import LOSSES
from gan.objective.penalties import zero_centred
from gan.runs import forks
from gan.training import assembly, loop, state
from gan.training.game import Game, Turn
from tests.helpers import make_run, tiny, train

CPU = torch.device("cpu")


pytestmark = pytest.mark.usefixtures("one_thread")


def make_game(changes: dict[str, Any] | None = None, *, family: str = "mlp") -> Game:
    """Return a freshly initialised tiny game, always with the same seed."""
    torch.manual_seed(0)
    return assembly.build_game(tiny(changes, family=family), CPU, "fp32")


def turn(seed: int = 0, labels: list[int] | None = None, batch: int = 8) -> Turn:
    """Return a turn whose real images are noise."""
    source = torch.Generator().manual_seed(seed)
    reals = torch.rand(batch, 1, 16, 16, generator=source) * 2 - 1
    z = torch.randn(batch, 8, generator=source)
    return Turn(reals, z, None if labels is None else torch.tensor(labels))


def weights(player: nn.Module) -> dict[str, Tensor]:
    """Return a copy of a player's weights."""
    return {name: weight.detach().clone() for name, weight in player.named_parameters()}


def players(game: Game) -> list[tuple[nn.Module, torch.optim.Optimizer]]:
    """Return both players, each with its optimiser."""
    return [(game.generator, game.generator_optimizer), (game.discriminator, game.discriminator_optimizer)]


def norms_applied(game: Game) -> dict[nn.Module, list[float]]:
    """Return a list per player, to which every optimiser step will append the norm of the gradient it applies."""
    found: dict[nn.Module, list[float]] = {}
    for player, optimizer in players(game):
        noted = found.setdefault(player, [])

        def note(*_: Any, player: nn.Module = player, noted: list[float] = noted) -> None:
            noted.append(math.sqrt(sum(float(weight.grad.double().pow(2).sum()) for weight in player.parameters())))  # type: ignore[union-attr]

        optimizer.register_step_pre_hook(note)
    return found


# Gradients and weights


@pytest.mark.parametrize("clip", [0.01, 0.1, 1.0, 1000.0])
def test_no_applied_gradient_is_longer_than_the_clip(clip: float) -> None:
    free, clipped = make_game(), make_game({"optimizer.gradient_clip": clip})
    before, after = norms_applied(free), norms_applied(clipped)
    for game in (free, clipped):
        outcome = game.step([turn(0), turn(1)], wants_norms=True)
    assert outcome.discriminator_grad_norm is not None
    assert outcome.generator_grad_norm is not None
    for one, other in ((free.generator, clipped.generator), (free.discriminator, clipped.discriminator)):
        assert all(norm <= clip * (1 + 1e-5) for norm in after[other])
        assert after[other][0] == pytest.approx(min(clip, before[one][0]), rel=1e-4), "shorter gradients must stay as they are"
    assert len(after[clipped.discriminator]) == 2
    assert float(outcome.generator_grad_norm) == pytest.approx(before[free.generator][0], rel=0.2), "the unclipped norm is logged"


def test_clipping_keeps_the_direction_of_the_gradient() -> None:
    free, clipped = make_game(), make_game({"optimizer.gradient_clip": 0.01})
    gradients = []
    for game in (free, clipped):
        game.step([turn()])
        gradients.append(torch.cat([weight.grad.flatten() for weight in game.discriminator.parameters()]))  # type: ignore[union-attr]
    assert float(torch.cosine_similarity(*gradients, dim=0)) == pytest.approx(1, abs=1e-5)
    assert float(gradients[1].norm()) == pytest.approx(0.01, rel=1e-4)


@pytest.mark.parametrize("family", ["mlp", "dcgan"])
@pytest.mark.parametrize("clip", [0.01, 0.05])
def test_weight_clipping_keeps_all_weights_of_the_discriminator_within_bounds(family: str, clip: float) -> None:
    game = make_game({"objective.loss": "wasserstein", "objective.weight_clip": clip}, family=family)
    generator = max(float(weight.detach().abs().max()) for weight in game.generator.parameters())
    assert max(float(weight.detach().abs().max()) for weight in game.discriminator.parameters()) > clip
    for step in range(3):
        game.step([turn(step)])
        largest = max(float(weight.detach().abs().max()) for weight in game.discriminator.parameters())
        assert largest == pytest.approx(clip), "the largest weights must be at the bound"
    assert max(float(weight.detach().abs().max()) for weight in game.generator.parameters()) == pytest.approx(generator, rel=0.1)


def test_every_turn_of_the_discriminator_is_clipped() -> None:
    game = make_game({"objective.loss": "wasserstein", "objective.weight_clip": 0.01, "optimizer.discriminator_lr": 0.1})
    seen = []
    game.discriminator.register_forward_pre_hook(
        lambda player, _: seen.append(max(float(weight.detach().abs().max()) for weight in player.parameters()))
    )
    game.step([turn(0), turn(1), turn(2)])
    assert all(largest <= 0.01 + 1e-9 for largest in seen[2:]), "weights are out of bounds after the first turn"


# Turns


@pytest.mark.parametrize("turns", [1, 2, 5])
def test_discriminator_takes_all_its_turns_on_different_images_before_the_generator(turns: int) -> None:
    game = make_game()
    moved, judged = [], []
    game.discriminator_optimizer.register_step_post_hook(lambda *_: moved.append("D"))
    game.generator_optimizer.register_step_post_hook(lambda *_: moved.append("G"))
    game.discriminator.register_forward_pre_hook(lambda _, images: judged.append(images[0].detach().clone()))
    played = [turn(seed) for seed in range(turns)]
    game.step(played)
    assert moved == ["D"] * turns + ["G"]
    for number, one in enumerate(played):
        assert torch.equal(judged[2 * number], one.reals), "real images must be judged first"
    fakes = judged[1::2]
    assert len({float(images.sum()) for images in fakes}) == turns, "every turn must generate its own images"
    assert torch.equal(judged[-1], judged[-2]), "the generator must be judged by the images of the last turn"


def test_only_the_last_turn_is_reported() -> None:
    game, after_one = make_game(), make_game()
    outcome = game.step([turn(0), turn(1)])
    after_one.step([turn(0)])
    with torch.no_grad():  # the generator has not moved before the second turn, and the discriminator has moved once
        judge, fakes = after_one.discriminator, make_game().generator(turn(1).z)
        expected = game.loss.discriminator(judge(turn(1).reals), judge(fakes))
    assert float(outcome.discriminator_loss) == pytest.approx(float(expected), abs=1e-6)


def test_loop_gives_every_turn_new_images_and_their_classes(root: Path) -> None:
    run = make_run(root, {"optimizer.discriminator_steps": 3, "networks.conditional": True})
    trainer = loop.Trainer(run, lambda status, line: None)
    assert trainer.steps_per_epoch == 1797 // (3 * 32)
    seen = 0
    for step in range(2):
        trainer.step = step
        assert trainer.images_seen == seen
        turns = trainer.dealer.turns(trainer.turns)
        assert len(turns) == 3
        for number, one in enumerate(turns):
            assert torch.equal(one.reals, trainer.dealer.feed.batch(3 * step + number))
            assert one.labels is not None
            assert torch.equal(one.labels, trainer.dealer.feed.labels(3 * step + number))
            assert one.z.shape == (32, 8)
        assert len({float(one.z.sum()) for one in turns}) == 3
        seen += 3 * 32


# Learning rates, noise and the average


@pytest.mark.parametrize(
    ("decay", "shares"),
    [
        ("none", {0.0: 1.0, 0.5: 1.0, 1.0: 1.0}),
        ("linear", {0.0: 1.0, 0.25: 0.75, 0.5: 0.5, 1.0: 0.0}),
        ("cosine", {0.0: 1.0, 0.25: (2 + math.sqrt(2)) / 4, 0.5: 0.5, 0.75: (2 - math.sqrt(2)) / 4, 1.0: 0.0}),
    ],
)
@pytest.mark.parametrize("algorithm", ["adam", "rmsprop", "sgd"])
def test_learning_rates_decay_as_configured(algorithm: str, decay: str, shares: dict[float, float]) -> None:
    changes = {"optimizer.lr_decay": decay, "optimizer.generator_lr": 0.02, "optimizer.discriminator_lr": 0.01}
    config = tiny({**changes, "optimizer.algorithm": algorithm}, family="mlp")
    game, pace = assembly.build_game(config, CPU, "fp32"), assembly.Pace(config)
    for share, left in [*shares.items(), *reversed(shares.items())]:  # extending a training raises them again
        pace.keep(game, share)
        for optimizer, lr in ((game.generator_optimizer, 0.02), (game.discriminator_optimizer, 0.01)):
            assert [group["lr"] for group in optimizer.param_groups] == [pytest.approx(lr * left, abs=1e-12)]


def test_learning_rate_of_zero_moves_no_weight() -> None:
    config = tiny({"optimizer.lr_decay": "linear"}, family="mlp")
    game = assembly.build_game(config, CPU, "fp32")
    assembly.Pace(config).keep(game, 1.0)
    before = weights(game.generator), weights(game.discriminator)
    game.step([turn()])
    for (player, _), old in zip(players(game), before, strict=True):
        assert all(torch.equal(weight, old[name]) for name, weight in player.named_parameters())


@pytest.mark.parametrize(
    ("fade", "left"),
    [
        (0.5, {0.0: 1.0, 0.25: 0.5, 0.5: 0.0, 0.75: 0.0, 1.0: 0.0}),
        (1.0, {0.0: 1.0, 0.25: 0.75, 0.5: 0.5, 1.0: 0.0}),
        (0.0, {0.0: 1.0, 0.5: 1.0, 1.0: 1.0}),
    ],
)
def test_noise_fades_as_configured(fade: float, left: dict[float, float]) -> None:
    config = tiny({"augmentation.instance_noise": 0.2, "augmentation.noise_fade": fade}, family="mlp")
    game, pace = assembly.build_game(config, CPU, "fp32"), assembly.Pace(config)
    for share, kept in left.items():
        assert pace.keep(game, share) == pytest.approx(0.2 * kept)
    assert assembly.Pace(tiny(family="mlp")).keep(game, 0.0) == 0


def test_noise_that_has_faded_stays_away_in_a_longer_training(root: Path) -> None:
    """Twelve steps fade all noise; prolonged to 48, it would be back at half of its initial value."""
    run = make_run(root, {"augmentation.instance_noise": 0.1, "augmentation.noise_fade": 0.5}, family="mlp")
    assert train(run).state == "finished"
    run.write_control(length=Span(count=48))
    trainer = loop.Trainer(run, lambda status, line: None)
    assert trainer.pace.keep(trainer.game, 12 / 48) == 0


def test_noise_of_a_stopped_training_goes_on_falling_from_its_value(root: Path) -> None:
    run = make_run(root, {"augmentation.instance_noise": 0.1, "augmentation.noise_fade": 1.0}, family="mlp")
    seen: list[int] = []
    assert train(run, lambda status, line: seen.append(0), lambda: len(seen) > 8).state == "stopped"
    step = run.status().step
    trainer = loop.Trainer(run, lambda status, line: None)
    before = 0.1 * (1 - (step - 1) / 12)
    assert trainer.pace.keep(trainer.game, step / 48) == pytest.approx(before)
    assert trainer.pace.keep(trainer.game, 0.9) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("changes", "left"), [({"optimizer.generator_lr": 1e-3}, 0.0), ({"augmentation.instance_noise": 0.3}, 0.225)]
)
def test_fork_has_the_noise_that_it_asks_for(changes: dict[str, Any], left: float, root: Path) -> None:
    run = make_run(root, {"augmentation.instance_noise": 0.1, "augmentation.noise_fade": 1.0}, family="mlp")
    assert train(run).state == "finished"
    child = forks.make(run, 12, {**changes, "training.length": "48 steps"}, "child", state="starting", threads=1)
    trainer = loop.Trainer(child, lambda status, line: None)
    assert trainer.pace.keep(trainer.game, 12 / 48) == pytest.approx(left, abs=0.01)


@pytest.mark.parametrize("turns", [1, 3])
def test_old_average_counts_half_after_its_half_life(turns: int) -> None:
    """After ``ema_half_life`` images half of the old average is left; with 4 steps of ``turns`` · 32 images, decay = 0.5^¼."""
    changes = {"optimizer.discriminator_steps": turns, "optimizer.ema_half_life": 4 * turns * 32}
    game = make_game(changes)
    assert game.average is not None
    game.step([turn(number) for number in range(turns)])  # the first step starts the average
    start = weights(game.average.module)
    with torch.no_grad():
        for weight in game.generator.parameters():
            weight.zero_()
    for _ in range(4):
        game.average.update_parameters(game.generator)
    for name, weight in game.average.module.named_parameters():
        assert torch.allclose(weight, start[name] / 2, atol=1e-6), name
    assert tiny(changes, family="mlp").optimizer.ema_decay == pytest.approx(0.5 ** (1 / 4))


# Optimisers


def test_optimisers_are_from_torch_with_the_configured_settings() -> None:
    common = {"optimizer.generator_lr": 0.03, "optimizer.discriminator_lr": 0.02, "optimizer.beta1": 0.4, "optimizer.beta2": 0.9}
    for name, kind, wanted in (
        ("adam", torch.optim.Adam, {"betas": (0.4, 0.9), "eps": 1e-8, "amsgrad": False}),
        ("rmsprop", torch.optim.RMSprop, {"momentum": 0.4, "alpha": 0.9, "eps": 1e-8, "centered": False}),
        ("sgd", torch.optim.SGD, {"momentum": 0.4, "dampening": 0, "nesterov": False}),
    ):
        game = make_game({**common, "optimizer.algorithm": name})
        for (player, optimizer), lr in zip(players(game), (0.03, 0.02), strict=True):
            assert type(optimizer) is kind
            (group,) = optimizer.param_groups
            assert {key: group[key] for key in wanted} == wanted
            assert group["lr"] == lr
            assert group["weight_decay"] == 0
            assert [id(weight) for weight in group["params"]] == [id(weight) for weight in player.parameters()]


@pytest.mark.parametrize("algorithm", ["adam", "rmsprop", "sgd"])
def test_optimisers_move_weights_as_in_their_papers(algorithm: str) -> None:
    lr, beta1, beta2 = 0.01, 0.5, 0.9
    game = make_game({"optimizer.algorithm": algorithm, "optimizer.discriminator_lr": lr, "optimizer.beta2": beta2})
    m, v = 0.0, 0.0
    weight = game.discriminator.body[1].weight  # type: ignore[index, union-attr]
    assert isinstance(weight, Tensor)
    for step in range(1, 4):
        before = weight.detach().double()
        game.step([turn(step)])
        assert weight.grad is not None
        gradient = weight.grad.double()
        if algorithm == "adam":
            m, v = beta1 * m + (1 - beta1) * gradient, beta2 * v + (1 - beta2) * gradient**2  # type: ignore[assignment]
            moved = (m / (1 - beta1**step)) / ((v / (1 - beta2**step)) ** 0.5 + 1e-8)
        elif algorithm == "rmsprop":
            v = beta2 * v + (1 - beta2) * gradient**2  # type: ignore[assignment]
            m = beta1 * m + gradient / (v**0.5 + 1e-8)
            moved = m
        else:
            m = beta1 * m + gradient  # type: ignore[assignment]
            moved = m
        assert torch.allclose(weight.detach().double(), before - lr * moved, atol=1e-5)


# What the players see


def test_classes_reach_both_players() -> None:
    game = make_game({"networks.conditional": True})
    before = weights(game.generator), weights(game.discriminator)
    game.step([turn(labels=[1, 1, 3, 3, 3, 7, 7, 1])])
    for (player, _), old in zip(players(game), before, strict=True):
        moved = (player.embedding.weight != old["embedding.weight"]).any(dim=1)  # type: ignore[union-attr, operator]
        assert moved.nonzero().flatten().tolist() == [1, 3, 7]


@pytest.mark.parametrize("penalty", ["r1", "gradient_penalty"])
def test_penalties_get_the_classes_too(penalty: str) -> None:
    game = make_game({"networks.conditional": True, f"objective.{penalty}": 10})
    told = []
    inner = game.discriminator.forward

    def forward(images: Tensor, labels: Tensor) -> Tensor:
        told.append(labels)
        return inner(images, labels)

    game.discriminator.forward = forward  # type: ignore[method-assign]
    one = turn(labels=[0, 1, 2, 3, 4, 5, 6, 7])
    game.step([one])
    assert len(told) == 4, "expected one call each: real images, generated images, penalty, generator's turn"
    assert all(labels is one.labels for labels in told)


@pytest.mark.parametrize("loss", list(LOSSES))
def test_only_relative_generator_losses_get_real_images(loss: str) -> None:
    game = make_game({"objective.loss": loss})
    shown: list[tuple[Tensor, ...]] = []

    def generator(*logits: Tensor) -> Tensor:
        shown.append(tuple(one.detach().clone() for one in logits))
        return game.loss.generator(*logits)

    spied = dataclasses.replace(game, loss=dataclasses.replace(game.loss, generator=generator))
    with torch.no_grad():
        fakes = game.generator(turn().z)
    outcome = spied.step([turn()])
    with torch.no_grad():  # with the discriminator after its turn
        expected = [game.discriminator(fakes), game.discriminator(turn().reals)]
    (logits,) = shown
    assert len(logits) == (2 if LOSSES[loss].is_relative else 1)
    for found, wanted in zip(logits, expected, strict=False):
        assert torch.allclose(found, wanted, atol=1e-6)
    if loss == "relativistic":
        assert float(outcome.generator_loss) == pytest.approx(float(softplus(expected[1] - expected[0]).mean()), abs=1e-6)


@pytest.mark.parametrize("loss", ["non-saturating", "minimax"])
def test_smoothing_reaches_the_discriminator_only(loss: str) -> None:
    game, plain = (make_game({"objective.loss": loss, "objective.label_smoothing": smoothing}) for smoothing in (0.2, 0))
    with torch.no_grad():
        real, fake = plain.discriminator(turn().reals), plain.discriminator(plain.generator(turn().z))
    expected = binary_cross_entropy_with_logits(real, torch.full_like(real, 0.8))
    expected = expected + binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
    outcome = game.step([turn()])
    assert float(outcome.discriminator_loss) == pytest.approx(float(expected), abs=1e-6)
    assert float(outcome.d_real) == pytest.approx(float(torch.sigmoid(real).mean()), abs=1e-6)
    assert game.loss.generator is plain.loss.generator


@pytest.mark.parametrize(("loss", "is_probability"), [(name, name in ("non-saturating", "minimax")) for name in LOSSES])
def test_outputs_are_reported_as_probabilities_only_if_they_are(loss: str, is_probability: bool) -> None:
    game = make_game({"objective.loss": loss})
    with torch.no_grad():
        real, fake = game.discriminator(turn().reals), game.discriminator(game.generator(turn().z))
    outcome = game.step([turn()])
    shown: Callable[[Tensor], Tensor] = torch.sigmoid if is_probability else torch.clone
    assert float(outcome.d_real) == pytest.approx(float(shown(real).mean()), abs=1e-6)
    assert float(outcome.d_fake) == pytest.approx(float(shown(fake).mean()), abs=1e-6)


def test_policies_and_noise_reach_all_images_that_the_discriminator_sees() -> None:
    game = make_game({"augmentation.policies": ["cutout"], "objective.loss": "relativistic"})
    judged = []
    game.discriminator.register_forward_pre_hook(lambda _, images: judged.append(images[0].detach()))
    game.step([turn()])
    assert len(judged) == 4, "expected real and generated images in both turns"
    for images in judged:
        gone = (images == 0).flatten(1).double().mean(dim=1)
        assert gone.min() > 0
        assert gone.max() <= 0.25
    judged.clear()
    game.step([turn()], noise=0.5)
    assert not any((images == 0).any() for images in judged)
    assert float((judged[0] - turn().reals)[judged[0].abs() < 0.9].std()) > 0.3


def test_generator_learns_through_the_policies() -> None:
    game = make_game({"augmentation.policies": ["colour", "translation", "cutout"]})
    before = weights(game.generator)
    game.step([turn()])
    assert all(not torch.equal(weight, before[name]) for name, weight in game.generator.named_parameters())


# Penalties


def test_penalty_is_reported_apart_from_the_loss_but_trained_with_it() -> None:
    game, plain = make_game({"objective.r1": 3, "objective.r2": 5}), make_game()
    d, reals = plain.discriminator, turn().reals
    fakes = plain.generator(turn().z).detach()
    loss = plain.loss.discriminator(d(reals), d(fakes))
    penalty = 3 * zero_centred(d, reals) + 5 * zero_centred(d, fakes)
    expected = torch.autograd.grad(loss + penalty, list(d.parameters()))
    outcome = game.step([turn()])
    assert outcome.penalty is not None
    assert float(outcome.penalty) == pytest.approx(float(penalty.detach()), rel=1e-5)
    assert float(outcome.discriminator_loss) == pytest.approx(float(loss.detach()), rel=1e-5), "the penalty must not be included"
    for weight, gradient in zip(game.discriminator.parameters(), expected, strict=True):
        assert weight.grad is not None
        assert torch.allclose(weight.grad, gradient, atol=1e-6)


@pytest.mark.parametrize("name", ["gradient_penalty", "dragan", "r1", "r2"])
def test_each_penalty_can_be_switched_on(name: str) -> None:
    assert make_game({f"objective.{name}": 7}).penalties == dataclasses.replace(make_game().penalties, **{name: 7})
    assert make_game().step([turn()]).penalty is None
    assert make_game({f"objective.{name}": 7}).step([turn()]).penalty is not None


def test_penalties_are_computed_in_fp32_at_any_precision() -> None:
    config = tiny({"objective.r1": 10, "training.precision": "bf16"}, family="mlp")
    torch.manual_seed(0)
    coarse, exact = assembly.build_game(config, CPU, "bf16"), make_game({"objective.r1": 10})
    one, other = coarse.step([turn()]).penalty, exact.step([turn()]).penalty
    assert one is not None
    assert other is not None
    assert float(one) == pytest.approx(float(other), rel=1e-6)


# Compilation


@pytest.mark.skipif(not any(map(shutil.which, ("g++", "c++", "clang++"))), reason="torch.compile needs a C++ compiler on the CPU")
def test_compiled_networks_play_the_same_game() -> None:
    small = {"networks.depth": 1, "networks.hidden": 8, "objective.r1": 1, "objective.r2": 1}
    plain, compiled = make_game(small), make_game({**small, "training.compile": True})
    for step in range(3):
        one, other = (game.step([turn(step)], wants_norms=True) for game in (plain, compiled))
        for name, value in vars(one).items():
            assert float(vars(other)[name]) == pytest.approx(float(value), rel=1e-4, abs=1e-5), name
    assert state.pack(compiled)[0].keys() == state.pack(plain)[0].keys(), "compilation must not change the names in a checkpoint"
