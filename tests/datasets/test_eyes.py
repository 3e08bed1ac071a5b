import cv2
import numpy as np
import pytest
import torch

from nbhelpers.datasets.toy import eyes
from nbhelpers.datasets.toy.drawing import LENGTHS, develop
from nbhelpers.datasets.toy.eyes import IRIS, PUPIL, SCLERA, Eyes


@pytest.mark.parametrize("size", [(96, 128), (33, 120), (150, 32)])
@pytest.mark.parametrize("parts", [False, True])
def test_a_pair_is_an_image_and_ids(size, parts):
    dataset = Eyes("val", size, length=6, parts=parts)
    seen = set()
    for image, mask in dataset:
        assert image.shape == (3, *size) and mask.shape == size
        assert image.dtype == mask.dtype == torch.uint8
        seen |= set(mask.unique().tolist())
    assert seen == set(range(dataset.num_classes)) and len(dataset.palette) == dataset.num_classes


def test_lengths_are_the_promised_ones():
    assert {split: len(Eyes(split)) for split in LENGTHS} == {"train": 600, "val": 100, "test": 100}
    assert len(Eyes(length=7)) == 7


def test_the_same_index_gives_the_same_pixels_in_any_order():
    one, other = Eyes(length=9), Eyes(length=9)
    expected = [one.read(index) for index in range(4)]
    for index in (3, 1, 2, 0):
        for a, b in zip(expected[index], other.read(index)):
            assert np.array_equal(a, b)
    assert all(torch.equal(a, b) for a, b in zip(one[-1], other[8]))


def test_pictures_differ_by_split_seed_and_index():
    datasets = [Eyes(split, seed=seed) for split in LENGTHS for seed in (0, 1)]
    pictures = {dataset.read(index)[0].tobytes() for dataset in datasets for index in range(3)}
    assert len(pictures) == len(datasets) * 3


def test_the_scene_stays_the_same_when_the_size_changes():
    small, large = Eyes(size=(96, 128), length=25, parts=True), Eyes(size=(288, 384), length=25, parts=True)
    for index in range(25):
        a, b = small.parameters(index), large.parameters(index)
        assert np.allclose(np.array(a.iris[:4]) * 3, b.iris[:4]) and a.iris.angle == pytest.approx(
            b.iris.angle
        )
        assert (a.light, a.gaze, a.opening, a.dilation) == (b.light, b.gaze, b.opening, b.dilation)
        masks = small.read(index)[1], large.read(index)[1][1::3, 1::3]  # the centre of each 3 x 3 block
        assert (masks[0] == masks[1]).mean() > 0.96  # edges and thin lashes may round differently


def test_the_iris_is_the_same_in_two_and_in_four_classes():
    two, four = Eyes(length=12), Eyes(length=12, parts=True)
    for index in range(12):
        assert np.array_equal(two.read(index)[1] == 1, four.read(index)[1] == IRIS)
        assert np.array_equal(two.read(index)[0], four.read(index)[0])


