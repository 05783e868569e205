"""Adam as in Keras, which adds ε before the bias correction."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

EPSILON = 1e-7


class KerasAdam(torch.optim.Adam):
    """Adam (Kingma & Ba 2014, 1412.6980) as in Keras 3: w −= lr·√(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε) with ε = 1e-7.

    This is the form at the end of the paper's section 2. Torch adds its ε (1e-8 by default) after the bias correction of √v, so
    ε / √(1 − β₂ᵗ) there is the same step. Where gradients are as small as ε, Keras' first steps are far shorter.
    """

    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Update the weights once; all weights of a group have made equally many steps."""
        for group in self.param_groups:
            done = next((int(self.state[weight]["step"]) for weight in group["params"] if self.state.get(weight)), 0)
            group["eps"] = EPSILON / math.sqrt(1 - group["betas"][1] ** (done + 1))
        return super().step(closure)
