"""Pictures of iris recognition: alt text made from the data, and errors by name."""

from collections import defaultdict

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from PIL.ImageColor import getrgb

from nbhelpers.iris import encode, roc, unwrap
from nbhelpers.iris.boundaries import matrix_of
from nbhelpers.iris.rubber_sheet import places
from nbhelpers.visualisation import show_boundaries, show_distances, show_roc, show_rubber_sheet
from nbhelpers.visualisation.iris import HIDDEN
from tests.iris.iris_masks import ASLANT, ROUND, SHAPE, ring, under_lids

IMAGE = np.random.default_rng(0).integers(0, 255, (*SHAPE, 3), np.uint8)


@pytest.fixture
def drawn(monkeypatch):
    """What is handed to matplotlib, by the name of its method."""
    calls = defaultdict(list)

    def keep(name):
        method = getattr(Axes, name)

        def kept(self, *values, **options):
            calls[name].append(values)
            return method(self, *values, **options)

        monkeypatch.setattr(Axes, name, kept)

    for name in ("imshow", "plot", "add_patch", "stairs"):
        keep(name)
    return calls


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


def test_the_ellipses_lie_where_they_were_fitted_and_what_they_hold_but_the_mask_does_not_is_tinted(drawn):
    mask = under_lids(ring(ASLANT), ASLANT, 0.3)
    show_boundaries([IMAGE], [mask], [ASLANT])
    _, tint = (shown for (shown,) in drawn["imshow"])
    assert np.array_equal(tint[..., 3] > 0, ring(ASLANT) & ~mask)
    turn = np.linspace(0, 2 * np.pi, 24)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    limbus, pupil = (patch for (patch,) in drawn["add_patch"])
    for patch, ellipse in ((limbus, ASLANT.limbus), (pupil, ASLANT.pupil)):
        points = patch.get_patch_transform().transform(circle) + 0.5 - (ellipse.x, ellipse.y)
        assert np.linalg.norm(points @ np.linalg.inv(matrix_of(ellipse)), axis=1) == pytest.approx(1)


def test_void_of_a_mask_is_hidden(drawn):
    show_boundaries([IMAGE], [np.where(ring(ROUND), 255, 0)], [ROUND])
    assert np.array_equal(drawn["imshow"][1][0][..., 3] > 0, ring(ROUND))


def test_strips_and_rays_show_the_sheet_and_its_code(drawn):
    mask = under_lids(ring(ASLANT), ASLANT, 0.4)
    sheet, visible = unwrap(IMAGE.transpose(2, 0, 1), mask, ASLANT, (8, 64))
    code = encode(sheet, visible)
    show_rubber_sheet(IMAGE, ASLANT, sheet, visible, code)
    _, grey, hidden, *bits = (shown for (shown,) in drawn["imshow"])
    tint = getrgb(HIDDEN)
    assert (np.diff(grey[visible][np.argsort(sheet[visible]), 0].astype(int)) >= 0).all()  # as bright
    assert np.array_equal(hidden[visible], grey[visible]) and (hidden[~visible] == tint).all()
    for strip, part, valid in zip(bits, code.bits, code.valid, strict=True):
        assert 0 < valid.mean() < 1 and (strip[~valid] == tint).all()
        assert (strip[part & valid] == 255).all() and (strip[~part & valid] == 0).all()
    # the middle of each ray, where a sheet of one row and the fewest columns is read
    rays = [np.mean(ray[:2], axis=1) for ray in drawn["plot"]]
    quarter, half = (np.stack(places(ASLANT, (1, columns)))[:, 0] for columns in (2, 1))
    assert rays[1] == pytest.approx(quarter[:, 0], abs=1e-3)
    assert rays[3] == pytest.approx(quarter[:, 1], abs=1e-3)
    assert rays[2] == pytest.approx(half[:, 0], abs=1e-3)


def test_hidden_places_do_not_set_the_contrast(drawn):
    """A glint that the mask leaves out, or all that can be seen would be nearly black."""
    sheet, visible = np.tile(np.linspace(0.1, 0.2, 64, dtype=np.float32), (8, 1)), np.ones((8, 64), bool)
    sheet[:, 60:], visible[:, 60:] = 1.0, False
    show_rubber_sheet(IMAGE, ROUND, sheet, visible, encode(sheet, visible))
    assert np.ptp(drawn["imshow"][1][0][visible]) == 255


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


def test_histograms_hold_shares_of_all_pairs(drawn):
    show_distances({"eyes": PAIRS["true masks"]}, {"eyes": roc(*PAIRS["true masks"])})
    different, _, same, _ = (shares for shares, _ in drawn["stairs"])
    assert different.sum() == pytest.approx(1) and same.sum() == pytest.approx(3 / 4)  # one is nan
    assert same[0] == pytest.approx(1 / 4) and different[-1] == pytest.approx(1 / 2)


def test_no_error_of_a_kind_is_told_with_the_number_of_pairs(drawn):
    alt = show_roc({"eyes": roc([0.1, 0.2], [0.15, 0.4, 0.5])}).alt
    assert "eyes no false accept among 3 pairs at 50.0 % false rejects" in alt
    assert "eyes no false reject among 2 pairs at 33.3 % false accepts" in alt
    left, down = (values for values in drawn["plot"] if str(values[-1]) in ("<", "v"))
    assert left[:2] == pytest.approx((1 / 3, 1 / 2)) and down[:2] == pytest.approx((1 / 3, 1 / 2))


def test_roc():
    picture = show_roc({name: roc(*pair) for name, pair in PAIRS.items()})
    assert picture.alt.endswith("true masks 25.0 %; spoiled 25.0 %.")
    assert picture.mimetype == "image/png"
    with pytest.raises(ValueError, match="no curve to show"):
        show_roc({})
