"""Errors are sorted by hand-made cases, and the picture says what it shows."""

import sys

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from PIL.ImageColor import getrgb
from torch import nn

from nbhelpers.datasets.dataset import IGNORE, SegmentationDataset
from nbhelpers.datasets.palette import CAMVID, CAMVID_CLASSES, VOID
from nbhelpers.visualisation import KINDS, error_kinds, error_shares, show_error_kinds
from tests.datasets.test_palette import SIGHTS, ciede2000, lab, linear

MISNAMED, SWALLOWED, OUTLINE, PATCH = 1, 2, 3, 4
ROAD, CAR, PERSON = 3, 8, 9


@pytest.fixture
def truth():
    """A car of 4 x 8 on a road of 20 x 30; void in the upper left corner."""
    mask = np.full((20, 30), ROAD, dtype=np.uint8)
    mask[8:12, 10:18] = CAR
    mask[:2, :2] = 255
    return mask


def test_what_is_right_or_void_is_no_error(truth):
    prediction = truth.copy()
    prediction[:2, :2] = PERSON
    assert not error_kinds(prediction, truth).any()


def test_a_thing_of_the_right_shape_with_another_name_is_misnamed(truth):
    prediction = np.where(truth == CAR, PERSON, truth).astype(np.uint8)
    prediction[:2, :2] = ROAD
    kinds = error_kinds(prediction, truth)
    assert (kinds[truth == CAR] == MISNAMED).all() and not kinds[truth != CAR].any()


def test_a_thing_lost_in_its_surroundings_is_swallowed(truth):
    kinds = error_kinds(np.full_like(truth, ROAD), truth)
    assert (kinds[truth == CAR] == SWALLOWED).all() and not kinds[truth != CAR].any()


def test_a_thing_under_a_far_larger_one_is_swallowed_too(truth):
    prediction = truth.copy()
    prediction[4:16, 5:23] = PERSON  # less than half of the road
    kinds = error_kinds(prediction, truth)
    assert (kinds[truth == CAR] == SWALLOWED).all()
    assert kinds[4, 5] == PATCH and kinds[7, 14] == OUTLINE


def test_a_thing_is_wrong_as_a_whole_from_one_pixel_more_than_half(truth):
    prediction = truth.copy()
    prediction[8:12, 10:14] = ROAD  # 16 of the car's 32 pixels
    assert (error_kinds(prediction, truth)[8:12, 10:14] == OUTLINE).all()
    prediction[8, 14] = ROAD
    kinds = error_kinds(prediction, truth)
    assert (kinds == SWALLOWED).sum() == (kinds > 0).sum() == 17  # of the rest nothing is an error


def test_a_shape_of_twice_the_size_is_still_that_of_the_thing(truth):
    prediction = truth.copy()
    prediction[8:16, 10:18] = PERSON  # 64 pixels, of which 32 are the car: an IoU of one half
    prediction[:6, 20:] = PERSON  # another, which has nothing to do with the car
    assert (error_kinds(prediction, truth)[truth == CAR] == MISNAMED).all()
    prediction[16, 10] = PERSON
    assert (error_kinds(prediction, truth)[truth == CAR] == SWALLOWED).all()


def test_patches_that_touch_at_a_corner_are_one_thing(truth):
    truth[truth == CAR] = ROAD
    truth[4:8, 4:8] = truth[8:12, 8:12] = CAR
    prediction = truth.copy()
    prediction[8:12, 8:12] = ROAD  # half of it
    assert (error_kinds(prediction, truth)[8:12, 8:12] == OUTLINE).all()


def test_a_border_that_is_off_is_outline_and_a_blob_is_a_patch(truth):
    prediction = truth.copy()
    prediction[6:8, 10:18] = CAR  # 2 pixels too high
    prediction[16:18, 24:28] = CAR  # far from any border
    kinds = error_kinds(torch.from_numpy(prediction), torch.from_numpy(truth))
    assert (kinds[6:8, 10:18] == OUTLINE).all() and (kinds[16:18, 24:28] == PATCH).all()
    assert (kinds > 0).sum() == 16 + 8


def test_an_outline_reaches_two_pixels_to_each_side():
    truth = np.full((9, 12), ROAD, dtype=np.uint8)
    truth[:, 6:] = CAR
    for column, kind in enumerate([PATCH, PATCH, PATCH, PATCH] + [OUTLINE] * 4 + [PATCH] * 4):
        prediction = truth.copy()
        prediction[4, column] = PERSON
        assert error_kinds(prediction, truth)[4, column] == kind, column


def test_pieces_of_one_class_on_a_thing_are_its_shape_together(truth):
    truth[2:5, 20:28] = CAR  # a second car
    prediction = np.where(truth == CAR, PERSON, truth).astype(np.uint8)
    prediction[8:12, 13:15] = CAR  # cuts the first: of its 32 pixels, 12 on either side
    kinds = error_kinds(prediction, truth)
    assert (kinds[8:12, 10:13] == MISNAMED).all() and (kinds[8:12, 15:18] == MISNAMED).all()


def test_a_small_part_of_a_thing_has_not_its_shape():
    """Under a class that was predicted for just over half of it: an IoU of 17 / 33, and less with what lies beside."""
    truth = np.full((20, 30), ROAD, dtype=np.uint8)
    truth[8:12, 10:18] = CAR
    prediction = truth.copy()
    prediction[8:12, 10:14] = prediction[8, 14] = PERSON
    assert (error_kinds(prediction, truth) == MISNAMED).sum() == 17
    prediction[7, 10:14] = PERSON  # 17 of 21 predicted pixels, but of a union of 36
    assert (error_kinds(prediction, truth)[8:12, 10:14] == SWALLOWED).all()


