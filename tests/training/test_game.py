"""One step of the game: which turn moves which player, and that it equals an independent implementation of the paper's step."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as f
from torch.optim import Optimizer

from gan.data.feed import to_float
from gan.training import precision
from gan.training.assembly import build_game
from gan.training.game import Game, Turn
from tests.helpers import tiny

CPU = torch.device("cpu")


def make_game(changes: dict[str, Any] | None = None, *, family: str = "dcgan", chosen: str = "fp32", seed: int = 0) -> Game:
    """Return a freshly initialised tiny game."""
    torch.manual_seed(seed)
    return build_game(tiny(changes, family=family), CPU, chosen)


def batches(count: int, batch: int = 16, latent: int = 8) -> list[tuple[Tensor, Tensor]]:
    """Return real images (here: noise) and latent vectors for some steps."""
    source = torch.Generator().manual_seed(7)
    return [
        (
            to_float(torch.randint(0, 256, (batch, 1, 16, 16), dtype=torch.uint8, generator=source)),
            torch.randn(batch, latent, generator=source),
        )
        for _ in range(count)
    ]


def weights(player: nn.Module) -> dict[str, Tensor]:
    """Return a copy of a player's weights."""
    return {name: weight.detach().clone() for name, weight in player.named_parameters()}


def are_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Return whether two sets of weights are equal bit by bit."""
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("loss", ["non-saturating", "minimax"])
@pytest.mark.parametrize("family", ["dcgan", "mlp"])
def test_one_step_moves_both_players(family: str, loss: str) -> None:
    game = make_game({"objective.loss": loss}, family=family)
    before = weights(game.generator), weights(game.discriminator)
    outcome = game.step([Turn(*batches(1)[0])], wants_norms=True)
    for player, old in zip((game.generator, game.discriminator), before, strict=True):
        for name, weight in player.named_parameters():
            assert not torch.equal(weight, old[name]), f"{name} did not change"
    assert outcome.penalty is None
    for name, value in vars(outcome).items():
        if name == "penalty":
            continue
        assert value.shape == (), name
        assert math.isfinite(value), name
    assert 0 < outcome.d_real < 1
    assert 0 < outcome.d_fake < 1


def test_turns_can_be_played_one_by_one() -> None:
    """A step is one turn of each player; each turn alone moves one player, and generates its own fakes if given none."""
    game, whole, (reals, z) = make_game(), make_game(), batches(1)[0]
    turn = Turn(reals, z)
    whole.step([turn])
    judged = game.discriminator_turn(turn, wants_norm=True)
    assert are_same(weights(game.generator), weights(make_game().generator))
    assert are_same(weights(game.discriminator), weights(whole.discriminator))
    assert judged.real.shape == judged.fake.shape == (len(reals),)
    assert judged.norm is not None and judged.norm > 0
    moved = weights(game.discriminator)
    loss, norm = game.generator_turn(turn)
    assert are_same(weights(game.discriminator), moved)
    assert not are_same(weights(game.generator), weights(make_game().generator))
    assert math.isfinite(loss) and norm is None
    if game.average is not None:
        assert int(game.average.n_averaged) == 1


def test_each_turn_leaves_the_other_player_alone() -> None:
    game = make_game()
    start_g = weights(game.generator)
    seen: dict[str, Any] = {}

    def before_discriminator_moves(optimizer: Optimizer, *_: Any) -> None:
        seen["generator during D's turn"] = weights(game.generator)
        seen["gradients of G during D's turn"] = [weight.grad for weight in game.generator.parameters()]

    def before_generator_moves(optimizer: Optimizer, *_: Any) -> None:
        seen["discriminator during G's turn"] = weights(game.discriminator)
        seen["gradients of D during G's turn"] = [weight.grad.clone() for weight in game.discriminator.parameters()]  # type: ignore[union-attr]

    def after_discriminator_moved(optimizer: Optimizer, *_: Any) -> None:
        seen["gradients of D after D's turn"] = [weight.grad.clone() for weight in game.discriminator.parameters()]  # type: ignore[union-attr]

    game.discriminator_optimizer.register_step_pre_hook(before_discriminator_moves)
    game.discriminator_optimizer.register_step_post_hook(after_discriminator_moved)
    game.generator_optimizer.register_step_pre_hook(before_generator_moves)
    game.step([Turn(*batches(1)[0])])
    assert are_same(seen["generator during D's turn"], start_g)
    assert seen["gradients of G during D's turn"] == [None] * len(start_g), "D's loss flowed into the generator"
    assert are_same(seen["discriminator during G's turn"], weights(game.discriminator))
    for one, other in zip(seen["gradients of D after D's turn"], seen["gradients of D during G's turn"], strict=True):
        assert torch.equal(one, other), "the generator's loss left gradients in the discriminator"


def test_discriminator_can_learn_again_after_each_step() -> None:
    game = make_game()
    for reals, z in batches(3):
        game.step([Turn(reals, z)])
        assert all(weight.requires_grad for weight in game.discriminator.parameters())
        assert all(weight.requires_grad for weight in game.generator.parameters())


def test_average_equals_one_computed_by_hand() -> None:
    game = make_game({"optimizer.ema_half_life": 210})
    decay = 0.5 ** (32 / 210)
    assert game.average is not None
    by_hand: dict[str, Tensor] = {}
    for reals, z in batches(5):
        game.step([Turn(reals, z)])
        now = weights(game.generator)
        by_hand = {name: decay * by_hand[name] + (1 - decay) * now[name] for name in now} if by_hand else now
    for name, value in weights(game.average.module).items():
        assert torch.allclose(value, by_hand[name], atol=1e-7), name
    for (name, value), (_, source) in zip(game.average.module.named_buffers(), game.generator.named_buffers(), strict=True):
        assert torch.equal(value, source), f"{name}: batch norm statistics must be the current generator's"
    assert not any(weight.requires_grad for weight in game.average.parameters())


def test_without_decay_there_is_no_average() -> None:
    assert make_game({"optimizer.ema_half_life": 0}).average is None


def test_requested_norms_are_returned_and_change_nothing_else() -> None:
    asked, silent = make_game(), make_game()
    for reals, z in batches(3):
        with_norms, without = asked.step([Turn(reals, z)], wants_norms=True), silent.step([Turn(reals, z)])
        assert without.discriminator_grad_norm is None
        assert without.generator_grad_norm is None
        assert with_norms.discriminator_loss == without.discriminator_loss
        for player, norm in (
            (asked.generator, with_norms.generator_grad_norm),
            (asked.discriminator, with_norms.discriminator_grad_norm),
        ):
            by_hand = math.sqrt(sum(float(weight.grad.double().pow(2).sum()) for weight in player.parameters()))  # type: ignore[union-attr]
            assert norm is not None
            assert float(norm) == pytest.approx(by_hand, rel=1e-5)
    assert are_same(weights(asked.generator), weights(silent.generator))


def test_same_seed_gives_the_same_game() -> None:
    one, other = make_game(seed=5), make_game(seed=5)
    for reals, z in batches(3):
        assert one.step([Turn(reals, z)]).generator_loss == other.step([Turn(reals, z)]).generator_loss
    assert are_same(weights(one.generator), weights(other.generator))
    assert not are_same(weights(one.generator), weights(make_game(seed=6).generator))


@pytest.mark.parametrize("family", ["dcgan", "mlp"])
def test_bf16_plays_nearly_the_same_game(family: str) -> None:
    exact, coarse = make_game(family=family), make_game(family=family, chosen="bf16")
    for reals, z in batches(3):
        one, other = exact.step([Turn(reals, z)]), coarse.step([Turn(reals, z)])
        assert float(other.discriminator_loss) == pytest.approx(float(one.discriminator_loss), rel=0.1)
        assert float(other.generator_loss) == pytest.approx(float(one.generator_loss), rel=0.1)
        assert other.discriminator_loss.dtype == torch.float32
    assert all(weight.dtype == torch.float32 for weight in coarse.generator.parameters())
    with precision.autocast(CPU, "bf16"):
        assert coarse.generator(batches(1)[0][1]).dtype == torch.bfloat16, "the networks do not run in bf16 at all"


# The same step in plain operations, with Adam written out


class Adam:
    """Kingma & Ba 2014 (1412.6980), algorithm 1."""

    def __init__(self, lr: float, beta1: float, beta2: float) -> None:
        self.lr, self.beta1, self.beta2, self.count = lr, beta1, beta2, 0
        self.m: dict[str, Tensor] = {}
        self.v: dict[str, Tensor] = {}

    def move(self, weights: dict[str, Tensor], gradients: dict[str, Tensor]) -> dict[str, Tensor]:
        self.count += 1
        moved = {}
        for name, gradient in gradients.items():
            g = gradient.double()
            self.m[name] = self.beta1 * self.m.get(name, torch.zeros_like(g)) + (1 - self.beta1) * g
            self.v[name] = self.beta2 * self.v.get(name, torch.zeros_like(g)) + (1 - self.beta2) * g * g
            m = self.m[name] / (1 - self.beta1**self.count)
            v = self.v[name] / (1 - self.beta2**self.count)
            moved[name] = (weights[name].double() - self.lr * m / (v.sqrt() + 1e-8)).float()
        return moved


def dcgan_generator(w: dict[str, Tensor], z: Tensor) -> Tensor:
    """The tiny generator (depth 2): project to 4×4, double twice."""
    x = f.conv_transpose2d(z[:, :, None, None], w["layers.1.weight"])
    x = f.relu(f.batch_norm(x, None, None, w["layers.2.weight"], w["layers.2.bias"], training=True))
    x = f.conv_transpose2d(x, w["layers.4.weight"], stride=2, padding=1)
    x = f.relu(f.batch_norm(x, None, None, w["layers.5.weight"], w["layers.5.bias"], training=True))
    return torch.tanh(f.conv_transpose2d(x, w["layers.7.weight"], w["layers.7.bias"], stride=2, padding=1))


def dcgan_discriminator(w: dict[str, Tensor], x: Tensor) -> Tensor:
    """The tiny discriminator (depth 2): halve twice, then one linear layer over what remains."""
    x = f.leaky_relu(f.conv2d(x, w["body.0.weight"], w["body.0.bias"], stride=2, padding=1), 0.2)
    x = f.conv2d(x, w["body.2.weight"], stride=2, padding=1)
    x = f.leaky_relu(f.batch_norm(x, None, None, w["body.3.weight"], w["body.3.bias"], training=True), 0.2)
    return f.linear(x.flatten(1), w["head.weight"], w["head.bias"])[:, 0]


def mlp_generator(w: dict[str, Tensor], z: Tensor) -> Tensor:
    """Three linear layers, without batch norm."""
    x = (z @ w["layers.0.weight"].T + w["layers.0.bias"]).clamp(min=0)
    x = (x @ w["layers.2.weight"].T + w["layers.2.bias"]).clamp(min=0)
    return torch.tanh(x @ w["layers.4.weight"].T + w["layers.4.bias"]).reshape(-1, 1, 16, 16)


def mlp_discriminator(w: dict[str, Tensor], x: Tensor) -> Tensor:
    """Three linear layers on the flattened pixels."""
    x = x.reshape(len(x), -1)
    for layer in (1, 3):
        x = x @ w[f"body.{layer}.weight"].T + w[f"body.{layer}.bias"]
        x = torch.where(x > 0, x, 0.2 * x)
    return (x @ w["head.weight"].T + w["head.bias"])[:, 0]


Forward = Callable[[dict[str, Tensor], Tensor], Tensor]
FORWARDS: dict[str, tuple[Forward, Forward]] = {
    "dcgan": (dcgan_generator, dcgan_discriminator),
    "mlp": (mlp_generator, mlp_discriminator),
}


def gradients(loss: Tensor, w: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the gradient of a loss for each weight."""
    return dict(zip(w, torch.autograd.grad(loss, list(w.values())), strict=True))


