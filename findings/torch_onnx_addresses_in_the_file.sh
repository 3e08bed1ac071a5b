#!/bin/sh
# torch 2.15.0 with onnxscript 0.7.2: torch.onnx.export notes at a node that a Python function makes, such as torch.sym_sqrt
# by a translation table, the function's repr with its address in memory, and writes the note into the file. So one
# network, exported twice, gives two different files of the same numbers; checksums, caches and reproducible builds see a
# change where there is none. Networks without such a function come out byte for byte the same.
# Seen below: "<function _sym_sqrt at 0x7f...>" in the file, with another address in each of two processes.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet torch==2.15.0 onnx==1.23.2 onnxscript==0.7.2 numpy==2.4.6
cd "$folder"
cat > export.py <<'PY'
import re
import sys

import torch
from onnxscript import opset18 as op


def root(x):
    return op.Sqrt(op.Cast(x, to=1))


class Scaled(torch.nn.Module):
    def __init__(self, by_root):
        super().__init__()
        self.by_root = by_root

    def forward(self, x):
        return x / torch.sym_sqrt(x.shape[1] / 2) if self.by_root else x / x.shape[1]


free = ({1: torch.export.Dim.DYNAMIC},)
for name, by_root in (("root", True), ("plain", False)):
    network = Scaled(by_root).eval()
    program = torch.onnx.export(
        network,
        (torch.rand(1, 7),),
        dynamo=True,
        dynamic_shapes=free,
        custom_translation_table={torch._sym_sqrt: root},  # the exporter has none of its own
        verbose=False,
    )
    content = program.model_proto.SerializeToString()
    with open(f"{name}_{sys.argv[1]}.onnx", "wb") as file:
        file.write(content)
    print(name, sorted(set(re.findall(rb"<function \w+ at 0x[0-9a-f]+>", content))))
PY
venv/bin/python export.py one
venv/bin/python export.py two
cmp plain_one.onnx plain_two.onnx
grep -q "function _sym_sqrt at 0x" root_one.onnx
if cmp -s root_one.onnx root_two.onnx; then
    echo "the two exports are equal: this has changed" >&2
    exit 1
fi
