#!/usr/bin/env bash
# torch 2.14.1 on a processor without AVX-512: a transposed convolution in bfloat16, the layer of every DCGAN generator, takes more
# than ten times as long with its tensors in channels-last order as in the usual one. In float32 the order costs nothing or helps.
# The convolution in the other direction is the reverse: in bfloat16 it is the usual order that is several times slower.
#
# Seen with Linux x86-64 and AVX2, Python 3.11, one thread, 16 maps of 128 x 8 x 8 from 256 x 4 x 4, milliseconds: transposed 471
# in channels-last order, 28 in the usual one, 4 and 5 in float32; convolution 25 and 90, 4 and 4 in float32.
# It matters to whoever turns on both usual speed-ups, bfloat16 and channels-last, on a laptop: a training becomes 14 times slower
# than in float32, and no single layout is good for a generator and a discriminator in bfloat16.
set -euo pipefail

if ! grep -qw avx2 /proc/cpuinfo || grep -qw avx512f /proc/cpuinfo; then
    echo "This needs Linux and a processor with AVX2 but without AVX-512; this is another one."
    exit 2
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.14.1 numpy==2.4.6

cat > "$folder/measure.py" <<'PYTHON'
import time

import torch
from torch.nn import functional

torch.manual_seed(0)
torch.set_num_threads(1)


def shortest(call):
    took = []
    for _ in range(5):
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return min(took[1:]) * 1000


large, small, weight = torch.randn(16, 128, 8, 8), torch.randn(16, 256, 4, 4), torch.randn(256, 128, 4, 4)
taken = {}
for number in (torch.float32, torch.bfloat16):
    for order in (torch.contiguous_format, torch.channels_last):
        one, other, kernel = (tensor.to(number, memory_format=order) for tensor in (large, small, weight))
        down = shortest(lambda: functional.conv2d(one, kernel, stride=2, padding=1))
        up = shortest(lambda: functional.conv_transpose2d(other, kernel, stride=2, padding=1))
        taken[number, order] = down, up
        print(f"{number}, {order}: convolution {down:.1f} ms, transposed {up:.1f} ms")
ratios = {
    number: [late / usual for late, usual in zip(taken[number, torch.channels_last], taken[number, torch.contiguous_format])]
    for number in (torch.float32, torch.bfloat16)
}
for number, (down, up) in ratios.items():
    print(f"{number}: channels-last takes {down:.2f} times as long for a convolution, {up:.2f} times for a transposed one")
assert ratios[torch.bfloat16][1] > 4, "the order does not matter any more for a transposed convolution in bfloat16"
assert ratios[torch.bfloat16][0] < 0.6, "a convolution in bfloat16 is as slow in channels-last order now"
assert ratios[torch.float32][1] < 4, "the order matters in float32 as well"
PYTHON

python="$folder/venv/bin/python"
"$python" -c 'import torch; print("torch", torch.__version__, "with oneDNN", torch.__config__.show().split("MKL-DNN v")[1].split()[0])'
"$python" "$folder/measure.py"
echo "As described."
