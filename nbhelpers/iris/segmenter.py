"""A trained network for irises, small enough to be a file of the package.

It was trained by `python -m tools.train_iris` on toy eyes (`nbhelpers.datasets.Eyes`) and has seen no photograph.
"""

from importlib.resources import as_file, files

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nbhelpers.inference.weights import load_weights
from nbhelpers.models.unet import UNet

WEIGHTS = "segmenter.safetensors"
WORKING_SIZE = (240, 320)  # pixels; a picture of another shape is brought to the same area
CELL = 2  # the U-Net works on cells of 2 x 2 pixels: a quarter of the work, and no pixel is thrown away
WIDTHS = (16, 32, 96, 128, 160)  # channels of each scale, finest first
PARTS, IRIS = 4, 2  # background, sclera, iris, pupil, as in Eyes(parts=True): it learns sooner from all four


class IrisSegmenter(nn.Module):
    """A U-Net that finds the visible iris: images (N, 3, H, W) float 0..1, of any size -> logits (N, 2, H, W).

    The classes are Background and Iris, as in `Eyes`. Inside, images are resized to the area of `working_size`, in
    their own shape, and each is brought to zero mean and unit deviation, so that exposure and contrast do not matter.
    """

    def __init__(self, *, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.working_size = WORKING_SIZE  # the training sets it lower at first, and so may who is in a hurry
        self.unet = UNet(in_channels=3 * CELL**2, num_classes=PARTS * CELL**2, widths=widths)

    def forward(self, images: Tensor) -> Tensor:
        parts = self._of_cells(images).unflatten(1, (PARTS, CELL**2))
        before, iris, after = parts.split([IRIS, 1, PARTS - IRIS - 1], dim=1)
        others = torch.cat([before, after], dim=1).logsumexp(dim=1)
        return _of_pixels(torch.cat([others, iris[:, 0]], dim=1), images.shape[-2:])

    def parts(self, images: Tensor) -> Tensor:
        """Images as in `forward` -> logits (N, PARTS, H, W); this is what is trained."""
        return _of_pixels(self._of_cells(images), images.shape[-2:])

    def _of_cells(self, images: Tensor) -> Tensor:
        """Images as in `forward` -> logits (N, PARTS * CELL**2, h, w) of the cells at the working size."""
        x = F.interpolate(
            images, nearest_size(images.shape[-2:], self.working_size), mode="bilinear", antialias=True
        )
        x = x - x.mean(dim=(1, 2, 3), keepdim=True)
        # + 0.02: a blank one stays blank
        x = x / (x.square().mean(dim=(1, 2, 3), keepdim=True).sqrt() + 0.02)
        return self.unet(F.pixel_unshuffle(x, CELL))


def _of_pixels(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Logits of cells (N, C * CELL**2, h, w) -> of pixels (N, C, *size)."""
    return F.interpolate(F.pixel_shuffle(logits, CELL), size, mode="bilinear")


def nearest_size(size: tuple[int, int], area: tuple[int, int]) -> tuple[int, int]:
    """The height and width of `area`'s area that are nearest in shape to `size`: whole cells, at least 32 pixels.

    torch's functions of numbers, because they leave the size open when the network is exported.
    """
    scale = torch.sym_sqrt(area[0] * area[1] / (size[0] * size[1]))
    return tuple(torch.sym_max(32, CELL * torch.sym_int(side * scale / CELL + 0.5)) for side in size)


def load_segmenter() -> IrisSegmenter:
    """The trained network, in eval mode, on the CPU. Its file holds numbers only: loading it runs no code."""
    model = IrisSegmenter()
    with as_file(files("nbhelpers.iris") / WEIGHTS) as path:
        load_weights(model, path)
    return model.to(memory_format=torch.channels_last).eval()  # so convolutions take 0.6 of the time on a CPU
