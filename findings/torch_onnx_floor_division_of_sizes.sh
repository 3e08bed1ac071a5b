#!/bin/sh
# torch 2.15.0 with onnxscript 0.7.2: torch.onnx.export turns the floor division of a size into ONNX's division of
# integers, which rounds towards zero. For a negative numerator, as in the ceiling idiom -(-n // 2), an exported network
# with a free size differs from the eager one, without a warning.
# Seen below: of five numbers the network keeps three, onnxruntime two.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet torch==2.15.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.31.1 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import onnxruntime
import torch


class LastHalf(torch.nn.Module):
    def forward(self, x):
        return x[..., -x.shape[-1] // 2 :]


network = LastHalf().eval()
free = ({1: torch.export.Dim.DYNAMIC},)
program = torch.onnx.export(network, (torch.arange(7.0)[None],), dynamo=True, dynamic_shapes=free, verbose=False)
session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
numbers = torch.arange(5.0)[None]
(found,) = session.run(None, {session.get_inputs()[0].name: numbers.numpy()})
print(network(numbers), found)
assert network(numbers).shape == (1, 3) and found.shape == (1, 2)
PY
