"""Convolutions as matrix products: equal to the library's within rounding, wherever they are chosen."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gan.networks import convolutions
from gan.networks.convolutions import IN_FP32, Conv2d, ConvTranspose2d, Ways
from gan.objective.penalties import zero_centred
from gan.runs import Run
from gan.training import checkpoints, loop
from tests.helpers import losses, make_run, train

EVERY = [Ways(down, up, weights) for down in (False, True) for up in (False, True) for weights in (False, True)]
Result = tuple[Tensor, ...]


def told_of(found: Tensor) -> Tensor:
    """Return a gradient that bf16 holds exactly."""
    return torch.randn(found.shape, generator=torch.Generator().manual_seed(1)).bfloat16().float()


def played(layer: nn.Module, images: Tensor, *, products: int = convolutions.WITH_AMX) -> Result:
    """Return output, gradient of the images and of each weight, in the precision of the rule; without one, in bf16."""
    layer.products = products  # type: ignore[assignment]
    images = images.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=products != IN_FP32):
        found = layer(images)
    gradients = torch.autograd.grad((found.float() * told_of(found)).sum(), [images, *layer.parameters()])
    return found, *gradients


def precisely(layer: nn.Module, images: Tensor) -> Result:
    """Return the same in float64 by the library, from weights and images that were rounded to bf16."""
    layer = layer.bfloat16().double()
    layer.products = 0  # type: ignore[assignment]
    images = images.bfloat16().double().requires_grad_()
    found = layer(images)
    gradients = torch.autograd.grad((found * told_of(found).double()).sum(), [images, *layer.parameters()])
    return found, *gradients


def assert_near(found: Result, expected: Result) -> None:
    """Assert equality within the rounding of bf16 of inputs, gradients and results."""
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert (one.double() - other).abs().max() <= 0.03 * other.abs().max() + 0.01


@pytest.mark.parametrize("ways", EVERY, ids=str)
@settings(max_examples=8)
@given(
    kind=st.sampled_from([Conv2d, ConvTranspose2d]),
    count=st.integers(1, 5),
    inputs=st.integers(1, 9),
    outputs=st.integers(1, 9),
    # torch 2.14.1 computes a small map that is one pixel wide, and higher, wrongly in bf16 where the CPU has AMX.
    sides=st.tuples(st.integers(1, 5), st.integers(1, 5)).filter(lambda sides: sides[1] > 1 or sides == (1, 1)),
    bias=st.booleans(),
)
def test_any_shape_agrees_with_autograd_in_float64(
    ways: Ways, kind: Callable[..., nn.Module], count: int, inputs: int, outputs: int, sides: tuple[int, int], bias: bool
) -> None:
    torch.manual_seed(0)
    layer = kind(inputs, outputs, 4, stride=2, padding=1, bias=bias).to(memory_format=torch.channels_last)
    high, wide = (2 * side for side in sides) if kind is Conv2d else sides
    images = torch.randn(count, inputs, high, wide)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolutions, "chosen", lambda channels, side, rule: ways)
        found, in_fp32 = played(layer, images), played(layer, images, products=IN_FP32)
    assert [one.dtype for one in found] == [torch.bfloat16, *[torch.float32] * (len(found) - 1)]
    layer.products = 0  # type: ignore[assignment]
    exact = images.clone().requires_grad_()
    expected = layer(exact)
    derived = torch.autograd.grad((expected * told_of(expected)).sum(), [exact, *layer.parameters()])
    for one, other in zip(in_fp32, (expected, *derived), strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert_near(found, precisely(layer, images))


@pytest.mark.parametrize("bias", [True, False])
def test_projection_of_latent_vectors_agrees_with_autograd_in_float64(*, bias: bool) -> None:
    torch.manual_seed(0)
    layer = ConvTranspose2d(7, 5, 4, bias=bias).to(memory_format=torch.channels_last)
    z = torch.randn(3, 7, 1, 1)
    assert_near(played(layer, z), precisely(layer, z))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Conv2d(256, 256, 3, padding=1), (2, 256, 8, 8)),
        (Conv2d(256, 8, 4, stride=2, padding=1), (2, 256, 7, 8)),
        (Conv2d(256, 8, 5, stride=2, padding=2), (2, 256, 8, 8)),
        (Conv2d(256, 8, 4, stride=2, padding=1, padding_mode="reflect"), (2, 256, 8, 8)),
        (ConvTranspose2d(8, 256, 4, stride=2, padding=1, output_padding=1), (2, 8, 4, 4)),
        (ConvTranspose2d(8, 256, 5, stride=2, padding=2, output_padding=1), (2, 8, 4, 4)),
    ],
    ids=str,
)
def test_other_convolutions_are_the_library_s(layer: nn.Module, shape: tuple[int, ...]) -> None:
    images = torch.randn(shape)
    for one, other in zip(played(layer, images), played(layer, images, products=0), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("ways", EVERY, ids=str)
@pytest.mark.parametrize("operation", ["down", "up"])
def test_second_derivatives_agree_with_differences_in_float64(operation: str, ways: Ways) -> None:
    torch.manual_seed(0)
    shapes = {"down": (2, 4, 4, 6), "up": (2, 3, 2, 3)}
    maps, weight = (torch.randn(shape, dtype=torch.double).requires_grad_() for shape in (shapes[operation], (3, 4, 4, 4)))
    passage = {"down": convolutions._Down, "up": convolutions._Up}[operation]

    def passed(maps: Tensor, weight: Tensor) -> Tensor:
        found: Tensor = passage.apply(*(convolutions.channels_last(one) for one in (maps, weight)), ways)  # type: ignore[no-untyped-call]
        return found

    assert torch.autograd.gradcheck(passed, (maps, weight))
    assert torch.autograd.gradgradcheck(passed, (maps, weight))


def test_penalty_in_fp32_has_the_gradients_of_the_library() -> None:
    torch.manual_seed(0)
    images, found = torch.randn(4, 128, 4, 4), []
    layer = Conv2d(128, 4, 4, stride=2, padding=1).to(memory_format=torch.channels_last)
    for layer.products in (0, IN_FP32):
        layer.zero_grad()
        zero_centred(lambda inputs: layer(inputs).relu().sum(dim=(1, 2, 3)).sin(), images).backward()  # type: ignore[no-untyped-call]
        assert layer.weight.grad is not None
        found.append(layer.weight.grad)
    assert found[0].abs().sum() > 0
    assert not torch.equal(*found), "products round differently"
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


def test_without_autocast_nothing_changes_and_second_derivatives_exist() -> None:
    layer = Conv2d(256, 4, 4, stride=2, padding=1)
    layer.products = convolutions.WITH_AMX
    images = torch.randn(2, 256, 8, 8, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(images).square().sum(), images, create_graph=True)
    gradient.square().sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (1, {(1, 32): "...", (32, 16): "...", (64, 16): "..w", (128, 8): "..w", (128, 4): "duw", (256, 8): "duw"}),
        (2, {(1, 32): ".u.", (32, 16): "...", (64, 16): "..w", (128, 8): "..w", (128, 4): "duw", (256, 8): "duw"}),
        (3, {(1, 32): ".u.", (32, 16): "...", (64, 16): "...", (128, 8): "..w", (128, 4): "d.w", (256, 8): "..w"}),
        (4, {(1, 32): ".u.", (3, 64): ".u.", (32, 8): "...", (64, 16): "...", (64, 8): "..w", (128, 4): "duw", (256, 8): "..w"}),
    ],
)
def test_rules_that_checkpoints_name_never_change(rule: int, expected: dict[tuple[int, int], str]) -> None:
    for (channels, side), letters in expected.items():
        ways = convolutions.chosen(channels, side, rule)
        assert letters == "".join(letter if is_product else "." for letter, is_product in zip("duw", ways, strict=True))


def packed(run: Run) -> tuple[dict[str, Tensor], int]:
    """Return the tensors of a run's newest checkpoint, and the rule by which its convolutions are products."""
    saved, _ = checkpoints.load_newest(run.checkpoints_path)
    assert saved
    return saved.tensors, saved.facts["products"]