@pytest.mark.parametrize("loss", ["non-saturating", "minimax"])
@pytest.mark.parametrize("family", ["dcgan", "mlp"])
def test_steps_equal_an_independent_implementation(family: str, loss: str) -> None:
    lr = {"generator": 1e-4, "discriminator": 3e-4}
    game = make_game(
        {"objective.loss": loss, "optimizer.generator_lr": lr["generator"], "optimizer.discriminator_lr": lr["discriminator"]},
        family=family,
    )
    generator, discriminator = FORWARDS[family]
    g, d = copy.deepcopy(weights(game.generator)), copy.deepcopy(weights(game.discriminator))
    g_adam, d_adam = Adam(lr["generator"], 0.5, 0.999), Adam(lr["discriminator"], 0.5, 0.999)
    for reals, z in batches(3):
        outcome = game.step([Turn(reals, z)])

        g = {name: weight.requires_grad_() for name, weight in g.items()}
        d = {name: weight.requires_grad_() for name, weight in d.items()}
        fakes = generator(g, z)
        d_real, d_fake = torch.sigmoid(discriminator(d, reals)), torch.sigmoid(discriminator(d, fakes.detach()))
        d_loss = -(d_real.log().mean() + (1 - d_fake).log().mean())
        d = d_adam.move(d, gradients(d_loss, d))
        judged = torch.sigmoid(discriminator(d, fakes))
        g_loss = -judged.log().mean() if loss == "non-saturating" else (1 - judged).log().mean()
        g = g_adam.move(g, gradients(g_loss, g))

        assert float(outcome.discriminator_loss) == pytest.approx(float(d_loss.detach()), abs=1e-6)
        assert float(outcome.generator_loss) == pytest.approx(float(g_loss.detach()), abs=1e-6)
        assert float(outcome.d_real) == pytest.approx(float(d_real.detach().mean()), abs=1e-6)
        assert float(outcome.d_fake) == pytest.approx(float(d_fake.detach().mean()), abs=1e-6)
        for mine, theirs in ((g, game.generator), (d, game.discriminator)):
            for name, weight in theirs.named_parameters():
                assert torch.allclose(weight, mine[name], rtol=0, atol=1e-6), name
