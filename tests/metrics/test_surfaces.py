"""Outline scores equal brute force and the packages whose values are stored; the empty cases and errors are as written."""

import doctest
import json
import math

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion, distance_transform_edt, gaussian_filter

import nbhelpers.metrics
from nbhelpers.metrics import Surfaces, boundary_iou
from nbhelpers.metrics.surfaces import _distances, _outline_lengths
from tools.execution import ROOT

REFEREES = json.loads((ROOT / "benchmarks/results/metric_referees.json").read_text("utf-8"))["results"]
OURS = {  # name of a referee's score: ours
    "MONAI compute_hausdorff_distance": lambda ours: ours.hausdorff,
    "MONAI compute_hausdorff_distance(percentile=95)": lambda ours: ours.hd95,
    "MONAI compute_average_surface_distance(symmetric=True)": lambda ours: ours.assd,
    "MONAI compute_surface_dice(use_subvoxels=True)": lambda ours: ours.dice(REFEREES["tolerance"]),
    "MONAI compute_surface_dice": lambda ours: ours.dice(REFEREES["tolerance"], by="pixels"),
    "surface-distance compute_surface_dice_at_tolerance": lambda ours: ours.dice(REFEREES["tolerance"]),
    "MedPy hd": lambda ours: ours.hausdorff,
    "MedPy hd95": lambda ours: ours.hd95_pooled,
    "MedPy assd": lambda ours: ours.assd,
    "MONAI compute_average_surface_distance, the mean of both ways": lambda ours: ours.masd,
    "torchmetrics hausdorff_distance": lambda ours: ours.hausdorff,
}
SPACINGS = {2: [None, (0.5, 3.0), (2, 0.3)], 3: [(1, 1, 1), (3.0, 0.7, 0.7)]}


def random_pair(seed, dimensions):
    rng = np.random.default_rng(seed)
    shape = rng.integers(*((5, 30) if dimensions == 2 else (4, 9)), size=dimensions)
    field = gaussian_filter(rng.standard_normal(shape), rng.choice([0, 1, 2]))
    return field > 0, field + rng.choice([0.02, 0.2]) * rng.standard_normal(shape) > 0.05


def square(down=0, right=0):
    mask = np.zeros((16, 16), bool)
    mask[2 + down : 12 + down, 2 + right : 12 + right] = True
    return mask


def brute_distances(start, target, spacing):
    """Between border pixels, each pair measured."""
    points = [np.argwhere(mask & ~binary_erosion(mask)) * (spacing or (1, 1)) for mask in (start, target)]
    return np.linalg.norm(points[0][:, None] - points[1][None], axis=2).min(axis=1)


CASES = [(seed, dimensions) for dimensions in (2, 3) for seed in range(12)]


@pytest.mark.parametrize(("seed", "dimensions"), CASES)
def test_distances_equal_brute_force(seed, dimensions):
    prediction, truth = random_pair(seed, dimensions)
    if not (prediction.any() and truth.any()):
        pytest.skip("the empty cases have a test of their own")
    for spacing in SPACINGS[dimensions]:
        there = brute_distances(prediction, truth, spacing)
        back = brute_distances(truth, prediction, spacing)
        ours = Surfaces(prediction, truth, spacing=spacing)
        scores = ours.hausdorff, ours.hd95, ours.hd95_pooled, ours.assd, ours.masd
        pooled = np.concatenate([there, back])
        wanted = (
            pooled.max(),
            max(np.percentile(there, 95), np.percentile(back, 95)),
            np.percentile(pooled, 95),
            pooled.mean(),
            (there.mean() + back.mean()) / 2,
        )
        assert scores == pytest.approx(wanted)
        for tolerance in (0, 1, 2.5):
            assert ours.dice(tolerance, by="pixels") == pytest.approx(np.mean(pooled <= tolerance))


