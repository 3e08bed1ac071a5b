"""Rubber sheet and iris code: a known polar pattern comes back, the filter is its formula."""

import numpy as np
import pytest
import torch

from nbhelpers.datasets.toy.eye_scene import Ellipse
from nbhelpers.iris import Boundaries, IrisCode, NoIris, encode, hamming_distance, iris_code, unwrap
from nbhelpers.iris.boundaries import matrix_of
from nbhelpers.iris.encoding import log_gabor
from nbhelpers.iris.rubber_sheet import places
from tests.iris.iris_masks import ASLANT, ROUND, SHAPE, ring, under_lids

SIZE = (8, 128)


def pattern(r, angle):
    """Brightness 0..1 at a place of the rubber sheet: waves around the eye, and from pupil to limbus."""
    return 0.5 + 0.2 * np.cos(9 * angle) + 0.15 * np.cos(14 * angle + 5 * r) + 0.1 * np.sin(4 * r)


def paint(boundaries, turn=0.0, shape=SHAPE):
    """An eye with the pattern, uint8 (H, W): each pixel finds its place by Newton's method, not by `places`."""
    y, x = np.indices(shape).reshape(2, -1) + 0.5
    points = np.stack([x, y])
    inner, outer = (
        (matrix_of(ellipse), np.array([[ellipse.x], [ellipse.y]]))
        for ellipse in (boundaries.pupil, boundaries.limbus)
    )
    r = np.full(x.size, 0.5)
    for _ in range(20):  # for a given r the ellipse is known, and so is how far a point lies outside of it
        matrix = inner[0][..., None] * (1 - r) + outer[0][..., None] * r  # (2, 2, points)
        centre = inner[1] * (1 - r) + outer[1] * r
        vector = np.linalg.solve(matrix.transpose(2, 0, 1), (points - centre).T[..., None])[..., 0].T
        size = np.linalg.norm(vector, axis=0)
        mean = np.sqrt(np.linalg.det(matrix.transpose(2, 0, 1)))
        r = np.clip(r + (size - 1) * mean / (boundaries.limbus.a - boundaries.pupil.a), -0.5, 1.5)
    angle = np.arctan2(vector[1], vector[0])
    return np.round(255 * pattern(r, angle - turn)).astype(np.uint8).reshape(shape)


def expected(size, turn=0.0):
    r = (np.arange(size[0]) + 0.5)[:, None] / size[0]
    angle = (np.arange(size[1]) + 0.5) * 2 * np.pi / size[1]
    return pattern(r, angle - turn)


WIDE = Boundaries(ROUND.pupil._replace(a=36, b=36), ROUND.limbus)
EYES = {"round": ROUND, "wide pupil": WIDE, "aslant": ASLANT}


@pytest.mark.parametrize("eye", EYES.values(), ids=EYES)
def test_a_polar_pattern_comes_back(eye):
    """Dilation and gaze change nothing: the sheet is the same for all three eyes."""
    sheet, visible = unwrap(paint(eye), ring(eye), eye, SIZE)
    assert sheet.shape == visible.shape == SIZE and sheet.dtype == np.float32 and visible.dtype == bool
    assert visible[1:-1].all()
    assert np.abs(sheet - expected(SIZE))[1:-1].max() < 0.05


def test_a_tilted_head_moves_the_columns():
    turned, _ = unwrap(paint(ROUND, turn=2 * np.pi * 5 / SIZE[1]), ring(ROUND), ROUND, SIZE)
    upright, _ = unwrap(paint(ROUND), ring(ROUND), ROUND, SIZE)
    assert np.abs(turned - np.roll(upright, 5, axis=1))[1:-1].max() < 0.05
    codes = [iris_code(paint(ROUND, turn), ring(ROUND)) for turn in (0, np.radians(10))]
    assert hamming_distance(*codes) < 0.1 < 0.25 < hamming_distance(*codes, shifts=0)


def test_places_of_the_sheet():
    """Column 0 looks along x, columns turn towards y; rows go from the pupil to the limbus."""
    x, y = places(Boundaries(Ellipse(50, 40, 10, 10, 0), Ellipse(50, 40, 30, 30, 0)), (2, 4))
    assert x[:, 0] == pytest.approx(50 - 0.5 + np.array([15, 25]) * np.cos(np.pi / 4))
    assert y[0] == pytest.approx(40 - 0.5 + 15 * np.sin(np.pi / 4) * np.array([1, 1, -1, -1]))


def test_a_cell_of_the_sheet_is_the_mean_of_what_it_covers():
    """Those of a large iris cover many pixels, whose noise is averaged out; fewer places a cell would keep more of it."""
    noise = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)
    sheet, _ = unwrap(noise, ring(ROUND), ROUND, SIZE)
    assert sheet.std() < 0.42 * noise[ring(ROUND)].std() / 255


