#!/bin/sh
# torch 2.15.0 on a processor: oneDNN has kernels of its own for depthwise convolutions, but not for atrous ones. The
# gradient of the weights leaves them at a dilation of 2, and the convolution itself where it pads by more than 4 pixels
# with AVX2 (6 with AVX-512), so at DeepLab's rates of 6, 12 and 18. What takes over treats every channel as a convolution
# by itself, a product of matrices ("gemm" in oneDNN's own log).
# Seen below with AVX2, 2048 channels of 14 x 14: the convolution takes 36 times as long at rate 6 as at rate 4 (14.7 ms
# against 0.4 ms, one thread), for as many sums or fewer.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet torch==2.15.0 numpy==2.4.6
cd "$folder"
cat > layers.py <<'PY'
import time

import torch

torch.set_num_threads(1)
for rate in (1, 2, 4, 6):
    layer = torch.nn.Conv2d(2048, 2048, 3, padding=rate, dilation=rate, groups=2048, bias=False)
    x = torch.rand(1, 2048, 14, 14).contiguous(memory_format=torch.channels_last).requires_grad_()
    seconds = []
    for _ in range(5):
        started = time.process_time()
        y = layer(x)
        seconds.append(time.process_time() - started)
    y.backward(torch.ones_like(y))
    print(f"rate {rate} took {1000 * min(seconds):.2f} ms", flush=True)
PY
ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 ONEDNN_VERBOSE=1 venv/bin/python layers.py >log
venv/bin/python - <<'PY'
kernels, found, seconds = {}, {}, {}
for line in open("log"):
    if ",exec,cpu,convolution," in line:
        _, _, _, _, _, _, kernel, way, *_ = line.split(",")
        kernels[way] = kernel.split(":")[-2 if "gemm" in kernel else 0]
    elif line.startswith("rate"):
        _, rate, _, took, _ = line.split()
        found[int(rate)], seconds[int(rate)], kernels = kernels, float(took), {}
        print(line.strip(), found[int(rate)])
gemm = {rate: {way for way, kernel in each.items() if kernel == "gemm"} for rate, each in found.items()}
assert gemm[1] == set() and gemm[2] == gemm[4] == {"backward_weights"}, gemm
assert gemm[6] == {"forward_training", "backward_weights"}, gemm
assert seconds[6] > 5 * seconds[4]
PY