@pytest.mark.parametrize("number", range(len(REFEREES["stored"])))
def test_scores_equal_the_packages_stored_values(number):
    case = REFEREES["stored"][number]
    prediction, truth = (
        np.unpackbits(np.frombuffer(bytes.fromhex(case[name]), np.uint8), count=math.prod(case["shape"]))
        .reshape(case["shape"])
        .astype(bool)
        for name in ("prediction", "truth")
    )
    ours = Surfaces(prediction, truth, spacing=case["spacing"])
    assert len(case["scores"]) >= len(OURS) - 1  # torchmetrics has none in 3D
    for name, theirs in case["scores"].items():
        assert OURS[name](ours) == pytest.approx(theirs, rel=1e-5), name


def test_the_thousand_pairs_agreed():
    for part in ("2D", "3D"):
        for name, row in REFEREES[part].items():
            assert row["pairs"] == 1000
            if "differs_because_it" not in row:
                assert row["largest_difference"] < 1e-4, name
                assert row["differ_by_more_than_0.0001"] == 0, name


def test_two_squares_a_pixel_apart():
    ours = Surfaces(square(1, 1), square())
    assert ours.hausdorff == pytest.approx(math.sqrt(2))
    # 2 corners of length sqrt(2) / 2 lie sqrt(2) away
    assert ours.dice(1) == pytest.approx(0.98179, abs=1e-5)
    assert ours.dice(1, by="pixels") == pytest.approx(70 / 72)
    assert ours.dice(1.5) == ours.dice(1.5, by="pixels") == 1
    total = 2 * (36 + 2 * math.sqrt(2))  # the outline cuts the corners of the square
    assert ours.dice(1) == pytest.approx((total - math.sqrt(2)) / total)


@pytest.mark.parametrize("share", [0.01, 0.02, 0.03, 0.05])
def test_distances_to_scattered_points_are_scipys(share):
    rng = np.random.default_rng(0)
    start, target = rng.random((60, 60)) < 0.3, rng.random((60, 60)) < share
    np.testing.assert_allclose(_distances(start, target, (1.0, 1.0)), distance_transform_edt(~target)[start])


@pytest.mark.parametrize("far", [0, 3, 20, 300])
def test_far_and_near_are_measured_alike(far):
    """Near points are found one way, far ones another."""
    masks = np.zeros((2, 40, 400), bool)
    masks[0, 5, 20], masks[1, 6, 20 + far] = True, True
    ours = Surfaces(*masks, spacing=(2, 1))
    assert ours.hausdorff == ours.assd == pytest.approx(math.hypot(2, far))


EMPTY = [  # what prediction, truth and void are; the distances; surface Dice and Boundary IoU
    ("nothing", "nothing", None, math.nan, math.nan),
    ("square", "nothing", None, math.inf, 0),
    ("nothing", "square", None, math.inf, 0),
    ("square", "square", "everything", math.nan, math.nan),
    ("square", "square", None, 0, 1),
    ("everything", "everything", None, 0, 1),
]


@pytest.mark.parametrize(("prediction", "truth", "void", "distance", "share"), EMPTY)
def test_empty_cases(prediction, truth, void, distance, share):
    masks = {
        "nothing": np.zeros((16, 16), bool),
        "square": square(),
        "everything": np.ones((16, 16), bool),
        None: None,
    }
    ours = Surfaces(masks[prediction], masks[truth], void=masks[void])
    for score in (ours.hausdorff, ours.hd95, ours.hd95_pooled, ours.assd, ours.masd):
        assert type(score) is float and score == pytest.approx(distance, nan_ok=True)
    shares = [
        ours.dice(2),
        ours.dice(2, by="pixels"),
        boundary_iou(masks[prediction], masks[truth], void=masks[void]),
    ]
    assert shares == pytest.approx([share] * 3, nan_ok=True)


