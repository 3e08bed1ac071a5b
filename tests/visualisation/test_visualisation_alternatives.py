"""Several predictions side by side: what is drawn, what the alt text says, what is refused."""

import pytest
import torch
from torch import nn

from nbhelpers import visualisation as vis
from nbhelpers.datasets import Street, in_memory


@pytest.fixture(scope="module")
def scenes():
    return in_memory(Street("val", (48, 64), length=2))


class Sky(nn.Module):
    """Calls every pixel sky."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.eye(11)[0])

    def forward(self, images):
        return self.bias[None, :, None, None] + 0 * images[:, :1]


def test_each_alternative_has_its_score(scenes):
    truths = [scenes[index][1].masked_fill(scenes[index][1] == 255, 0) for index in range(2)]
    picture = vis.show_alternatives({"truth itself": truths, "all sky": Sky()}, scenes)
    assert picture.alt.startswith(
        "Rows of image, truth and 2 predictions. image 0, truth itself: mean IoU 1.00"
    )
    assert picture.alt.count("mean IoU 1.00") == 2 and picture.alt.count("all sky: mean IoU 0.") == 2
    assert "taken for Sky" in picture.alt


def test_masks_must_fit_the_samples(scenes):
    with pytest.raises(ValueError, match="'a' has masks .* one each, at its size"):
        vis.show_alternatives({"a": [torch.zeros(48, 64, dtype=torch.long)]}, scenes)
    with pytest.raises(ValueError, match="'a' has masks .* one each, at its size"):
        vis.show_alternatives({"a": [torch.zeros(8, 8, dtype=torch.long)]}, scenes, (0,))
    with pytest.raises(ValueError, match="0 alternatives for 2 indices"):
        vis.show_alternatives({}, scenes)
