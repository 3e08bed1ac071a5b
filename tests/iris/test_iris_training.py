"""How the stored network for irises was made: what narrowing keeps."""

import torch
from torch import nn

from nbhelpers.iris.segmenter import IrisSegmenter
from tools.train_iris import narrowed


@torch.inference_mode()
def test_a_narrowed_network_leaves_out_what_weighs_least():
    wide = IrisSegmenter(widths=(8, 12, 16)).eval()
    kept = (5, 7, 16)
    for module in wide.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
    x = torch.rand(1, 3, 48, 64)
    torch.testing.assert_close(narrowed(wide, (8, 12, 16)).eval()(x), wide(x))
    blocks = [
        (wide.unet.stem, 5),
        (wide.unet.downs[0], 7),
        (wide.unet.ups[0].conv, 7),
        (wide.unet.ups[1].conv, 5),
    ]
    for block, count in blocks:  # what is not kept says nothing: then leaving it out changes nothing
        for norm in (block[1], block[4]):
            silent = torch.randperm(len(norm.weight))[count:]
            norm.weight[silent] = norm.bias[silent] = 0
    for up, count in ((wide.unet.ups[0].up, 7), (wide.unet.ups[1].up, 5)):
        silent = torch.randperm(up.out_channels)[count:]
        up.weight[:, silent] = 0
        up.bias[silent] = 0
    narrow = narrowed(wide, kept).eval()
    torch.testing.assert_close(narrow(x), wide(x))
    assert sum(p.numel() for p in narrow.parameters()) < 0.7 * sum(p.numel() for p in wide.parameters())