def test_empty_cases_of_the_packages_are_ours_or_told():
    """Where MONAI and surface-distance give a number, it is ours, but for one: MONAI's HD95 leaves missed objects out."""
    for case, rows in REFEREES["empty"].items():
        for name, row in rows.items():
            if name == "MONAI compute_hausdorff_distance(percentile=95)" and case != "both empty":
                assert (row["theirs"], row["ours"]) == ("nan", "inf")
            elif name.startswith(("MONAI", "surface-distance")):
                assert row["theirs"] == row["ours"], (case, name)


@pytest.mark.parametrize(
    "score", ["hausdorff", "hd95", "hd95_pooled", "assd", "masd", "dice", "boundary_iou"]
)
@pytest.mark.parametrize("seed", range(3))
def test_what_is_predicted_in_void_changes_nothing(score, seed):
    rng = np.random.default_rng(seed)
    truth, void = square(), rng.random((16, 16)) < 0.2
    prediction = square(seed)
    others = [np.where(void, rng.random((16, 16)) < share, prediction) for share in (0, 0.5, 1)]

    def scored(prediction):
        if score == "boundary_iou":
            return boundary_iou(prediction, truth, width=2, void=void)
        ours = Surfaces(prediction, truth, void=void)
        return ours.dice(1) if score == "dice" else getattr(ours, score)

    assert {scored(other) for other in others} == {scored(prediction)}


def test_a_tolerance_of_three_tenths_takes_three_pixels_of_a_tenth():
    ours = Surfaces(square(3), square(), spacing=(0.1, 0.1))
    assert ours.hausdorff > 0.3  # in floating point
    assert ours.dice(0.3) == ours.dice(0.3, by="pixels") == 1


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 3.0)])
def test_outline_lengths_of_images(spacing):
    height, width = spacing
    half = math.hypot(height, width) / 2
    lengths = _outline_lengths(spacing)
    single = [lengths[code] for code in (1, 2, 4, 8, 7, 14)]
    edges = [lengths[code] for code in (3, 12, 5, 10)]
    assert single == pytest.approx([half] * 6)
    assert edges == pytest.approx([width, width, height, height])
    assert [lengths[code] for code in (6, 9)] == pytest.approx([2 * half] * 2)
    assert lengths[0] == lengths[15] == 0


def test_outline_areas_of_volumes():
    areas = _outline_lengths((1.0, 2.0, 3.0))
    # inside and outside have one surface
    assert areas.shape == (256,) and areas == pytest.approx(areas[::-1])
    assert areas[0b00001111] == pytest.approx(6) and areas[0b01010101] == pytest.approx(2)  # flat faces
    assert areas[1] == pytest.approx(np.linalg.norm(np.cross([-0.5, 1, 0], [-0.5, 0, 1.5])) / 2)


def test_arrays_and_tensors_ids_and_bools_alike():
    prediction, truth = square(1, 1), square()
    kinds = [
        lambda mask: mask.astype(np.uint8),
        lambda mask: torch.from_numpy(mask),
        lambda mask: torch.from_numpy(mask).long(),
        lambda mask: np.asfortranarray(mask),
    ]
    for kind in kinds:
        assert Surfaces(kind(prediction), kind(truth)).dice(1) == Surfaces(prediction, truth).dice(1)
        assert boundary_iou(kind(prediction), kind(truth)) == boundary_iou(prediction, truth)


def cheng(mask, pixels):
    """The band of the authors' mask_to_boundary, with scipy's erosion."""
    padded = np.pad(mask, 1)
    return mask & ~binary_erosion(padded, np.ones((3, 3)), iterations=pixels)[1:-1, 1:-1]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("width", [1, 3, 7, 0.02, 0.2])
def test_boundary_iou_is_that_of_its_authors(seed, width):
    prediction, truth = random_pair(seed, 2)
    pixels = width if width >= 1 else max(1, round(width * math.hypot(*truth.shape)))
    bands = cheng(prediction, pixels), cheng(truth, pixels)
    union = np.count_nonzero(bands[0] | bands[1])
    wanted = np.count_nonzero(bands[0] & bands[1]) / union if union else math.nan
    assert boundary_iou(prediction, truth, width=width) == pytest.approx(wanted, nan_ok=True)