def inside(ellipse, size, grow):
    """Pixels whose centre lies in the ellipse with semi-axes longer by `grow`: written again, apart from the drawing."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    turn = np.radians(ellipse.angle)
    along = (x - ellipse.x) * np.cos(turn) + (y - ellipse.y) * np.sin(turn)
    across = (y - ellipse.y) * np.cos(turn) - (x - ellipse.x) * np.sin(turn)
    return (along / (ellipse.a + grow)) ** 2 + (across / (ellipse.b + grow)) ** 2 <= 1


def test_the_mask_agrees_with_the_parameters():
    dataset = Eyes(size=(120, 160), length=40, parts=True)
    for index in range(40):
        mask, eye = dataset.read(index)[1], dataset.parameters(index)
        assert not (np.isin(mask, (IRIS, PUPIL)) & ~inside(eye.iris, dataset.size, 0.3)).any()
        assert not ((mask == SCLERA) & inside(eye.iris, dataset.size, -0.3)).any()
        assert not ((mask == PUPIL) & ~inside(eye.pupil, dataset.size, 0.3)).any()
        assert not ((mask == IRIS) & inside(eye.pupil, dataset.size, -0.3)).any()
        assert eye.iris.b / eye.iris.a == pytest.approx(np.cos(np.radians(np.hypot(*eye.gaze))))
        assert 0.149 < 2 * eye.iris.a / 160 < 0.721
        assert eye.pupil.a / eye.iris.a == pytest.approx(eye.dilation)


def test_the_eyes_vary_as_photographs_do():
    dataset = Eyes(length=200, seed=1)
    known = [dataset.parameters(index) for index in range(200)]
    shares = np.array([dataset.read(index)[1].mean() for index in range(200)])
    assert shares.max() < 0.5 and 0.02 < np.median(shares) < 0.12
    assert 0 < (shares < 0.002).mean() < 0.08  # closed eyes are there, but rare
    assert 0.5 < np.mean([eye.light == "infrared" for eye in known]) < 0.7
    assert 0.35 < np.mean([eye.nose == "left" for eye in known]) < 0.65
    assert min(eye.opening for eye in known) == 0 and max(eye.opening for eye in known) > 1
    assert np.ptp([2 * eye.iris.a / 128 for eye in known]) > 0.4
    assert np.ptp([eye.iris.x / 128 for eye in known]) > 0.3
    assert max(np.hypot(*eye.gaze) for eye in known) > 35


def test_a_closed_eye_shows_nothing():
    dataset = Eyes(length=400, parts=True)
    closed = [index for index in range(400) if dataset.parameters(index).opening == 0]
    assert closed and not any(dataset.read(index)[1].any() for index in closed)


def test_infrared_pictures_are_grey_with_a_dark_pupil():
    dataset = Eyes(size=(120, 160), length=80, parts=True)
    darker = []
    for index in range(80):
        image, mask = dataset.read(index)
        eye = dataset.parameters(index)
        grey = (image[..., 0] == image[..., 1]).all() and (image[..., 0] == image[..., 2]).all()
        assert grey == (eye.light == "infrared")
        if grey and eye.blur < 1 and all((mask == part).sum() > 60 for part in (SCLERA, IRIS, PUPIL)):
            sclera, iris, pupil = (np.median(image[mask == part]) for part in (SCLERA, IRIS, PUPIL))
            darker.append(pupil < iris < sclera)
    assert len(darker) > 20 and np.mean(darker) > 0.9


@pytest.mark.parametrize(
    ("name", "often"), [("lashes", 20), ("corneal_reflections", 15), ("glints", 3), ("spectacle_frame", 1)]
)
def test_what_hides_the_eye_is_background(name, often, monkeypatch):
    layers, paint = [], getattr(eyes, name)

    def record(scene, rng):
        layers.append(paint(scene, rng))
        return layers[-1]

    monkeypatch.setattr(eyes, name, record)
    dataset = Eyes(length=40, parts=True)
    masks = [dataset.read(index)[1] for index in range(40)]
    covering = 0
    for index, (layer, mask) in enumerate(zip(layers, masks)):
        assert not mask[layer > 0.5].any()
        covering += ((layer > 0.5) & inside(dataset.parameters(index).iris, dataset.size, -1)).any()
    assert covering >= often  # it does happen that they lie over the iris

    monkeypatch.setattr(eyes, name, lambda scene, rng: 0 * paint(scene, rng))
    for index, mask in enumerate(masks):
        bare = dataset.read(index)[1]
        assert np.array_equal(bare[mask > 0], mask[mask > 0])  # taking it away only uncovers
        assert not ((bare != mask) & (layers[index] <= 0.5)).any()


def unwrapped(dataset, index):
    """The iris between pupil and limbus as a (radius, angle) picture less its mean over 50 degrees; nan where hidden."""
    image, mask = dataset.read(index)
    eye = dataset.parameters(index)
    angle = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    gaze, roll = np.arctan2(eye.gaze[1], eye.gaze[0]), np.radians(eye.roll)

    def turn(u):
        return np.array([[np.cos(u), -np.sin(u)], [np.sin(u), np.cos(u)]])

    circle = turn(roll) @ turn(gaze) @ np.diag([eye.iris.b, eye.iris.a]) @ turn(-gaze) @ circle
    limbus = circle + np.array(eye.iris[:2])[:, None]
    pupil = circle * eye.dilation + np.array(eye.pupil[:2])[:, None]
    u = np.linspace(0.25, 0.8, 12)[:, None, None]
    x, y = np.moveaxis(pupil.T * (1 - u) + limbus.T * u, -1, 0).astype(np.float32) - np.float32(0.5)
    grey = cv2.remap(image.mean(-1).astype(np.float32), x, y, cv2.INTER_LINEAR)
    seen = cv2.remap((mask == IRIS).astype(np.float32), x, y, cv2.INTER_LINEAR) > 0.99
    total, count = (
        cv2.blur(np.hstack([part] * 3), (25, 1))[:, 180:360] for part in (grey * seen, 1.0 * seen)
    )
    grey = grey - total / np.maximum(count, 1e-6)  # uneven light is no texture
    grey[~seen] = np.nan
    return grey / np.nanstd(grey)


def correlation(a, b):
    both = ~np.isnan(a) & ~np.isnan(b)
    return np.corrcoef(a[both], b[both])[0, 1]


def test_an_identity_keeps_its_iris():
    dataset = Eyes(size=(240, 320), length=60, pictures_per_identity=6, parts=True)
    known = [dataset.parameters(index) for index in range(60)]
    assert [(eye.identity, eye.picture) for eye in known] == [divmod(index, 6) for index in range(60)]
    sharp = [i for i in range(60) if known[i].blur < 0.8 and known[i].opening > 0.7 and known[i].iris.a > 36]
    irises = {index: unwrapped(dataset, index) for index in sharp}
    pairs = [(a, b) for a in irises for b in irises if a < b]
    same = [correlation(irises[a], irises[b]) for a, b in pairs if a // 6 == b // 6]
    others = [correlation(irises[a], irises[b]) for a, b in pairs if a // 6 != b // 6]
    assert len(same) >= 6 and np.median(same) > 0.4
    assert np.mean(np.array(same)[:, None] > others) > 0.9  # the area under the curve of recognition
    for eye in known:  # nothing else of the picture is kept
        others = [o for o in known if o.identity == eye.identity and o.picture != eye.picture]
        assert all(o.gaze != eye.gaze and o.dilation != eye.dilation and o.nose == eye.nose for o in others)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "valid"}, "split is 'valid'; it must be one of 'train', 'val', 'test'"),
        ({"size": 128}, r"size is 128; it must be \(height, width\)"),
        ({"size": (96, 128, 3)}, r"size is \(96, 128, 3\); it must be \(height, width\)"),
        ({"size": (31, 128)}, "the height in size is 31; it must be an integer of at least 32"),
        ({"size": (96, 128.0)}, "the width in size is 128.0; it must be an integer of at least 32"),
        ({"length": 0}, "length is 0; it must be an integer of at least 1"),
        ({"seed": -1}, "seed is -1; it must be an integer of at least 0"),
        ({"seed": "a"}, "seed is 'a'; it must be an integer of at least 0"),
        ({"pictures_per_identity": 0}, "pictures_per_identity is 0; it must be an integer of at least 1"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Eyes(**arguments)


def test_there_is_no_picture_past_the_end():
    for ask in (Eyes(length=3).parameters, Eyes(length=3).read, Eyes(length=3).__getitem__):
        with pytest.raises(IndexError, match="index 3 is out of range: Eyes has 3 pairs"):
            ask(3)


def test_sensor_noise_has_the_promised_variance():
    grey = np.full((300, 300), 0.4, np.float32)
    picture = develop(grey, np.random.default_rng(0), read=0.03, shot=0.05)
    assert picture.shape == (300, 300, 3)
    assert picture[..., 0].mean() / 255 == pytest.approx(0.4, abs=0.002)
    assert picture[..., 0].std() / 255 == pytest.approx(np.sqrt(0.03**2 + 0.05**2 * 0.4), rel=0.03)
