"""What another laboratory changes in a picture, and no mask: its stains, its focus, its noise. For training recipes.

Steps for `torchvision.transforms.v2.Compose`, beside `RandomColour` of nbhelpers.datasets.transforms; they take and return
(image, mask), the image uint8, and leave the mask alone. Which of them carries over to another laboratory is measured in
studies/lesson26.py.
"""

import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from nbhelpers.datasets.transforms import Pair, check_bytes, checked_strength

# How much red, green and blue light haematoxylin, eosin and the brown of DAB take away, one row each:
# Ruifrok and Johnston, 2001, "Quantification of histochemical staining by color deconvolution"
STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])


class RandomStain(torch.nn.Module):
    """Change how much of each of three stains the picture holds: by a factor of 1 - strength to 1 + strength, and a little more.

    Light is absorbed by Beer and Lambert's law, so the change is linear in its logarithm: one 3 x 3 matrix and an offset.
    Tellez et al., 2018, https://doi.org/10.1109/TMI.2018.2820199, section III-C. Images must have three channels, uint8.
    """

    def __init__(self, strength: float = 0.3) -> None:
        super().__init__()
        self.strength = checked_strength(strength)

    def forward(self, image: tv_tensors.Image, mask: tv_tensors.Mask) -> Pair:
        check_bytes(image)
        if image.shape[0] != 3:
            raise ValueError(
                f"image has {image.shape[0]} channels; stains are told apart by red, green and blue"
            )
        factors, more = self.strength * (2 * torch.rand(2, 3, dtype=torch.float64) - 1)
        stains = torch.from_numpy(STAINS)
        matrix = torch.linalg.inv(stains) @ torch.diag(1 + factors) @ stains  # of densities as rows
        offset = 0.1 * more @ stains
        density = -torch.log((image.as_subclass(Tensor).flatten(1).float() + 1) / 256)  # (3, H * W)
        changed = torch.addmm(offset.float()[:, None], matrix.T.float(), density)
        rgb = (256 * torch.exp(-changed) - 1 + 0.5).clamp_(0, 255).to(torch.uint8).reshape(image.shape)
        return tv_tensors.wrap(rgb, like=image), mask


class RandomFocus(torch.nn.Module):
    """Blur by a standard deviation of 0 to `blur` pixels, then add noise of a standard deviation of 0 to `noise` grey levels."""

    def __init__(self, blur: float = 1.5, noise: float = 12.0) -> None:
        super().__init__()
        if not (blur >= 0 and noise >= 0):
            raise ValueError(f"blur is {blur} and noise {noise}; both must be at least 0")
        self.blur, self.noise = blur, noise

    def forward(self, image: tv_tensors.Image, mask: tv_tensors.Mask) -> Pair:
        check_bytes(image)
        sigma, deviation = (torch.rand(2) * torch.tensor([self.blur, self.noise])).tolist()
        changed = image.as_subclass(Tensor)
        if sigma > 0.1:  # below it nothing changes
            side = 2 * int(3 * sigma + 0.5) + 1
            if min(image.shape[-2:]) > side // 2:  # or there is nothing to reflect
                changed = F.gaussian_blur(changed, [side, side], [sigma, sigma])
        noisy = changed.float() + deviation * torch.randn(changed.shape) + 0.5
        return tv_tensors.wrap(noisy.clamp_(0, 255).to(torch.uint8), like=image), mask
