"""What a network costs, beside its parameters and its time: operations, and the memory of a step of training."""

import copy
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import Dataset
from torch.utils.flop_counter import FlopCounterMode

from nbhelpers.visualisation.costs import LiveBytes

MACS, MEMORY = "million MACs", "MB"


@dataclass(frozen=True)
class Costs:
    """A measure of a study: numbers by name, for one picture of `size` (height, width), or a step of `batch_size`.

    MACS: multiplications with their additions, of an answer. MEMORY: the most bytes that live in a step of training with
    AdamW, in 10^6, counted tensor by tensor on torch's meta device; so it is the same on every machine, and does not see
    what kernels take for a moment.
    """

    size: tuple[int, int]
    batch_size: int

    def __call__(self, network: nn.Module, test: Dataset) -> dict[str, float]:
        return {MACS: self.macs(network) / 1e6, MEMORY: self.bytes(network) / 1e6}

    def macs(self, network: nn.Module) -> int:
        model = copy.deepcopy(network).to("meta").eval()
        with FlopCounterMode(display=False) as count, torch.no_grad():
            model(torch.rand(1, 3, *self.size, device="meta"))
        return count.get_total_flops() // 2

    def bytes(self, network: nn.Module) -> int:
        with LiveBytes() as live:
            model = copy.deepcopy(network).to("meta").train()
            optimizer = torch.optim.AdamW(model.parameters())
            images = torch.rand(self.batch_size, 3, *self.size, device="meta")
            forward = getattr(model, "forward_with_aux", lambda images: (model(images),))
            for _ in range(2):  # the second finds what AdamW keeps
                sum(logits.sum() for logits in forward(images)).backward()
                optimizer.step()
                optimizer.zero_grad()
        return live.peak
