"""Several predictions side by side: what is drawn, what the alt text says, what is refused."""

import pytest
import torch
from torch import nn

from nbhelpers import visualisation as vis
from nbhelpers.datasets import Street, in_memory
from nbhelpers.datasets.palette import CAMVID, CAMVID_CLASSES


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


class Split(nn.Module):
    """Calls every pixel sky, or in a bright image road."""

    def __init__(self):
        super().__init__()
        self.ids = nn.Parameter(torch.eye(11)[[0, 3]])

    def forward(self, images):
        return self.ids[int(images.mean() > 0.5)][None, :, None, None] + 0 * images[:, :1]


class Numbered:
    """Four images, dark and bright in turns, in whose masks all is the class of the image's number."""

    classes, palette = CAMVID_CLASSES, CAMVID

    def __getitem__(self, index):
        image = torch.full((3, 4, 6), 255 * (index % 2), dtype=torch.uint8)
        return image, torch.full((4, 6), index)


def test_each_panel_shows_what_its_title_says(monkeypatch):
    """Of two images with numbers other than their places, each alternative's own mask of each."""
    made, drawn = [], []
    module = "nbhelpers.visualisation.alternatives."
    monkeypatch.setattr(module + "Picture", lambda figure, alt: made.append((figure, alt)))
    for call in ("draw_image", "draw_mask"):
        monkeypatch.setattr(module + call, lambda axes, shown, *_: drawn.append((axes, shown)))
    given = [torch.full((4, 6), 3), torch.full((4, 6), 8)]
    vis.show_alternatives({"given": given, "network": Split()}, Numbered(), (2, 3))
    ((figure, alt),) = made
    titles = ["given: IoU 0.00", "network: IoU 0.00", "given: IoU 0.00", "network: IoU 1.00"]
    expected = ["image 2", "truth", *titles[:2], "image 3", "truth", *titles[2:]]
    assert [panel.get_title() for panel in figure.axes] == expected
    assert [axes for axes, _ in drawn] == figure.axes
    shown = [int(shown.max()) for _, shown in drawn]
    assert shown == [0, 2, 3, 0, 255, 3, 8, 3]
    assert "image 2, given: mean IoU 0.00" in alt and "taken for Road, 100 %" in alt
    assert "image 3, network: mean IoU 1.00, 100 % of the scored pixels right." in alt
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == [CAMVID_CLASSES[index] for index in (0, 2, 3, 8)]


def test_masks_must_fit_the_samples(scenes):
    with pytest.raises(ValueError, match="'a' has masks .* one each, at its size"):
        vis.show_alternatives({"a": [torch.zeros(48, 64, dtype=torch.long)]}, scenes)
    with pytest.raises(ValueError, match="'a' has masks .* one each, at its size"):
        vis.show_alternatives({"a": [torch.zeros(8, 8, dtype=torch.long)]}, scenes, (0,))
    with pytest.raises(ValueError, match="1 alternatives for 0 indices"):
        vis.show_alternatives({"a": []}, scenes, ())
    with pytest.raises(ValueError, match="0 alternatives for 2 indices"):
        vis.show_alternatives({}, scenes)
