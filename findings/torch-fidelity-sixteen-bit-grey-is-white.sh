#!/usr/bin/env bash
# torch-fidelity 0.4.0 with Pillow: a folder of 16-bit grey PNGs is read as nearly white 8-bit pictures: values from 255 of 65,535 on all
# become 255. An even ramp from black to white has 99.6 % white pixels then, and a mean of 254.5 instead of 127.5. Nothing is raised, and
# FID, IS and the others are computed of white pictures. 8-bit PNGs of the same ramp are read as they are.
#
# Seen with Linux x86-64, Python 3.11, torch 2.14.1, Pillow 13.0.0. It matters for X-rays and other scans, which are often stored so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch-fidelity==0.4.0 torch==2.14.1 torchvision==0.29.1 pillow==13.0.0 numpy==2.4.6

cat > "$folder/measure.py" <<'PYTHON'
import numpy as np
from PIL import Image
from torch_fidelity.datasets import ImagesPathDataset

ramp = np.linspace(0, 1, 64 * 64).reshape(64, 64)
Image.fromarray((ramp * 65535).round().astype(np.uint16)).save("ramp16.png")
Image.fromarray((ramp * 255).round().astype(np.uint8)).save("ramp8.png")
for name, low, high in (("ramp8.png", 127.0, 128.0), ("ramp16.png", 254.0, 255.0)):
    pixels = ImagesPathDataset([name])[0].float()
    white = (pixels == 255).float().mean().item()
    print(f"{name}: mean {pixels.mean().item():.1f}, {100 * white:.1f} % white")
    if not low <= pixels.mean().item() <= high:
        raise SystemExit("This is not as described.")
PYTHON

cd "$folder"
venv/bin/python measure.py
echo "As described."