def test_white_is_one_also_beyond_the_border():
    """What lies outside of the picture draws no edge."""
    cut = Boundaries(ROUND.pupil._replace(x=13), ROUND.limbus._replace(x=10))
    sheet, _ = unwrap(np.full(SHAPE, 255, np.uint8), ring(cut), cut)
    assert sheet.shape == (16, 256) and (sheet == 1).all()


def test_what_is_hidden_is_not_visible():
    mask = under_lids(ring(ROUND), ROUND, 0.4)
    _, visible = unwrap(paint(ROUND), mask, ROUND, SIZE)
    assert 0.5 < visible.mean() < 0.65
    assert visible[:, :8].mean() > 0.8 and not visible[-1, 3 * SIZE[1] // 4]  # beside the pupil; above it
    cut = Boundaries(ROUND.pupil._replace(x=13), ROUND.limbus._replace(x=10))
    _, visible = unwrap(paint(cut), ring(cut), cut, SIZE)
    # outside of the picture, beside the pupil and beside the iris, and inside
    assert not visible[-1, SIZE[1] // 2] and not visible[-1, SIZE[1] // 3] and visible[4, 2]


def test_a_place_of_which_a_part_is_hidden_is_not_visible():
    mask = ring(ROUND)
    x, y = (part[4, 2] for part in places(ROUND, SIZE))
    mask[round(float(y)), round(float(x))] = False  # one pixel, as of a lash
    assert not unwrap(paint(ROUND), mask, ROUND, SIZE)[1][4, 2]


def test_colours_are_read_in_red():
    red = paint(ROUND)
    image = np.stack([red, red // 2, red * 0])
    for same in (image, torch.from_numpy(image), red):
        assert (unwrap(same, ring(ROUND), ROUND)[0] == unwrap(red, ring(ROUND), ROUND)[0]).all()


def test_log_gabor_is_its_formula():
    columns, wavelength, bandwidth = 256, 16.0, 0.5
    gain = log_gabor(columns, wavelength, bandwidth)
    for k in (1, 5, 16, 40, 127):
        f, f0 = k / columns, 1 / wavelength
        assert gain[k] == pytest.approx(np.exp(-(np.log(f / f0) ** 2) / (2 * np.log(0.5) ** 2)))
    assert gain[0] == 0 and not gain[129:].any()  # no mean, no negative frequency
    assert gain.argmax() == columns / wavelength


def test_bits_are_the_phase():
    """Of a wave at the filter's frequency: the real part is the wave, the imaginary part a quarter of it behind."""
    angle = (np.arange(256) + 0.5) * 2 * np.pi / 256
    sheet = np.tile(0.5 + 0.2 * np.cos(16 * angle), (4, 1)).astype(np.float32)
    code = encode(sheet, np.ones(sheet.shape, bool))
    firm = np.abs(np.cos(16 * angle)) > 0.1
    assert (code.bits[0][:, firm] == (np.cos(16 * angle) > 0)[firm]).all()
    firm = np.abs(np.sin(16 * angle)) > 0.1
    assert (code.bits[1][:, firm] == (np.sin(16 * angle) > 0)[firm]).all()


def test_light_changes_no_bit():
    sheet = expected((16, 256)).astype(np.float32)
    seen = np.ones(sheet.shape, bool)
    bright = encode(0.4 * sheet + 0.3, seen)
    assert (bright.bits == encode(sheet, seen).bits)[bright.valid].mean() > 0.999


SHADE = 0.3 * np.cos((np.arange(256) + 0.5) * 2 * np.pi / 256)  # bright on the right, dark on the left


@pytest.mark.parametrize(
    ("light", "least"), [(0.3, 0.999), (-0.3, 0.999), (SHADE, 0.9)], ids=["brighter", "darker", "shade"]
)
def test_light_draws_no_edge_where_something_is_hidden(light, least):
    """Though of the iris only three strips can be seen, two of them narrower than what counts as neighbourhood."""
    wave = (np.arange(256) + 0.5) * 2 * np.pi / 256 * 11
    sheet, seen = np.tile(0.5 + 0.1 * np.cos(wave), (4, 1)).astype(np.float32), np.zeros((4, 256), bool)
    for strip in (slice(20, 60), slice(130, 170), slice(200, 230)):
        seen[:, strip] = True
    plain, lit = (encode(each.astype(np.float32), seen) for each in (sheet, sheet + light))
    both = plain.valid & lit.valid
    assert both.mean() > 0.3 and (plain.bits == lit.bits)[both].mean() > least


def test_the_filter_sees_waves_of_24_columns_best():
    """Of one as weak as this, just enough is left at 24 columns, and at half or twice the length too little."""
    for columns, found in ((24, True), (12, False), (48, False)):
        wave = (np.arange(240) + 0.5) * 2 * np.pi / columns
        sheet = np.tile(0.5 + 0.0075 * np.cos(wave), (4, 1)).astype(np.float32)
        assert encode(sheet, np.ones(sheet.shape, bool)).valid.any() == found, columns


def test_what_is_hidden_gives_no_valid_bit_and_changes_no_other():
    sheet = np.random.default_rng(0).random((16, 256)).astype(np.float32)
    seen = np.ones(sheet.shape, bool)
    seen[:, 60:120] = False
    white, black = (encode(np.where(seen, sheet, value).astype(np.float32), seen) for value in (1, 0))
    assert not white.valid[..., 60:120].any() and white.valid[..., 140:].mean() > 0.5
    assert (white.bits == black.bits).all() and (white.valid == black.valid).all()
    nothing = encode(sheet, seen & False)
    assert not nothing.valid.any() and nothing.bits.shape == (2, 16, 256)


def test_columns_beside_what_is_hidden_are_not_valid():
    sheet, seen = np.random.default_rng(0).random((16, 256)).astype(np.float32), np.ones((16, 256), bool)
    seen[:, 60:120] = False
    valid = encode(sheet, seen).valid.any(axis=(0, 1))
    assert not valid[58:122].any() and valid[57] and valid[122]


def test_faint_is_a_share_of_the_brightness():
    noise = np.random.default_rng(0).standard_normal((16, 256))
    sheet, seen = (0.5 + 0.02 * noise).astype(np.float32), np.ones((16, 256), bool)
    bright, dark = (encode(each, seen).valid for each in (sheet, sheet / 8))
    assert 0 < bright.mean() < 1 and (dark == bright).mean() > 0.999


def test_where_one_part_is_faint_the_other_may_be_valid():
    """A wave whose response, 0.0045, is little above what is faint: 0.007 of a brightness of 0.5."""
    wave = (np.arange(256) + 0.5) * 2 * np.pi / 16
    sheet = np.tile(0.5 + 0.01 * np.cos(wave), (4, 1)).astype(np.float32)
    real, imaginary = encode(sheet, np.ones(sheet.shape, bool)).valid
    crest = np.abs(np.cos(wave)) > 0.9  # or 0.2 and less, where the other part has its crests
    slope = np.abs(np.sin(wave)) > 0.9
    assert real[:, crest].all() and not imaginary[:, crest].any()
    assert imaginary[:, slope].all() and not real[:, slope].any()


def test_a_sheet_of_odd_width():
    sheet = np.random.default_rng(0).random((4, 255)).astype(np.float32)
    assert encode(sheet, sheet >= 0).bits.shape == (2, 4, 255)


@pytest.mark.parametrize("value", [4.0, -3.0], ids=["glint", "lash"])
def test_what_stands_out_changes_no_bit_far_away(value):
    angle = (np.arange(256) + 0.5) * 2 * np.pi / 256
    sheet = np.tile(0.5 + 0.1 * np.cos(11 * angle), (4, 1)).astype(np.float32)
    spoilt = sheet.copy()
    spoilt[:, 100:103] = value
    plain, spoilt = (encode(each, np.ones(each.shape, bool)).bits for each in (sheet, spoilt))
    assert (plain == spoilt)[..., np.r_[40:88, 115:160]].mean() > 0.95


def test_bad_input_is_named():
    image, mask = paint(ROUND), ring(ROUND)
    for wrong, words in (
        (image / 255.0, r"the image is float64 \(240, 320\), but must be uint8"),
        (np.stack([image] * 3, axis=-1), r"uint8 \(240, 320, 3\)"),
        (image[None], r"uint8 \(1, 240, 320\)"),
        (image[:, :300], r"the image is \(240, 300\) and the mask \(240, 320\)"),
        (image[:200], r"the image is \(200, 320\) and the mask \(240, 320\)"),
        (np.pad(image, 1), r"the image is \(242, 322\) and the mask \(240, 320\)"),
    ):
        with pytest.raises(ValueError, match=words):
            iris_code(wrong, mask)
    with pytest.raises(ValueError, match="must be bool"):
        unwrap(image, mask.astype(np.uint8), ROUND)
    for shape, visible in (
        ((8, 64), np.ones((8, 63), bool)),
        ((8, 64), np.ones((8, 64), np.uint8)),
        ((1, 8, 64), np.ones((1, 8, 64), bool)),
    ):
        with pytest.raises(ValueError, match="the same shape: pass what unwrap returned"):
            encode(np.zeros(shape, np.float32), visible)
    with pytest.raises(NoIris):
        iris_code(image, np.zeros_like(mask))


def test_a_code_has_two_bits_a_place():
    code = iris_code(paint(ROUND), ring(ROUND))
    assert isinstance(code, IrisCode) and code.bits.shape == code.valid.shape == (2, 16, 256)
    assert code.bits.dtype == code.valid.dtype == bool and code.valid.mean() > 0.6
