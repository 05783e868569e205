"""Random weights of published networks, for tests that need the computation but not the training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from torch_fidelity import feature_extractor_inceptionv3 as fidelity
from torch_fidelity.feature_extractor_base import FeatureExtractorBase


class Pictures(Dataset[Tensor]):
    """Pixels as a data set, the form torch-fidelity expects."""

    def __init__(self, pixels: Tensor) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> Tensor:
        return self.pixels[index]


def for_torch_fidelity(build: Callable[[], nn.Module], features: int) -> type[FeatureExtractorBase]:
    """Return a network of ours, pixels → (features [N, ``features``], logits), as a class of extractors of torch-fidelity."""

    class Adapter(FeatureExtractorBase):  # type: ignore[misc]
        def __init__(self, name: str, wanted: list[str], **options: Any) -> None:
            super().__init__(name, wanted)
            self.network = build()

        @staticmethod
        def get_provided_features_list() -> tuple[str, ...]:
            return (str(features),)

        @staticmethod
        def get_default_feature_layer_for_metric(metric: str) -> str:
            return str(features)

        @staticmethod
        def can_be_compiled() -> bool:
            return False

        def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
            with torch.inference_mode():
                return (self.network(pixels)[0],)

    return Adapter


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
