"""Strided convolutions on CPUs, as matrix products where that is faster than the library's convolution.

oneDNN computes the convolutions of the deep layers of a DCGAN (many channels, small maps), and above all the gradients of their
weights, slower than matrix products of the same size: several times in bf16, up to twice in fp32. :class:`Conv2d` and
:class:`ConvTranspose2d` therefore gather the patches of a map as the rows of a matrix and multiply, for the shapes of
:func:`chosen`, a rule that ``python -m benchmarks.convolutions`` supports. Results are equal to the library's but for rounding.
When that benchmark finds no shape where the products are faster, this module can be deleted.

The first layer of a DCGAN's generator, from one pixel, and the last one, from many feature channels to those of images, are
products too: the library takes two to four times as long.

All three operations are written for a large map [N, C, 2h, 2w] and a small one [N, O, h, w] with weights [O, C, 4, 4]: a
convolution goes down from the large to the small one, a transposed convolution up.
"""

from __future__ import annotations

import platform
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Rules which layers are products: in bf16, with AMX or without it, and in fp32. 0 is none, 1 the one for AMX until grey images
#: were added. A resumed run keeps its rule.
WITH_AMX, WITHOUT_AMX, IN_FP32 = 2, 3, 4
_COLOURS = 3  # channels of images, at most
_THIN = 10  # feature channels for each channel of images

_KERNEL, _STRIDE, _PADDING = (4, 4), (2, 2), (1, 1)


class Ways(NamedTuple):
    """Which operations are matrix products: the passage down, the passage up, and the gradient of the weights."""

    down: bool
    up: bool
    weights: bool


def best_rule(precision: str) -> int:
    """Return the rule for this processor and a precision. In fp32 it was measured on x86; elsewhere the library is used."""
    if precision == "fp32" and platform.machine().lower() in ("x86_64", "amd64"):
        return IN_FP32
    return WITH_AMX if torch.cpu._is_amx_tile_supported() else WITHOUT_AMX


def chosen(channels: int, side: int, rule: int) -> Ways:
    """Return the ways for a large map with ``channels`` channels and ``side`` pixels to a side."""
    is_grey, is_tiny = channels == 1 and rule >= WITH_AMX, side <= 4 and channels >= 128
    if rule == IN_FP32:
        return Ways(is_tiny, is_tiny or channels <= _COLOURS, side <= 8 and channels >= 64)
    if rule == WITHOUT_AMX:
        return Ways(is_tiny, is_grey, side <= 8 and channels >= 32)
    is_deep = is_tiny or (side <= 8 and channels >= 256)
    return Ways(is_deep, is_deep or is_grey, (side <= 8 and channels >= 32) or (side <= 16 and channels >= 64))


def use_products(player: nn.Module, rule: int) -> None:
    """Let all layers of a player that can use products do so by a rule from now on, on a CPU, in the precision of the rule."""
    for layer in player.modules():
        if hasattr(layer, "products"):
            layer.products = rule  # type: ignore[assignment]


class Conv2d(nn.Conv2d):
    """A convolution that may use matrix products."""

    products = 0

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if not (_suits(self, input) and any(ways := chosen(input.shape[1], max(input.shape[2:]), self.products))):
            return super()._conv_forward(input, weight, bias)
        found: Tensor = _Down.apply(*_cast(input, weight), ways)  # type: ignore[no-untyped-call]
        return _with_bias(found, bias)


class ConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution that may use matrix products."""

    products = 0

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return the larger map."""
        is_plain = _is_plain(input)
        if output_size is None and (is_plain or _has_precision(self.products, input)) and self._is_projection(input):
            return self._project(input)
        if output_size is None and is_plain and self._is_thin():
            return self._fold(input)
        if not (output_size is None and _suits(self, input)):
            return super().forward(input, output_size)
        if not any(ways := chosen(self.out_channels, 2 * max(input.shape[2:]), self.products)):
            return super().forward(input, output_size)
        found: Tensor = _Up.apply(*_cast(input, self.weight), ways)  # type: ignore[no-untyped-call]
        return _with_bias(found, self.bias)

    def _is_projection(self, vectors: Tensor) -> bool:
        shape = (self.padding, self.output_padding, self.dilation, self.groups)
        return vectors.shape[2:] == (1, 1) and shape == ((0, 0), (0, 0), (1, 1), 1)

    def _project(self, vectors: Tensor) -> Tensor:
        """Return the map [N, O, k, k] of vectors [N, I, 1, 1]: one matrix product."""
        found = (vectors.flatten(1) @ _flat(self.weight)).unflatten(1, (*self.kernel_size, self.out_channels)).permute(0, 3, 1, 2)
        return _with_bias(found, self.bias)

    def _is_thin(self) -> bool:
        """Whether there are few channels of images and many of features; the library is then two to three times slower."""
        shape = (self.kernel_size, self.stride, self.padding, self.dilation, self.output_padding)
        is_usual = shape == (_KERNEL, _STRIDE, _PADDING, (1, 1), (0, 0)) and self.groups == 1
        return is_usual and self.out_channels <= _COLOURS and self.in_channels >= _THIN * self.out_channels

    def _fold(self, images: Tensor) -> Tensor:
        """Return the map twice as large."""
        return _with_bias(_folded(images, self.weight), self.bias)


