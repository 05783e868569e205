"""Inception Score (Salimans et al. 2016, 1606.03498) from class logits."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor
from torchmetrics.image.inception import InceptionScore

from gan.scoring.metrics.fid import Precomputed

_FEWEST_PER_SPLIT = 100
_SMALLEST_LOGIT = -600.0  # e^-600 is a normal float64; e^-746 is 0, and IS would compute 0 · log 0


def inception_score(logits: Tensor, splits: int = 10, seed: int = 0) -> tuple[float, float | None]:
    """Return the Inception Score of logits [N, K], 1 to K: mean and sample standard deviation over splits.

    exp E KL(p(y|x) ‖ p(y)) in float64; Salimans et al. 2016 (1606.03498). Images are shuffled with ``seed`` and cut into
    ``splits`` equal parts, fewer if a part would have less than 100 images (a part of n images cannot score above n). With one
    part the deviation is None. The global random state is left unchanged.
    """
    logits = logits.detach().cpu().double()
    logits = (logits - logits.amax(dim=1, keepdim=True)).clamp(min=_SMALLEST_LOGIT)
    splits = max(1, min(splits, len(logits) // _FEWEST_PER_SPLIT))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*will save all extracted features in buffer")
        warnings.filterwarnings("ignore", message=".*degrees of freedom")
        metric = InceptionScore(feature=Precomputed(logits.shape[1]), splits=splits, sync_on_compute=False)
        metric.update(logits)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)  # torchmetrics shuffles with the global CPU state only
            mean, deviation = metric.compute()
    return float(mean), float(deviation) if splits > 1 else None
