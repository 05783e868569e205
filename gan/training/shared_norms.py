"""Batch norm over the whole batch of a training on several processes, each of which has a part of it.

Unlike torch's SyncBatchNorm it works on CPUs, where gloo carries the sums, and it follows the layer that it replaces: names of the
state, Keras' variance, and evaluation are unchanged.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gan.networks.keras_dcgan import PopulationVariance
from gan.training.team import Team


def share(player: nn.Module, team: Team) -> None:
    """Let all batch-norm layers of a player normalise over the parts of all processes while a step is played."""
    for parent in list(player.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, _BatchNorm):
                setattr(parent, name, SharedBatchNorm(layer, team))


class SharedBatchNorm(_BatchNorm):
    """A batch norm [N, C, ...] with the weights and statistics of ``layer``, whose batch is spread over the processes of a team.

    Outside of a step, when process 0 is alone, it does what ``layer`` does.
    """

    def __init__(self, layer: _BatchNorm, team: Team) -> None:
        super().__init__(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
        self.weight, self.bias = layer.weight, layer.bias
        self.running_mean, self.running_var = layer.running_mean, layer.running_var
        self.num_batches_tracked = layer.num_batches_tracked
        self.train(layer.training)
        self._alone, self._team = [layer], team  # in a list, so that it is no part of the state
        self._is_unbiased = not isinstance(layer, PopulationVariance)

    def forward(self, input: Tensor) -> Tensor:
        if not (self.training and self._team.is_playing):
            return self._alone[0].train(self.training)(input)  # type: ignore[no-any-return]
        values = input.float()
        shape = (1, -1, *[1] * (input.dim() - 2))
        over = [place for place in range(input.dim()) if place != 1]
        variance, mean = torch.var_mean(values, dim=over, correction=0)
        # Sums of squares would lose digits; these are means and variances of the parts, of equal size.
        own = torch.stack([mean, variance])
        rows = [own if rank == self._team.rank else torch.zeros_like(own) for rank in range(self._team.size)]
        every = _Sum.apply(torch.stack(rows), self._team)
        mean = every[:, 0].mean(dim=0)
        variance = (every[:, 1] + (every[:, 0] - mean).square()).mean(dim=0)
        self._track(mean, variance, values.numel() // self.num_features * self._team.size)
        normalised = (values - mean.view(shape)) * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normalised = normalised * self.weight.view(shape) + self.bias.view(shape)
        return normalised.to(input.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Update the running statistics with those of a batch of ``count`` values per channel."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = self.momentum if self.momentum is not None else 1 / int(self.num_batches_tracked)
        unbiased = variance * (count / (count - 1)) if self._is_unbiased else variance
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(unbiased, share)


class _Sum(torch.autograd.Function):
    """The sum over all processes, each of which goes on with it; so its gradient is the sum of their gradients."""

    @staticmethod
    def forward(context: Any, values: Tensor, team: Team) -> Tensor:
        context.team = team
        return team.sum(values.clone())

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _Sum.apply(gradients[0], context.team), None  # type: ignore[no-untyped-call]
