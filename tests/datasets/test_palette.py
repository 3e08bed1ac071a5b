"""Every two colours of a palette can be told apart, by normal, deuteranope and protanope readers."""

import numpy as np
import pytest

from nbhelpers.datasets.palette import BINARY, CAMVID, CAMVID_CLASSES, EYE_PARTS, VOID, categorical

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency",
# IEEE TVCG 15 (2009), matrices at severity 1.0, applied to linear RGB.
SIGHTS = {
    "normal": np.eye(3),
    "protanope": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranope": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}
# IEC 61966-2-1: linear sRGB to CIE XYZ, white D65
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def linear(colours):
    colours = np.asarray(colours) / 255
    return np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)


def lab(linear_rgb):
    """CIE 1976 L*a*b* of linear RGB in 0..1, (..., 3)."""
    x = linear_rgb @ XYZ.T / XYZ.sum(axis=1)  # white has RGB (1, 1, 1)
    x, y, z = np.moveaxis(np.where(x > (6 / 29) ** 3, np.cbrt(x), x / (3 * (6 / 29) ** 2) + 4 / 29), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def ciede2000(first, second):
    """Colour difference of Lab (..., 3). Sharma, Wu and Dalal, Color Res. Appl. 30 (2005), equations 2-22."""
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(first, -1, 0), np.moveaxis(second, -1, 0)

    def chroma_weight(chroma):
        return np.sqrt(chroma**7 / (chroma**7 + 25.0**7))

    g = 0.5 * (1 - chroma_weight((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    dh = np.where(c1 * c2 == 0, 0, (h2 - h1 + 180) % 360 - 180)
    lightness, c = (l1 + l2) / 2, (c1 + c2) / 2
    h = np.where(c1 * c2 == 0, h1 + h2, h1 + dh / 2) % 360
    d_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(dh) / 2)
    t = 1 + sum(
        k * np.cos(np.radians(m * h + p))
        for k, m, p in [(-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.2, 4, -63)]
    )
    x = (l2 - l1) / (1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2))
    y = (c2 - c1) / (1 + 0.045 * c)
    z = d_hue / (1 + 0.015 * c * t)
    turn = -np.sin(np.radians(60 * np.exp(-(((h - 275) / 25) ** 2)))) * 2 * chroma_weight(c)
    return np.sqrt(x**2 + y**2 + z**2 + turn * y * z)


def smallest_difference(colours, sight):
    seen = lab(np.clip(linear(colours) @ SIGHTS[sight].T, 0, 1))
    i, j = np.triu_indices(len(seen), 1)
    return ciede2000(seen[i], seen[j]).min()


def test_lab_of_known_colours():  # values of colour science tables for sRGB under D65
    known = {
        (255, 255, 255): (100, 0, 0),
        (255, 0, 0): (53.24, 80.09, 67.20),
        (0, 255, 0): (87.73, -86.18, 83.18),
        (0, 0, 255): (32.30, 79.19, -107.86),
        (128, 128, 128): (53.59, 0, 0),
    }
    np.testing.assert_allclose(lab(linear(list(known))), list(known.values()), atol=0.02)


@pytest.mark.parametrize(
    ("first", "second", "difference"),
    [  # Sharma et al. (2005), Table 1: pairs 1, 7, 10, 14, 17, 20, 25 and 34
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.4900, -0.0010), (50, -2.4900, 0.0010), 7.1792),
        ((50, -0.0010, 2.4900), (50, 0.0011, -2.4900), 4.7461),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((50, 2.5, 0), (58, 24, 15), 19.4535),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_ciede2000_of_published_pairs(first, second, difference):
    assert ciede2000(np.array(first), np.array(second)) == pytest.approx(difference, abs=1e-4)


def test_simulated_sight_keeps_grey_and_confuses_red_with_green():
    grey = np.full((1, 3), 0.5)
    for sight in ("protanope", "deuteranope"):
        np.testing.assert_allclose(grey @ SIGHTS[sight].T, grey, atol=1e-3)
        red_and_green = [(170, 60, 40), (90, 100, 40)]
        assert smallest_difference(red_and_green, sight) < 0.6 * smallest_difference(red_and_green, "normal")


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize(
    ("palette", "least"),
    [(CAMVID, 14), (BINARY, 20), (EYE_PARTS, 13), (categorical(8), 13), (categorical(21), 11)],
    ids=["camvid", "binary", "eyes", "categorical 8", "categorical 21"],
)
def test_every_two_classes_and_void_can_be_told_apart(palette, least, sight):
    assert smallest_difference(np.vstack([palette, VOID]), sight) >= least


def test_street_colours_differ_from_the_black_of_errors_too():
    assert min(smallest_difference(np.vstack([CAMVID, VOID, (0, 0, 0)]), sight) for sight in SIGHTS) >= 14


def test_shapes():
    assert CAMVID.shape == (len(CAMVID_CLASSES), 3) and len(CAMVID_CLASSES) == 11
    assert EYE_PARTS.shape == (4, 3) and BINARY.shape == (2, 3)
    assert {palette.dtype for palette in (CAMVID, BINARY, EYE_PARTS, VOID, categorical(3))} == {
        np.dtype(np.uint8)
    }


def test_categorical_keeps_its_colours_and_never_repeats_one():
    many = categorical(254)
    assert many.shape == (254, 3) and many.dtype == np.uint8
    assert len({tuple(colour) for colour in np.vstack([many, VOID])}) == 255
    np.testing.assert_array_equal(categorical(5), many[:5])
    np.testing.assert_array_equal(categorical(2), BINARY)
