#!/usr/bin/env bash
# torch 2.14.1 (with its oneDNN) on a processor with AMX: a bfloat16 convolution with kernel 4, stride 2 and padding 1, the layer of
# every DCGAN discriminator, gives wrong values where its output is one pixel wide and several pixels high. Square outputs are right,
# and so are outputs several pixels wide and one high, the same layer with oneDNN limited to AVX-512, and the same layer without oneDNN.
#
# Seen with Linux x86-64, Python 3.11, oneDNN 3.12.0: a largest error of 2.31 in outputs of size 1, where the right ways give 0.004.
# It matters to whoever trains on images that are taller than wide, or that shrink to one column: nothing is raised, nothing is NaN.
set -euo pipefail

if ! grep -qw amx_bf16 /proc/cpuinfo; then
    echo "This needs Linux and a processor with AMX for bfloat16 (flag amx_bf16); this one has none."
    exit 2
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.14.1 numpy==2.4.6

cat > "$folder/measure.py" <<'PYTHON'
import sys

import torch

torch.manual_seed(0)
worst = {}
for height, width in ((10, 2), (10, 10), (2, 10)):
    layer = torch.nn.Conv2d(8, 8, 4, stride=2, padding=1, bias=False).bfloat16().to(memory_format=torch.channels_last)
    images = torch.randn(4, 8, height, width).bfloat16().contiguous(memory_format=torch.channels_last)
    exact = torch.nn.functional.conv2d(images.double(), layer.weight.double(), stride=2, padding=1)
    with torch.backends.mkldnn.flags(enabled=sys.argv[1] == "with"):
        error = (layer(images).double() - exact).abs().max().item()
    worst[height // 2, width // 2] = error
    print(f"output {height // 2} x {width // 2}: largest error {error:.3g}")
is_wrong = not worst[5, 1] < 0.1  # true of NaN too
assert worst[5, 5] < 0.1 and worst[1, 5] < 0.1, "other shapes are wrong too"
assert is_wrong == (sys.argv[2] == "wrong"), f"the values are {'wrong' if is_wrong else 'right'}; this has changed"
PYTHON

python="$folder/venv/bin/python"
"$python" -c 'import torch; print("torch", torch.__version__, "with oneDNN", torch.__config__.show().split("MKL-DNN v")[1].split()[0])'
echo "oneDNN with AMX:" && "$python" "$folder/measure.py" with wrong
echo "oneDNN limited to AVX-512:" && ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16 "$python" "$folder/measure.py" with right
echo "without oneDNN:" && "$python" "$folder/measure.py" without right
echo "As described."