@pytest.mark.parametrize(
    ("norm", "precision", "rule", "written"),
    [("spectral", "bf16", 0, {}), ("batch", "bf16", 1, {"has_products": True}), ("batch", "fp32", 3, {"products": 3})],
)
def test_resume_keeps_the_way_of_its_checkpoint(
    norm: str, precision: str, rule: int, written: dict[str, int], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The layers are wide enough for products. A checkpoint of an earlier version goes on by the rule of its time."""
    asked = {"networks.width": 64, "optimizer.batch_size": 16, "networks.discriminator_norm": norm, "training.precision": precision}
    asked |= {"training.length": "4 steps", "cadence.checkpoint_every": "2 steps"}
    whole, stopped, old = (make_run(root, asked) for _ in range(3))
    train(whole)
    train(stopped, should_stop=lambda: stopped.status().step >= 2)
    train(stopped)
    assert losses(whole) == losses(stopped)
    assert packed(stopped)[1] == convolutions.best_rule(precision)

    build = loop.build_game
    monkeypatch.setattr(loop, "build_game", lambda *given, products, **more: build(*given, products=rule, **more))
    train(old)
    monkeypatch.undo()
    assert losses(old) != losses(whole), "the products round differently"
    expected = losses(old)
    early = checkpoints.load(old.checkpoints_path, 2)
    shutil.rmtree(old.checkpoints_path)
    old.checkpoints_path.mkdir()
    facts = {key: value for key, value in early.facts.items() if key not in ("products", "step", "sha256", "bytes")}
    checkpoints.save(old.checkpoints_path, 2, early.tensors, facts | written)  # as an earlier version wrote it
    old.write_status(old.status().model_copy(update={"state": "starting", "step": 2}))
    train(old)
    assert losses(old) == expected
    assert packed(old)[1] == rule


@pytest.mark.parametrize(
    ("inputs", "outputs", "side", "kernel", "stride", "padding"),
    [(100, 128, 1, 4, 1, 0), (32, 1, 16, 4, 2, 1), (64, 3, 5, 4, 2, 1), (40, 2, 6, 5, 3, 2), (16, 3, 8, 4, 2, 1)],
)
@pytest.mark.parametrize("bias", [False, True])
def test_images_are_drawn_in_fp32_as_the_library_draws_them(
    inputs: int, outputs: int, side: int, kernel: int, stride: int, padding: int, bias: bool
) -> None:
    torch.manual_seed(0)
    layer = ConvTranspose2d(inputs, outputs, kernel, stride, padding, bias=bias).to(memory_format=torch.channels_last)
    images = torch.randn(3, inputs, side, side).contiguous(memory_format=torch.channels_last)
    expected = layer(images).detach()  # with gradients, as the library does it
    with torch.inference_mode():
        found = layer(images)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-5)
