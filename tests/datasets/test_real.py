"""The real sets, read from generated files in their layout, and from the real files where those are."""

import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nbhelpers.datasets import locate as locate_room
from nbhelpers.datasets.folder import Folder
from nbhelpers.datasets.nuclei import Nuclei, split_of
from nbhelpers.datasets.overlap import check_no_overlap
from nbhelpers.datasets.palette import CAMVID, CAMVID_CLASSES
from nbhelpers.datasets.real import ISBI2012, VOC, CamVid, OxfordPets, voc_palette
from nbhelpers.datasets.statistics import class_weights
from tests.image_bytes import png_bytes
from tests.shared_data import shared_data

SETS = {"camvid": CamVid, "isbi2012": ISBI2012, "nuclei": Nuclei, "pets": OxfordPets, "voc": VOC}


def save(array, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, dtype=np.uint8)).save(path, **options)


@pytest.fixture
def camvid(tmp_path):
    for split in ("train", "val", "test"):
        for stem in ("0001TP_1", "0016E5_2"):
            save(np.full((6, 8, 3), 90), tmp_path / "camvid" / split / f"{stem}.png")
            save(np.arange(48).reshape(6, 8) % 12, tmp_path / "camvid" / f"{split}annot" / f"{stem}.png")
    return tmp_path


@pytest.fixture
def nuclei(tmp_path):
    """Ten pictures with two nuclei each, which overlap in one pixel, as Kaggle's folders."""
    for number in range(10):
        folder = tmp_path / "dsb2018" / "stage1_train" / f"id{number}"
        save(np.full((5, 6 + number, 4), (10, 20, 30, 255)), folder / "images" / f"id{number}.png")
        for name, pixels in (("b", slice(0, 2)), ("a", slice(1, 4))):
            mask = np.zeros((5, 6 + number))
            mask[pixels, 0] = 255
            save(mask, folder / "masks" / f"{name}.png")
    return tmp_path


