"""Pictures of iris recognition: alt text made from the data, and errors by name."""

import numpy as np
import pytest
import torch

from nbhelpers.iris import encode, roc, unwrap
from nbhelpers.visualisation import show_boundaries, show_distances, show_roc, show_rubber_sheet
from tests.iris.iris_masks import ASLANT, ROUND, SHAPE, ring

IMAGE = np.random.default_rng(0).integers(0, 255, (*SHAPE, 3), np.uint8)


def test_boundaries():
    tensor = torch.from_numpy(IMAGE).permute(2, 0, 1)
    picture = show_boundaries(
        [IMAGE, tensor], [ring(ROUND), torch.zeros(SHAPE, dtype=torch.uint8)], [ROUND, None]
    )
    assert "Eye 0: pupil 48 px, iris 120 px. Eye 1: no iris found." in picture.alt
    picture = show_boundaries([IMAGE] * 5, [ring(ASLANT)] * 5, [ASLANT] * 5, titles=list("abcde"))
    assert "Eye 4 (e): pupil 53 px, iris 131 px." in picture.alt and len(picture.data) > 1000
    with pytest.raises(ValueError, match="1 images, 2 masks and 1 boundaries"):
        show_boundaries([IMAGE], [ring(ROUND)] * 2, [ROUND])
    with pytest.raises(ValueError, match="0 images"):
        show_boundaries([], [], [])
    with pytest.raises(ValueError, match="its mask"):
        show_boundaries([IMAGE], [ring(ROUND)[:100]], [ROUND])


def test_the_rubber_sheet():
    image = IMAGE.transpose(2, 0, 1)
    sheet, visible = unwrap(image, ring(ROUND), ROUND, (8, 64))
    code = encode(sheet, visible)
    picture = show_rubber_sheet(torch.from_numpy(image), ROUND, sheet, visible, code)
    assert "rubber sheet of 8 rows and 64 columns, of which " in picture.alt
    assert f"of whose 1024 bits {100 * code.valid.mean():.0f} % are valid" in picture.alt
    hidden = encode(sheet, visible & False)
    assert "of which 0 % are visible" in show_rubber_sheet(IMAGE, ROUND, sheet, visible & False, hidden).alt
    with pytest.raises(ValueError, match="pass what unwrap and encode returned"):
        show_rubber_sheet(IMAGE, ROUND, sheet[:4], visible, code)


PAIRS = {
    "true masks": (np.array([0.1, 0.2, 0.3, np.nan]), np.array([0.4, 0.45, 0.5, 0.5])),
    "spoiled": (np.array([0.1, 0.2, 0.4, 0.5]), np.array([0.3, 0.45, 0.5, 0.5])),
}


def test_distances():
    curves = {name: roc(*pair) for name, pair in PAIRS.items()}
    picture = show_distances(PAIRS, curves)
    assert "true masks: same eye median 0.20, different eyes 0.47, equal error rate 25.0 %" in picture.alt
    assert "not comparable 25 % of the same eye; spoiled:" in picture.alt
    failed = np.full(3, np.nan), np.full(3, np.nan)
    assert "nothing to compare" in show_distances({"closed": failed}, {"closed": roc(*failed)}).alt
    with pytest.raises(ValueError, match="both for each case"):
        show_distances(PAIRS, {})
    with pytest.raises(ValueError, match="both for each case"):
        show_distances({}, {})


def test_roc():
    picture = show_roc({name: roc(*pair) for name, pair in PAIRS.items()})
    assert picture.alt.endswith("true masks 25.0 %; spoiled 25.0 %.")
    assert picture.mimetype == "image/png"
    with pytest.raises(ValueError, match="no curve to show"):
        show_roc({})
