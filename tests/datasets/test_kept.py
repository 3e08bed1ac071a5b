"""Drawn pictures that are kept: the same pixels, whatever stands on the disk or does not fit there."""

import numpy as np
import pytest

from nbhelpers.datasets import Street, in_memory
from nbhelpers.datasets.toy import kept
from nbhelpers.datasets.toy.kept import BLOCK, first_pairs

SIZE, COUNT = (32, 40), BLOCK + 3


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty cache; what was said before may be said again."""
    monkeypatch.setattr(kept, "folder", lambda: tmp_path / "toy" / "digest")
    kept._say.cache_clear()
    return tmp_path / "toy" / "digest"


class Counted:
    """Pictures of one number each, and how many of them were drawn."""

    def __init__(self):
        self.drawn = []

    def read(self, index):
        self.drawn.append(index)
        return np.full((*SIZE, 3), index, np.uint8), np.full(SIZE, 100 + index, np.uint8)

    def pairs(self):
        self.drawn.clear()
        pairs = first_pairs("counted", SIZE, COUNT, self.read)
        assert [(int(image[0, 0, 0]), int(mask[0, 0])) for image, mask in pairs] == [
            (index, 100 + index) for index in range(COUNT)
        ]
        assert all(image.shape == (*SIZE, 3) and mask.shape == SIZE for image, mask in pairs)
        return list(self.drawn)


def test_a_whole_block_is_drawn_once_and_the_rest_each_time(place, capsys):
    counted = Counted()
    assert counted.pairs() == list(range(COUNT))
    assert counted.pairs() == list(range(BLOCK, COUNT))
    assert [file.name for file in place.iterdir()] == ["counted-32x40-0.npz"]
    assert capsys.readouterr().out == ""


def test_kept_scenes_have_the_pixels_of_drawn_ones(place):
    street = Street("val", SIZE, length=COUNT, seed=5)
    for _ in range(2):  # drawn, then read
        both = in_memory(street)
        for index in (0, BLOCK - 1, COUNT - 1):
            for ours, drawn in zip(both.read(index), street.read(index)):
                np.testing.assert_array_equal(ours, drawn)
    assert len(list(place.iterdir())) == 1


def test_a_street_of_another_kind_is_drawn(place):
    class Dark(Street):
        def read(self, index):
            image, mask = super().read(index)
            return image // 4, mask

    plain, dark = in_memory(Street("val", SIZE, BLOCK)), in_memory(Dark("val", SIZE, BLOCK))
    assert (dark.images[0] == plain.images[0] // 4).all()
    assert (in_memory(Street("val", SIZE, BLOCK)).images[0] == plain.images[0]).all()


def flip_a_byte(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def flip_the_method(file):
    """How its parts are packed, in the list of them: zipfile calls it not implemented."""
    content = bytearray(file.read_bytes())
    content[content.rfind(b"PK\x01\x02") + 10] ^= 1
    file.write_bytes(content)


def of_another_size(file):
    np.savez(file, images=np.zeros((BLOCK, 8, 8, 3), np.uint8), masks=np.zeros((BLOCK, 8, 8), np.uint8))


@pytest.mark.parametrize(
    "spoil",
    [
        flip_a_byte,
        flip_the_method,
        of_another_size,
        lambda file: file.write_bytes(file.read_bytes()[:-1000]),
        lambda file: file.write_bytes(b""),
        lambda file: np.savez(file, other=np.zeros(3)),
        # a pickle, which is not loaded
        lambda file: np.savez(file, images=np.array([{}]), masks=np.zeros(3)),
        lambda file: file.write_bytes(b"not an archive"),
    ],
)
def test_what_is_damaged_is_drawn_anew_and_mended(place, spoil):
    counted = Counted()
    counted.pairs()
    spoil(next(place.iterdir()))
    assert counted.pairs() == list(range(COUNT))
    assert counted.pairs() == list(range(BLOCK, COUNT))


def a_file_stands_there(place, monkeypatch):
    place.parent.write_text("")
    return "Not a directory|exists"


def the_disk_is_full(place, monkeypatch):
    def write(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", write)
    return "No space left on device"


def enough_is_kept(place, monkeypatch):
    monkeypatch.setattr(kept, "MOST", -1)
    return "it holds"


def there_is_no_home(place, monkeypatch):
    monkeypatch.setattr(kept, "folder", lambda: kept.Path("~/toy/digest"))
    return "this user has no home folder"


@pytest.mark.parametrize(
    "obstacle", [a_file_stands_there, the_disk_is_full, enough_is_kept, there_is_no_home]
)
def test_where_nothing_can_be_kept_one_line_says_so(place, monkeypatch, capsys, obstacle):
    why = obstacle(place, monkeypatch)
    counted = Counted()
    for _ in range(2):
        assert counted.pairs() == list(range(COUNT))
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("drawn pictures are not kept in ") and line.endswith("each use draws them anew")
    assert any(part in line for part in why.split("|"))
    assert not place.is_dir() or list(place.iterdir()) == []  # no half a file


def test_other_versions_make_room(place):
    old = place.parent / "older"
    old.mkdir(parents=True)
    (old / "street.npz").write_text("x")
    Counted().pairs()
    assert [folder.name for folder in place.parent.iterdir()] == ["digest"]


def test_the_folder_is_named_by_the_drawing_code():
    digest = kept.folder().name
    assert len(digest) == 16 and kept.folder().parent.name == "toy"
    assert kept.folder.__wrapped__().name == digest