def test_void_is_no_border():
    mask = np.full((9, 9), ROAD, dtype=np.uint8)
    mask[:, 4] = 255
    prediction = mask.copy()
    prediction[4, 2] = CAR
    assert error_kinds(prediction, mask)[4, 2] == PATCH


@pytest.mark.parametrize("sight", SIGHTS)
def test_no_kind_has_the_colour_of_a_class(sight):
    kinds = [[int(colour[start : start + 2], 16) for start in (1, 3, 5)] for colour in KINDS.values()]
    one = [*kinds, VOID, *CAMVID]
    seen = lab(np.clip(linear(one) @ SIGHTS[sight].T, 0, 1))
    assert min(ciede2000(seen[i], seen[j]) for i in range(len(kinds)) for j in range(i + 1, len(one))) > 12


def test_sizes_that_differ_are_refused(truth):
    with pytest.raises(ValueError, match=r"the prediction is \(20, 29\), but its mask \(20, 30\)"):
        error_kinds(truth[:, 1:], truth)


def test_a_prediction_is_never_void_where_there_is_a_class(truth):
    nothing = np.full_like(truth, IGNORE)
    with pytest.raises(ValueError, match="the prediction holds 255, void, but must have a class"):
        error_kinds(nothing, truth)
    assert not error_kinds(truth, nothing).any() and not error_kinds(nothing, nothing).any()


class Scenes(SegmentationDataset):
    classes, palette = CAMVID_CLASSES, CAMVID

    def __init__(self, mask):
        super().__init__()
        self.mask = mask

    def __len__(self):
        return 2

    def read(self, index):
        return np.zeros((*self.mask.shape, 3), dtype=np.uint8), self.mask


class Always(nn.Module):
    def __init__(self, index):
        super().__init__()
        self.index = nn.Parameter(torch.tensor(float(index)))

    def forward(self, images):
        ids = torch.full(images.shape[-2:], int(self.index))
        return nn.functional.one_hot(ids, 11).permute(2, 0, 1)[None].float()


def test_shares_and_the_picture_count_the_same(truth, monkeypatch):
    painted, real = [], Axes.imshow
    monkeypatch.setattr(
        Axes, "imshow", lambda self, shown, **options: painted.append(shown) or real(self, shown, **options)
    )
    scenes, scored = Scenes(truth), truth.size - 4
    shares = error_shares(Always(ROAD), scenes)
    assert shares == {"misnamed": 0, "swallowed": 32 / scored, "outline": 0, "patch": 0}
    picture = show_error_kinds({"road": Always(ROAD), "car": Always(CAR)}, scenes, 0)
    assert "road: misnamed 0 %, swallowed 5 %, outline 0 %, patch 0 % of the scored pixels" in picture.alt
    assert "car: misnamed 95 %" in picture.alt  # the road, as large as what is predicted
    _, _, swallowed, misnamed = painted
    assert (swallowed[truth == CAR] == getrgb(KINDS["swallowed"])).all()
    assert (misnamed[truth == ROAD] == getrgb(KINDS["misnamed"])).all()


def test_panels_show_what_their_titles_say_of_one_sample(truth, monkeypatch):
    """The network sees the very image that is shown, read once: another read may be augmented otherwise."""
    made, drawn, seen = [], [], []
    module = sys.modules["nbhelpers.visualisation.error_kinds"]  # the package has a function of that name
    monkeypatch.setattr(module, "Picture", lambda figure, alt: made.append(figure))
    for call in ("draw_image", "draw_mask"):
        monkeypatch.setattr(module, call, lambda axes, shown, *_: drawn.append((axes, shown)))

    class Brighter(Scenes):
        def read(self, index):
            seen.append(index)
            return np.full((*truth.shape, 3), 10 * len(seen), dtype=np.uint8), truth

    class Watching(Always):
        def forward(self, images):
            seen.append(int((images * 255).round().max()))
            return super().forward(images)

    show_error_kinds({"first": Always(ROAD), "second": Watching(ROAD)}, Brighter(truth), 1)
    assert seen == [1, 10]
    image, mask, first, second = made[0].axes
    assert [panel.get_title() for panel in made[0].axes] == ["image 1", "truth", "first", "second"]
    assert [axes for axes, _ in drawn] == [image, mask]
    assert (drawn[0][1] == 10).all() and np.array_equal(drawn[1][1], truth)
    painted = second.images[0].get_array()
    pale = CAMVID[ROAD] / 4 + 0.75 * 255
    assert np.abs(painted[truth == ROAD] - pale).max() <= 1 and (painted[truth == IGNORE] == 255).all()
    legend = [text.get_text() for text in made[0].legends[0].get_texts()]
    assert legend == [*KINDS, CAMVID_CLASSES[ROAD], CAMVID_CLASSES[CAR], "void, not scored"]


def test_of_void_alone_nothing_is_scored(truth):
    scenes = Scenes(np.full_like(truth, 255))
    shares = error_shares(Always(ROAD), scenes)
    assert list(shares) == list(KINDS) and np.isnan(list(shares.values())).all()
    picture = show_error_kinds({"road": Always(ROAD)}, scenes, 0)
    assert "road: all pixels are void, nothing is scored." in picture.alt
