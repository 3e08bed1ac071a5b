"""The checks of the sets that are fetched: what is missing, doubled or exchanged is noticed."""

import io

import pytest
from PIL import Image

from nbhelpers.datasets.sources import SOURCES, check_camvid, check_nuclei
from tests.shared_data import linked_camvid


def test_an_image_of_camvid_that_was_exchanged_is_noticed(tmp_path):
    root = linked_camvid(tmp_path)
    first, *_, last = sorted((tmp_path / "train").iterdir())
    first.unlink()
    first.symlink_to(root / "train" / last.name)
    with pytest.raises(ValueError, match=rf"{first.name} is not the known picture.*; 1 of 701 images differ"):
        check_camvid(tmp_path)


@pytest.fixture
def nuclei(tmp_path):
    """664 folders of an image and a mask; each test spoils what it is about."""
    file = io.BytesIO()
    Image.new("L", (4, 3), 255).save(file, "PNG")
    for number in range(664):
        for kind in ("images", "masks"):
            folder = tmp_path / f"{number:03}" / kind
            folder.mkdir(parents=True)
            (folder / "a.png").write_bytes(file.getvalue())
    return tmp_path


def test_nuclei_that_are_complete(nuclei):
    (nuclei / "000" / "masks" / "b.png").write_bytes((nuclei / "000" / "masks" / "a.png").read_bytes())
    assert check_nuclei(nuclei) == "664 images, 665 nuclei, all decoded"


def test_nuclei_that_are_not(nuclei):
    (nuclei / "007" / "masks" / "a.png").rename(nuclei / "a.png")
    with pytest.raises(ValueError, match=r"007.images.a\.png has no mask"):
        check_nuclei(nuclei)
    Image.new("L", (4, 3)).save(nuclei / "007" / "masks" / "a.png")
    with pytest.raises(ValueError, match=r"007.masks.a\.png is empty"):
        check_nuclei(nuclei)
    (nuclei / "a.png").rename(nuclei / "007" / "masks" / "a.png")
    (nuclei / "more" / "masks").mkdir(parents=True)
    Image.new("L", (4, 3), 255).save(nuclei / "more" / "masks" / "a.png")
    with pytest.raises(
        ValueError, match="there are 664 images, and masks for 665; there must be 664 of each"
    ):
        check_nuclei(nuclei)


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_numbers_of_pets(tmp_path, more):
    class Images:
        def glob(self, pattern):
            return range(7390 + more) if pattern == "images/*.jpg" else []

    images, lists = SOURCES["pets"].archives
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "trainval.txt").write_text("a 1\n" * 3680)
    (tmp_path / "annotations" / "test.txt").write_text("a 1\n" * (3669 + more))
    if more == 0:
        assert images.check(Images()) == "7390 images"
        assert (
            lists.check(tmp_path) == "annotations/trainval.txt: 3680 lines, annotations/test.txt: 3669 lines"
        )
        return
    with pytest.raises(ValueError, match=f"there are {7390 + more} pet images; there must be 7390"):
        images.check(Images())
    with pytest.raises(ValueError, match=f"test.txt has {3669 + more} lines; it must have 3669"):
        lists.check(tmp_path)
