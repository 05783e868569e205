#!/usr/bin/env bash
# prdc 0.2 (precision, recall, density, coverage of Naeem et al. 2020): a set that holds every sample k + 1 times scores 0 in all four
# figures against itself, where every figure should be 1. Its k-th neighbour is then at distance 0, and it counts strictly inside that
# radius. With k copies or fewer the figures are 1. torch-fidelity 0.4.0 counts on the border as well and has 1 for both.
#
# Seen with Linux x86-64, Python 3.11, NumPy 2.4.6, scikit-learn 1.9.1, k = 5. It matters for generators that collapse: the figures of
# a set of copies fall to 0 at once and say "nothing real, nothing covered" instead of "few samples, many times".
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q prdc==0.2 numpy==2.4.6 scikit-learn==1.9.1

cat > "$folder/measure.py" <<'PYTHON'
import numpy as np
from prdc import compute_prdc

samples = np.random.default_rng(0).normal(size=(100, 8))
for copies, expected in ((5, 1.0), (6, 0.0)):
    features = np.repeat(samples, copies, axis=0)
    found = {name: float(value) for name, value in compute_prdc(features, features.copy(), nearest_k=5).items()}
    print(f"every sample {copies} times:", found)
    if set(found.values()) != {expected}:
        raise SystemExit("This is not as described.")
PYTHON

"$folder/venv/bin/python" "$folder/measure.py"
echo "As described."
