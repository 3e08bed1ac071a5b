"""Weights in a quarter of their size: what is lost, and what is not."""

import torch
from safetensors.torch import load_file, save_file

from studies.packing import pack, unpack


def test_what_packing_loses(tmp_path):
    """Of matrices and kernels 1 in 254 of the largest in each row, of other floats what halves lose, of counts nothing."""
    torch.manual_seed(0)
    scales = torch.tensor([1e-3, 1.0, 1e4, 0.0])
    kernel = (torch.randn(4, 6, 3, 3) * scales.view(4, 1, 1, 1)).to(memory_format=torch.channels_last)
    kernel[0] = -kernel[0].abs()  # the largest by its size is below 0
    state = {"kernel": kernel, "matrix": torch.randn(7, 5).T.double(), "norm": torch.randn(9)}
    state["count"] = torch.tensor(2**40 + 1)
    save_file(pack(state), tmp_path / "packed.safetensors")
    packed = load_file(tmp_path / "packed.safetensors")
    assert [packed[name].dtype for name in state] == [torch.int8, torch.int8, torch.float16, torch.int64]
    found = unpack(packed)
    assert found.keys() == state.keys()
    for name in ("kernel", "matrix"):
        lost, largest = (found[name] - state[name]).abs().flatten(1), state[name].abs().flatten(1).amax(1)
        assert (lost.amax(1) <= largest / 254 * 1.0001).all() and lost[:2].amax(1).all()
        assert (packed[name].int().abs().flatten(1).amax(1) == torch.where(largest > 0, 127, 0)).all()
    assert torch.equal(found["norm"], state["norm"].half().float())
    assert torch.equal(found["count"], state["count"]) and found["count"].dtype == torch.int64
    assert {value.dtype for name, value in found.items() if name != "count"} == {torch.float32}


def test_a_state_of_halves_is_unpacked_too():
    (found,) = unpack({"matrix": torch.tensor([[0.5, 2.0]], dtype=torch.float16)}).values()
    assert found.dtype == torch.float32 and found.tolist() == [[0.5, 2.0]]
