"""FID and IS from features that are computed already: pure functions of tensors."""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor, nn
from torchmetrics.image.inception import InceptionScore

_ROWS = 8192  # features decomposed at a time
_FEWEST_PER_SPLIT = 100
_SMALLEST_LOGIT = -600.0  # e^-600 is still a normal float64; at e^-746 a probability would be 0 and IS 0 · log 0


class _Precomputed(nn.Module):
    """Stands where torchmetrics expects a network, and hands its input on.

    ``num_features`` keeps torchmetrics from finding it out with a random image, drawn from the global random state.
    """

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def fid(real_features: Tensor, fake_features: Tensor) -> float:
    """Return the Fréchet distance between two sets of features [N, D] and [M, D], N and M at least 2, in float64.

    ‖μ₁ − μ₂‖² + Tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½), from 0 (same mean and covariance) up; Heusel et al. 2017 (1706.08500). It is
    biased upwards for small sets: compare only FIDs of equal numbers of images, and with their floor. NaN where features are
    not finite.
    """
    real, fake = real_features.detach().cpu().double(), fake_features.detach().cpu().double()
    if not (real.isfinite().all() and fake.isfinite().all()):
        return math.nan
    one, other = _root(real), _root(fake)
    # The eigenvalues of Σ₁Σ₂ are those of (R₁R₂ᵀ)(R₁R₂ᵀ)ᵀ, which is symmetric: a sixth of the work, and no zeros of low rank.
    product = one @ other.T if len(one) < len(other) else other @ one.T
    roots = torch.linalg.eigvalsh(product @ product.T).clamp(min=0).sqrt()
    gap = (real.mean(dim=0) - fake.mean(dim=0)).square().sum()
    return max(float(gap + one.square().sum() + other.square().sum() - 2 * roots.sum()), 0.0)


def _root(features: Tensor) -> Tensor:
    """Return R [min(N, D), D] with RᵀR = Σ, the sample covariance of float64 features [N, D]; block by block of rows."""
    mean, root = features.mean(dim=0), features[:0]
    for rows in features.split(_ROWS):
        root = torch.linalg.qr(torch.cat([root, rows - mean]), mode="r").R
    return root / math.sqrt(len(features) - 1)


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
        metric = InceptionScore(feature=_Precomputed(logits.shape[1]), splits=splits, sync_on_compute=False)
        metric.update(logits)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)  # torchmetrics shuffles by the CPU's global state; GPUs' are left alone
            mean, deviation = metric.compute()
    return float(mean), float(deviation) if splits > 1 else None
