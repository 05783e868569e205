"""Random weights of published networks, for tests that need the computation but not the training."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torch_fidelity import feature_extractor_inceptionv3 as fidelity


class Pictures(Dataset[Tensor]):
    """Pixels as a data set, the form torch-fidelity expects."""

    def __init__(self, pixels: Tensor) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> Tensor:
        return self.pixels[index]


def random_inception() -> dict[str, Tensor]:
    """Return random Inception weights that preserve the scale of signals (He et al. 2015).

    The batch norms are not the identity, and the logits differ between images.
    """
    with pytest.MonkeyPatch.context() as patch, torch.device("meta"):
        patch.setattr(fidelity, "load_state_dict_from_url", lambda *arguments, **options: {})
        patch.setattr(fidelity.FeatureExtractorInceptionV3, "load_state_dict", lambda network, state: None)
        shapes = fidelity.FeatureExtractorInceptionV3("random", ["2048"]).state_dict()
    random = torch.Generator().manual_seed(0)

    def draw(name: str, shape: torch.Size) -> Tensor:
        if name.endswith("num_batches_tracked"):
            return torch.tensor(0)
        noise = torch.randn(shape, generator=random)
        if len(shape) > 1:
            return noise * math.sqrt(2.0 / shape[1:].numel()) * (4 if name == "fc.weight" else 1)
        return 1 + noise.clamp(-2, 2) / 10 if name.endswith(("bn.weight", "running_var")) else noise / 10

    return {name: draw(name, value.shape) for name, value in shapes.items()}