@pytest.mark.parametrize("name", SETS)
def test_a_missing_set_names_the_command_and_the_place(name, tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        SETS[name](root=tmp_path)
    message = str(error.value)
    assert f'python -m nbhelpers.datasets.download {name} --root "{tmp_path}"' in message
    assert f"or by hand, so that there is {tmp_path}" in message


def test_without_a_root_the_data_folders_are_searched_in_order(camvid, tmp_path, monkeypatch):
    named, checkout, current = tmp_path / "named", tmp_path / "checkout", tmp_path / "current"
    for folder in (named, checkout / "data", current):
        folder.mkdir(parents=True)
    monkeypatch.setattr(locate_room, "REPOSITORY", checkout)
    monkeypatch.setenv("NBHELPERS_DATA", str(named))
    monkeypatch.chdir(current)
    with pytest.raises(FileNotFoundError) as error:
        CamVid("val")
    assert f"camvid is not in {named} or {current / 'data'}. Fetch" in str(error.value)
    assert "download camvid\n" in str(error.value) and f"there is {named / 'camvid' / 'val'}" in str(
        error.value
    )

    (checkout / "pyproject.toml").touch()
    shutil.copytree(camvid / "camvid", checkout / "data" / "camvid")
    assert Path(CamVid("val").name(0)).is_relative_to(checkout / "data")
    shutil.copytree(camvid / "camvid", named / "camvid")
    assert Path(CamVid("val").name(0)).is_relative_to(named)
    # from the repository, as the notebook's folder has no such
    monkeypatch.setenv("NBHELPERS_DATA", "../named")
    (current / "notebooks").mkdir()
    monkeypatch.chdir(current / "notebooks")
    assert Path(CamVid("val").name(0)).is_relative_to(named)


@pytest.mark.parametrize("name", SETS)
def test_a_wrong_split_is_named(name):
    with pytest.raises(ValueError, match="split is 'valid'; it must be one of 'train', 'val'"):
        SETS[name]("valid")


def test_camvid_turns_11_into_void(camvid):
    data = CamVid("val", root=camvid)
    image, mask = data[0]
    assert image.shape == (3, 6, 8) and sorted(mask.unique().tolist()) == [*range(11), 255]
    assert data.classes == CAMVID_CLASSES and np.array_equal(data.palette, CAMVID)


def test_isbi_is_split_by_blocks_in_the_order_of_the_slices(tmp_path):
    for number in range(30):  # named 0.png to 29.png, as published: 2 comes before 10
        save(np.full((4, 5), number), tmp_path / "isbi2012" / "image" / f"{number}.png")
        save(np.full((4, 5), 255 * (number % 2)), tmp_path / "isbi2012" / "label" / f"{number}.png")
    numbers = {
        split: [int(image[0, 0, 0]) for image, _ in ISBI2012(split, tmp_path)]
        for split in ("train", "val", "test")
    }
    assert numbers == {"train": [*range(20)], "val": [*range(20, 25)], "test": [*range(25, 30)]}
    image, mask = ISBI2012("train", tmp_path)[1]
    assert image.shape == (3, 4, 5) and mask.unique().tolist() == [1]
    (tmp_path / "isbi2012" / "image" / "3.png").unlink()
    (tmp_path / "isbi2012" / "label" / "3.png").unlink()
    with pytest.raises(ValueError, match="holds 29 pairs; ISBI 2012 has 30"):
        ISBI2012(root=tmp_path)


def test_nuclei_are_merged_kept_apart_and_split_by_id(nuclei):
    splits = {split: Nuclei(split, nuclei) for split in ("train", "val", "test")}
    assert sorted(name for data in splits.values() for name in data.ids) == [
        f"id{number}" for number in range(10)
    ]
    for split, data in splits.items():
        assert all(split_of(name) == split for name in data.ids)
    data = splits["train"]
    width = 6 + int(data.name(0)[2:])
    image, mask = data[0]
    assert image.shape == (3, 5, width) and image[:, 0, 0].tolist() == [10, 20, 30]  # alpha is dropped
    assert mask[:, 0].tolist() == [1, 1, 1, 1, 0] and mask.sum() == 4
    instances = data.instances(0)
    assert instances.dtype == np.int32
    assert instances[:, 0].tolist() == [2, 2, 1, 1, 0]  # a is 1 and b is 2, which has the pixel they share


def test_nuclei_from_a_zip_are_those_from_the_folder(nuclei, tmp_path):
    for prefix, name in (("", "stage1_train.zip"), ("stage1_train/", "dsb2018_stage1_train_subset.zip")):
        place = tmp_path / f"zips{len(prefix)}"
        place.mkdir()
        with zipfile.ZipFile(place / name, "w") as archive:
            for path in (nuclei / "dsb2018" / "stage1_train").rglob("*.png"):
                archive.write(path, prefix + path.relative_to(nuclei / "dsb2018" / "stage1_train").as_posix())
            archive.writestr("stage1_train_labels.csv", "ImageId,EncodedPixels")
        unpacked, zipped = Nuclei("train", nuclei), Nuclei("train", place)
        zipped[0]
        again = pickle.loads(pickle.dumps(zipped))  # to a worker, with the zip open
        for index in range(len(unpacked)):
            for (image, mask), (other_image, other_mask) in (
                (unpacked[index], zipped[index]),
                (unpacked[index], again[index]),
            ):
                assert torch.equal(image, other_image) and torch.equal(mask, other_mask)
        loader = torch.utils.data.DataLoader(zipped, batch_size=None, num_workers=1)
        assert len(list(loader)) == len(zipped)
        # as in a worker that was forked with the zip open
        opened, zipped._archive_owner = zipped._archive, -1
        zipped[0]
        assert zipped._archive is not opened


def test_faults_of_nuclei(nuclei):
    folder = nuclei / "dsb2018" / "stage1_train"
    first = Nuclei("train", nuclei).name(0)
    save(np.zeros((3, 3)), folder / first / "masks" / "b.png")
    with pytest.raises(ValueError, match=r"b\.png is 3 x 3 pixels, but .*a\.png is 5 x"):
        Nuclei("train", nuclei)[0]
    save(np.zeros((3, 3)), folder / first / "masks" / "a.png")
    with pytest.raises(ValueError, match=rf"{first}\.png is 5 x .*, but its masks are 3 x 3"):
        Nuclei("train", nuclei)[0]
    (folder / first / "images" / f"{first}.png").unlink()
    with pytest.raises(ValueError, match=f"{first} has 0 images and 2 masks"):
        Nuclei("train", nuclei)


def test_nuclei_of_every_kind_of_png_and_nothing_passed_over(nuclei):
    folder = nuclei / "dsb2018" / "stage1_train"
    data = Nuclei("train", nuclei)
    expected = data.instances(0)
    for path in (folder / data.name(0) / "masks").iterdir():
        shape = np.array(Image.open(path)) // 255
        if path.stem == "a":  # the shape in the alpha channel; white as the first colour of a palette
            save(np.dstack([np.zeros_like(shape)] * 3 + [255 * shape]), path)
        else:
            path.write_bytes(png_bytes(1 - shape, 1, palette=[(255, 255, 255), (0, 0, 0)]))
    assert np.array_equal(data.instances(0), expected)
    (folder / data.name(0) / "masks" / "Thumbs.db").touch()
    Nuclei("train", nuclei)
    save(np.zeros((5, 5)), folder / data.name(0) / "masks" / "c.tif")
    with pytest.raises(ValueError, match=r"c\.tif is no PNG"):
        Nuclei("train", nuclei)


def test_pets_become_background_pet_and_void(tmp_path):
    base = tmp_path / "oxford-iiit-pet"
    names = [f"Abyssinian_{number}" for number in range(10)]
    for name in [*names, "Birman_1"]:
        save(np.full((4, 6, 3), 50), base / "images" / f"{name}.jpg")
        save(np.array([[1, 2, 3], [1, 1, 2]]), base / "annotations" / "trimaps" / f"{name}.png")
    (base / "annotations" / "trainval.txt").write_text("".join(f"{name} 1 1 1\n" for name in names))
    (base / "annotations" / "test.txt").write_text("Birman_1 2 1 1\n")
    assert [len(OxfordPets(split, tmp_path)) for split in ("train", "val", "test")] == [8, 2, 1]
    train, val = OxfordPets("train", tmp_path), OxfordPets("val", tmp_path)
    assert not set(train.indices) & set(val.indices) and val.indices == [4, 9]
    image, mask = train[0]
    assert image.shape == (3, 4, 6) and mask.tolist() == [[1, 0, 255], [1, 1, 0]]
    assert train.classes == ("Background", "Pet")
    cut = base / "images" / "Abyssinian_0.jpg"
    cut.write_bytes(cut.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"Abyssinian_0\.jpg cannot be read as an image"):
        train[0]


def test_voc_keeps_its_ids_and_its_colours_read_as_a_folder_too(tmp_path):
    base = tmp_path / "VOCdevkit" / "VOC2012"
    ids = np.array([[0, 1, 15], [20, 255, 7]], dtype=np.uint8)
    colours = np.zeros((256, 3), dtype=np.uint8)
    colours[:21], colours[255] = voc_palette(21), (224, 224, 192)
    picture = Image.fromarray(ids)
    picture.putpalette(colours.ravel().tolist())
    for folder in ("SegmentationClass", "ImageSets/Segmentation"):
        (base / folder).mkdir(parents=True)
    save(np.full((2, 3, 3), 50), base / "JPEGImages" / "2007_1.jpg")
    picture.save(base / "SegmentationClass" / "2007_1.png")
    (base / "ImageSets" / "Segmentation" / "train.txt").write_text("2007_1\n")
    data = VOC("train", tmp_path)
    assert len(data) == 1 and np.array_equal(data[0][1].numpy(), ids)
    assert len(data.classes) == 21 and data.classes[15] == "Person" and data.palette.shape == (21, 3)
    by_id = Folder(base / "JPEGImages", base / "SegmentationClass", VOC.classes)
    with pytest.raises(ValueError, match=r"2007_1\.jpg is VOC\[0\]"):
        check_no_overlap(by_id, data)

    Image.fromarray(np.where(ids == 7, ids, 0)).save(base / "SegmentationClass" / "2007_1.png")
    grey_only = Image.open(base / "SegmentationClass" / "2007_1.png")
    grey_only.putpalette(colours.ravel().tolist())  # background and car, black and grey in VOC's palette
    grey_only.save(base / "SegmentationClass" / "2007_1.png")
    assert data[0][1].unique().tolist() == [0, 7]

    picture.convert("RGB").save(base / "SegmentationClass" / "2007_1.png")
    by_colour = Folder(
        base / "JPEGImages",
        base / "SegmentationClass",
        VOC.classes,
        palette=voc_palette(21),
        void=(224, 224, 192),
    )
    assert np.array_equal(by_colour[0][1].numpy(), ids)


def test_the_colours_of_voc_are_the_published_ones():
    published = {
        0: (0, 0, 0),
        1: (128, 0, 0),
        2: (0, 128, 0),
        7: (128, 128, 128),
        8: (64, 0, 0),
        15: (192, 128, 128),
        20: (0, 64, 128),
    }
    palette = voc_palette(21)
    assert {index: tuple(palette[index].tolist()) for index in published} == published


# On the real files.


def test_real_camvid():
    root = shared_data("camvid")
    splits = [CamVid(split, root) for split in ("train", "val", "test")]
    assert [len(data) for data in splits] == [367, 101, 233]
    present = set()
    for data in splits:
        for index in range(0, len(data), 20):
            image, mask = data[index]
            assert image.shape == (3, 360, 480) and mask.shape == (360, 480)
            present |= set(mask.unique().tolist())
    assert present == {*range(11), 255}


def test_real_camvid_shares_no_picture_between_splits():
    root = shared_data("camvid")
    check_no_overlap(CamVid("val", root), CamVid("test", root))


def test_class_weights_of_real_camvid_are_near_those_of_segnets_published_settings():
    """Within 12 % but for SignSymbol, where theirs is 2.5 times ours; how theirs were counted is not published."""
    weights = class_weights(CamVid("train", shared_data("camvid")))
    segnet = torch.tensor(
        [0.2595, 0.1826, 4.5640, 0.1417, 0.9051, 0.3826, 9.6446, 1.8418, 0.6823, 6.2478, 7.3614]
    )
    others = torch.arange(11) != CAMVID_CLASSES.index("SignSymbol")
    assert ((weights / segnet)[others] - 1.1).abs().max() < 0.12


def test_real_isbi2012():
    root = shared_data("isbi2012")
    for split, number in (("train", 20), ("val", 5), ("test", 5)):
        data = ISBI2012(split, root)
        image, mask = data[0]
        assert len(data) == number and image.shape == (3, 512, 512) and mask.unique().tolist() == [0, 1]
        assert torch.equal(image[0], image[2])
        assert image[0][mask == 1].float().mean() > image[0][mask == 0].float().mean()  # membranes are dark


def test_real_nuclei():
    root = shared_data("dsb2018_stage1_train_subset.zip")
    splits = {split: Nuclei(split, root) for split in ("train", "val", "test")}
    assert sum(map(len, splits.values())) == 120 and len(splits["train"]) > 80
    sizes = set()
    for data in splits.values():
        for index in range(0, len(data), 5):
            image, mask = data[index]
            instances = data.instances(index)
            sizes.add(tuple(mask.shape))
            assert image.shape[1:] == mask.shape == instances.shape and image.dtype == torch.uint8
            assert np.array_equal(instances > 0, mask.numpy() == 1)
            assert len(np.unique(instances)) - 1 == len(data.files[data.name(index)][1])
    assert len(sizes) > 2
