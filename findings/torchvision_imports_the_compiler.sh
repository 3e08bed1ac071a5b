#!/bin/sh
# torchvision 0.29.2 with torch 2.15.0: `import torchvision` loads torch's compiler, torch._dynamo and torch._inductor,
# which `import torch` leaves until something is compiled. torchvision.ops.roi_align wants one small function of
# torch._dynamo.utils. Whoever imports a transform pays for it at each start of a program that compiles nothing.
# Seen below: 1.8 s of the processor for torch, 1.5 s more for torchvision, and 121 modules of the compiler.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet torch==2.15.0 torchvision==0.29.2 numpy==2.4.6
cd "$folder"
cat > loaded.py <<'PY'
import sys
import time


def compiler():
    return sum(name.startswith(("torch._dynamo", "torch._inductor")) for name in sys.modules)


import torch

of_torch, modules = time.process_time(), compiler()
import torchvision.transforms.v2

more = time.process_time() - of_torch
print(f"torch {of_torch:.1f} s, torchvision {more:.1f} s more")
print(f"modules of the compiler: {modules} after torch, {compiler()} after torchvision")
assert modules == 0
assert compiler() > 50
PY
venv/bin/python -c "import torchvision"  # compiles the modules to bytecode, once
venv/bin/python loaded.py
