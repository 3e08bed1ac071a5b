"""The recipes for real eyes in lesson 17 do what they say, on a tiny folder laid out like each set.

The code is taken from the notebook itself, so that what a reader copies is what is tested.
"""

import re
from pathlib import Path

import cv2
import nbformat
import numpy as np
import pytest

from tools.execution import ROOT

NOTEBOOK = ROOT / "notebooks" / "17_iris_segmentation.ipynb"


def ring(height: int = 30, width: int = 40) -> np.ndarray:
    """An iris without its pupil, bool (height, width)."""
    y, x = np.indices((height, width))
    distance = np.hypot(x - 20, y - 14)
    return (distance < 11) & (distance > 4)


def write(path: str | Path, pixels: np.ndarray) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def photograph(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (30, 40, 3), np.uint8)


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Runs all recipes in `tmp_path`; gives the datasets by name."""
    white_iris = np.where(ring(), 255, 0).astype(np.uint8)
    for index in (1, 2):
        write(tmp_path / f"NICE1/Images/C{index}_S1_I1.tiff", photograph(index))
        write(tmp_path / f"NICE1/Classes/C{index}_S1_I1.bmp", 255 - white_iris)
        write(tmp_path / f"CASIA-Iris-Interval/00{index}/L/S100{index}L01.jpg", photograph(index))
        write(tmp_path / f"IRISSEG-EP/casia4i/OperatorA_S100{index}L01.tiff", white_iris)
        write(tmp_path / f"IRISSEG-EP/casia4i/OperatorB_S100{index}L01.tiff", white_iris)
        for side, short in (("left", "l"), ("right", "r")):
            write(tmp_path / f"MMU/{index}/{side}/aeva{short}{index}.bmp", photograph(index))
            write(tmp_path / f"MMU-masks/{index}/{side}/{index}.bmp", white_iris)
        write(tmp_path / f"MobBIO/images/00{index}_01.jpg", photograph(index))
        write(tmp_path / f"MobBIO/masks/00{index}_01_mask.png", white_iris)
    monkeypatch.chdir(tmp_path)
    cell = next(cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if "mask_suffix" in cell.source)
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", cell.source, re.DOTALL):
        exec(block, names)
    return names


@pytest.mark.parametrize(("name", "count"), [("nice", 2), ("casia", 2), ("mmu", 4), ("mobbio", 2)])
def test_every_recipe_reads_the_visible_iris_as_class_1(read, name, count):
    dataset = read[name]
    assert len(dataset) == count
    assert dataset.classes == ("Background", "Iris")
    for index in range(count):
        image, mask = dataset[index]
        assert image.shape == (3, 30, 40)
        assert np.array_equal(mask.numpy(), ring())


def test_mmu_pairs_each_picture_with_its_own_mask(read):
    """Names repeat from folder to folder there: 1.bmp of the left eye is not 1.bmp of the right."""
    assert [image.name for image, _ in read["mmu"].pairs] == [
        "1_left_1.bmp",
        "1_right_1.bmp",
        "2_left_2.bmp",
        "2_right_2.bmp",
    ]