def _with_bias(found: Tensor, bias: Tensor | None) -> Tensor:
    return found if bias is None else found + bias.to(found.dtype)[:, None, None]


def _is_plain(images: Tensor) -> bool:
    """Whether images pass in fp32 on a CPU and without gradients, as for a score."""
    return not torch.is_grad_enabled() and _is_fp32(images)


def _has_precision(rule: int, images: Tensor) -> bool:
    """Whether the networks compute in the precision of a rule, on a CPU."""
    return _is_fp32(images) if rule == IN_FP32 else bool(rule) and _is_bf16(images)


def _is_fp32(images: Tensor) -> bool:
    return images.device.type == "cpu" and images.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")


def _is_bf16(images: Tensor) -> bool:
    is_cast = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    return images.device.type == "cpu" and is_cast


def channels_last(tensor: Tensor) -> Tensor:
    """Return a tensor in channels-last order. The library is slow if a gradient and its map differ in order."""
    return tensor.contiguous(memory_format=torch.channels_last)


def _cast(images: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return both in channels-last order, and in bf16 under autocast."""
    dtype = torch.bfloat16 if _is_bf16(images) else images.dtype
    return images.to(dtype, memory_format=torch.channels_last), weight.to(dtype, memory_format=torch.channels_last)


def _suits(layer: Conv2d | ConvTranspose2d, images: Tensor) -> bool:
    shape = (layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.output_padding)
    is_usual = shape == (_KERNEL, _STRIDE, _PADDING, (1, 1), (0, 0))
    is_even = images.shape[2] % 2 == images.shape[3] % 2 == 0 or isinstance(layer, nn.ConvTranspose2d)
    return is_usual and is_even and layer.groups == 1 and layer.padding_mode == "zeros" and _has_precision(layer.products, images)


# The three operations: each one's derivatives are the other two, so all of them can be differentiated any number of times.


class _Down(torch.autograd.Function):
    """The passage from the large map to the small one. ``columns``: the patches of the large map, if they have been gathered."""

    @staticmethod
    def forward(ctx: Any, large: Tensor, weight: Tensor, ways: Ways, columns: Tensor | None = None) -> Tensor:
        if ways.down and columns is None:
            columns = _patches(large)
        ctx.ways, ctx.columns = ways, columns if ctx.needs_input_grad[1] else None
        ctx.save_for_backward(large, weight)
        return _product_down(columns, weight, large) if ways.down and columns is not None else _down(large, weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        large, weight = ctx.saved_tensors
        small, columns = channels_last(grad), ctx.columns
        ctx.columns = None
        to_large = _Up.apply(small, weight, ctx.ways) if ctx.needs_input_grad[0] else None  # type: ignore[no-untyped-call]
        to_weight = None
        if ctx.needs_input_grad[1]:
            to_weight = _Weight.apply(large, small, weight, ctx.ways, columns)  # type: ignore[no-untyped-call]
        return to_large, to_weight, None, None


class _Up(torch.autograd.Function):
    """The passage from the small map to the large one."""

    @staticmethod
    def forward(ctx: Any, small: Tensor, weight: Tensor, ways: Ways) -> Tensor:
        ctx.ways = ways
        ctx.save_for_backward(small, weight)
        return _product_up(small, weight) if ways.up else _up(small, weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        small, weight = ctx.saved_tensors
        large, ways = channels_last(grad), ctx.ways
        columns = _patches(large) if ways.down and ways.weights and all(ctx.needs_input_grad[:2]) else None
        to_small = _Down.apply(large, weight, ways, columns) if ctx.needs_input_grad[0] else None  # type: ignore[no-untyped-call]
        to_weight = None
        if ctx.needs_input_grad[1]:
            to_weight = _Weight.apply(large, small, weight, ways, columns)  # type: ignore[no-untyped-call]
        return to_small, to_weight, None


class _Weight(torch.autograd.Function):
    """The gradient of weights that are like ``weight``."""

    @staticmethod
    def forward(ctx: Any, large: Tensor, small: Tensor, weight: Tensor, ways: Ways, columns: Tensor | None) -> Tensor:
        ctx.ways = ways
        ctx.save_for_backward(large, small)
        if ways.weights:
            return _product_weight(small, _patches(large) if columns is None else columns, weight)
        return _weight(large, small, weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        large, small = ctx.saved_tensors
        weight = channels_last(grad)
        to_large = _Up.apply(small, weight, ctx.ways) if ctx.needs_input_grad[0] else None  # type: ignore[no-untyped-call]
        to_small = _Down.apply(large, weight, ctx.ways) if ctx.needs_input_grad[1] else None  # type: ignore[no-untyped-call]
        return to_large, to_small, None, None, None


# The library's ways


def _down(large: Tensor, weight: Tensor) -> Tensor:
    return torch.ops.aten.convolution(large, weight, None, _STRIDE, _PADDING, (1, 1), False, (0, 0), 1)


def _up(small: Tensor, weight: Tensor) -> Tensor:
    return torch.ops.aten.convolution(small, weight, None, _STRIDE, _PADDING, (1, 1), True, (0, 0), 1)


def _weight(large: Tensor, small: Tensor, weight: Tensor) -> Tensor:
    options = (None, _STRIDE, _PADDING, (1, 1), False, (0, 0), 1, (False, True, False))
    found: Tensor = torch.ops.aten.convolution_backward(small, large, weight, *options)[1]
    return found


# Matrix products


def _patches(large: Tensor) -> Tensor:
    """Return the patch of each pixel of the small map as a row [N·h·w, 4·4·C], ordered as channels-last weights are."""
    padded = functional.pad(large.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    count, high, wide, channels = padded.shape
    row, image = wide * channels, high * wide * channels
    shape = (count, high // 2 - 1, wide // 2 - 1, 4, 4 * channels)
    found = padded.as_strided(shape, (image, 2 * row, 2 * channels, row, 1))
    return found.reshape(-1, 16 * channels)


def _flat(weight: Tensor) -> Tensor:
    """Return weights as a matrix [O, 4·4·C]; a view of channels-last weights."""
    return weight.permute(0, 2, 3, 1).reshape(len(weight), -1)


def _product_down(columns: Tensor, weight: Tensor, large: Tensor) -> Tensor:
    count, _, high, wide = large.shape
    return (columns @ _flat(weight).t()).view(count, high // 2, wide // 2, -1).permute(0, 3, 1, 2)


def _product_weight(small: Tensor, columns: Tensor, weight: Tensor) -> Tensor:
    outputs, channels = weight.shape[:2]
    rows = small.permute(0, 2, 3, 1).reshape(-1, outputs)
    return (rows.t() @ columns).view(outputs, 4, 4, channels).permute(0, 3, 1, 2)


def _product_up(small: Tensor, weight: Tensor) -> Tensor:
    """Multiply, then add the overlapping patches: pixel row i and kernel row 2a + r go to row 2(i + a) + r of the padded map."""
    count, outputs, high, wide = small.shape
    channels = weight.shape[1]
    if channels <= _COLOURS:
        return _folded(small, weight).to(small.dtype)
    rows = small.permute(0, 2, 3, 1).reshape(-1, outputs)
    shape = (count, high, wide, 2, 2, 2, 2 * channels)  # image, pixel row and column, a, r, b, kernel column in b and channel
    parts = (rows @ _flat(weight)).view(shape)
    padded = torch.zeros(count, high + 1, 2, wide + 1, 2 * channels, dtype=_sum_type(small))
    for above in range(2):
        for left in range(2):
            padded[:, above : above + high, :, left : left + wide] += parts[:, :, :, above, :, left].transpose(2, 3)
    whole = padded.view(count, 2 * high + 2, 2 * wide + 2, channels)[:, 1:-1, 1:-1]
    return whole.to(small.dtype, memory_format=torch.contiguous_format).permute(0, 3, 1, 2)


def _folded(small: Tensor, weight: Tensor) -> Tensor:
    """Return the larger map, not rounded to bf16: multiply, then let the library add the overlapping patches; for few channels."""
    patches = (weight.flatten(1).t() @ small.flatten(2)).to(_sum_type(small))
    high, wide = (2 * side for side in small.shape[2:])
    return functional.fold(patches, (high, wide), _KERNEL, padding=_PADDING, stride=_STRIDE)


def _sum_type(tensor: Tensor) -> torch.dtype:
    """Return the type in which overlapping patches are added."""
    return torch.promote_types(tensor.dtype, torch.float32)
