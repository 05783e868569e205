"""Inception Score (Salimans et al. 2016, 1606.03498) on class logits."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor
from torchmetrics.image.inception import InceptionScore

from gan.scoring.metrics.fid import Precomputed

_FEWEST_PER_SPLIT = 100
_SMALLEST_LOGIT = -600.0  # e^-600 is still a normal float64; at e^-746 a probability would be 0 and IS 0 · log 0


def inception_score(logits: Tensor, splits: int = 10, seed: int = 0) -> tuple[float, float | None]:
    """Return the Inception Score of logits [N, K], from 1 to K: its mean and sample standard deviation over splits.

    exp E KL(p(y|x) ‖ p(y)) in float64; Salimans et al. 2016 (1606.03498). Images are put in an order given by ``seed`` and
    cut into ``splits`` equal parts, fewer where a part would have less than 100 images (a part of n images cannot score
    above n); with one part the deviation is None. The global random state stays as it is.
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
            torch.default_generator.manual_seed(seed)  # torchmetrics shuffles by the CPU's global state; GPUs' are left alone
            mean, deviation = metric.compute()
    return float(mean), float(deviation) if splits > 1 else None
