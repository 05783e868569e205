"""Extractor for stacked digits: each channel is classified as a digit, which gives 1,000 classes."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from gan.config.data import DataConfig
from gan.data.sources import STACKED
from gan.scoring.extractors import classifier
from gan.scoring.extractors.extractor import Extractor
from gan.storage.jobs import Report

CHANNELS = 3


class Reader(nn.Module):
    """uint8 pixels [N, 3, H, W] → features [N, 3·D] and log-probabilities of the numbers [N, K³], in one pass.

    ``digits`` classifies one channel: [N, 1, H, W] → features [N, D], logits [N, K]. The first channel is the first digit.
    """

    def __init__(self, digits: nn.Module) -> None:
        super().__init__()
        self.digits = digits

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = self.digits(pixels.flatten(0, 1).unsqueeze(1))
        first, second, third = logits.log_softmax(dim=1).view(len(pixels), CHANNELS, -1).unbind(dim=1)
        numbers = first[:, :, None, None] + second[:, None, :, None] + third[:, None, None, :]
        return features.view(len(pixels), -1), numbers.flatten(1)


def can_read(data: DataConfig) -> bool:
    """Return whether images are stacked digits in colour; in grey images the three digits overlap."""
    return data.name in STACKED and data.shape[0] == CHANNELS


def load(name: str, device: torch.device, report: Report) -> Extractor:
    """Return the extractor of a stacked data set; its accuracy is measured per digit.

    Raises InputError if the digit classifier is unavailable.
    """
    digits = classifier.load(STACKED[name], device, report)
    network = Reader(digits.network).eval()
    return replace(
        digits,
        label=f"{digits.label}, by channel",
        id=f"stacked-{digits.id}",
        network=network,
        batch=digits.batch // 2,
    )