def test_the_default_width_is_a_share_of_the_diagonal():
    truth, prediction = np.zeros((2, 40, 130), bool)
    truth[5:35, 10:110] = prediction[7:37, 13:113] = True
    by_pixels = [boundary_iou(prediction, truth, width=pixels) for pixels in (1, 2, 3)]
    assert boundary_iou(prediction, truth) == by_pixels[2]  # 0.02 * 136.01 = 2.72
    assert len(set(by_pixels)) == 3


SQUARES = (square(1), square())
ERRORS = [
    (
        lambda: Surfaces(square()[:8], square()),
        "the prediction is (8, 16) and the truth (16, 16); they must be equal",
    ),
    (
        lambda: Surfaces(square() * 1.0, square()),
        "prediction is float64; it must be bool or 0 and 1: take ids ==",
    ),
    (
        lambda: Surfaces(square(), square() * np.uint8(255)),
        "truth holds 0 to 255; it must be bool or 0 and 1: take ids == number, and void=ids == 255",
    ),
    (lambda: Surfaces(square(), square() * -1), "truth holds -1 to 0"),
    (lambda: Surfaces(*SQUARES, void=square()[:4]), "void is (4, 16) and the masks are (16, 16)"),
    (lambda: Surfaces(*SQUARES, void=square() * 0.5), "void is float64"),
    (lambda: Surfaces(square()[0], square()[0]), "the masks are (16,); they must be (H, W) or (D, H, W)"),
    (lambda: Surfaces(np.zeros((0, 4), bool), np.zeros((0, 4), bool)), "(0, 4); they must be (H, W)"),
    (
        lambda: Surfaces(np.stack(SQUARES), np.stack(SQUARES)),
        "the masks are (2, 16, 16): for a volume (D, H, W) give its spacing, such as (1, 1, 1); score the images",
    ),
    (
        lambda: Surfaces(*SQUARES, spacing=(1, 1, 1)),
        "spacing is (1.0, 1.0, 1.0); it must be 2 positive numbers",
    ),
    (lambda: Surfaces(*SQUARES, spacing=(1, 0)), "it must be 2 positive numbers"),
    (lambda: Surfaces(*SQUARES, spacing=(1, math.nan)), "it must be 2 positive numbers"),
    (lambda: Surfaces(*SQUARES, spacing=2), "spacing is (2.0,); it must be 2 positive numbers"),
    (lambda: Surfaces(*SQUARES).dice(-1), "the tolerance is -1; it must be a distance from 0 on"),
    (lambda: Surfaces(*SQUARES).dice(math.inf), "the tolerance is inf"),
    (lambda: Surfaces(*SQUARES).dice(1, by="area"), 'by is \'area\'; it must be "length" or "pixels"'),
    (
        lambda: boundary_iou(*SQUARES, width=0),
        "the width is 0; it must be whole pixels from 1 on, or below 1",
    ),
    (lambda: boundary_iou(*SQUARES, width=2.5), "the width is 2.5; it must be whole pixels"),
    (lambda: boundary_iou(*SQUARES, width=math.nan), "the width is nan; it must be whole pixels"),
    (lambda: boundary_iou(np.stack(SQUARES), np.stack(SQUARES)), "score the images of a batch one by one"),
]


@pytest.mark.parametrize(("call", "words"), ERRORS)
def test_errors(call, words):
    with pytest.raises(ValueError) as error:
        call()
    assert words in str(error.value)


@pytest.mark.parametrize("module", ["boundary", "surfaces", "per_image"])
def test_the_examples_of_the_docstrings(module):
    found = getattr(nbhelpers.metrics, module)
    results = doctest.testmod(found)
    assert results.attempted and not results.failed
