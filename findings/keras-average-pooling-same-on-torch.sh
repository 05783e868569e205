#!/usr/bin/env bash
# Keras 3.15.1 with KERAS_BACKEND=torch: AveragePooling2D(3, strides=2, padding="same") on 6 x 6 pixels, and any other "same" pooling that
# needs more padding after than before, averages the repeated border as well. The rule of Keras, and of its JAX backend, is the mean of
# the pixels that are there. Sides that need equal padding before and after (5 x 5 pixels here) are right.
#
# Seen with Linux x86-64, Python 3.11, torch 2.14.1: the last row and column of 0 to 35 are wrong by up to 1.17; nothing is raised. It
# matters to whoever compares a network across backends: the same weights give other values. Pooling is the only one of convolutions,
# transposed convolutions (kernels 1 to 5, strides 1 to 3), maximum and average pooling with such a difference. Mended after 3.15.1 in
# https://github.com/keras-team/keras/pull/23233.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q keras==3.15.1 torch==2.14.1 numpy==2.4.6

cat > "$folder/measure.py" <<'PYTHON'
import keras
import numpy as np


def mean_of_those_there(image: np.ndarray, size: int, stride: int) -> np.ndarray:
    """Return the pooled image by the definition: total padding (out - 1) * stride + size - side, the smaller half before."""
    side = len(image)
    out = -(-side // stride)
    before = max(0, (out - 1) * stride + size - side) // 2
    parts = [slice(max(0, place * stride - before), place * stride - before + size) for place in range(out)]
    return np.array([[image[rows, columns].mean() for columns in parts] for rows in parts])


print("Keras", keras.__version__, "with", keras.backend.backend())
for side, is_right in ((5, True), (6, False)):
    image = np.arange(side * side, dtype="float32").reshape(side, side)
    pooled = keras.layers.AveragePooling2D(3, strides=2, padding="same")(image[None, :, :, None])
    pooled = keras.ops.convert_to_numpy(pooled)[0, :, :, 0]
    expected = mean_of_those_there(image, 3, 2)
    print(f"{side} x {side} pixels: last row {pooled[-1].round(2).tolist()}, expected {expected[-1].round(2).tolist()}")
    if np.allclose(pooled, expected, atol=1e-4) != is_right:
        raise SystemExit("This is not as described.")
    print(f"largest error {np.abs(pooled - expected).max():.2f}")
PYTHON

KERAS_BACKEND=torch "$folder/venv/bin/python" "$folder/measure.py"
echo "As described."
