"""Draw data/sample: two small splits in the layout of one's own data, masks of 0 and 255 beside the images."""

from pathlib import Path

import cv2
import numpy as np

from nbhelpers.datasets.toy.cells import Cells

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample"


def write(path: Path, pixels: np.ndarray) -> None:
    """Encode in memory: cv2.imwrite does not write to paths with letters outside ASCII on Windows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())


for split, length in (("train", 12), ("val", 4)):
    cells = Cells(split, size=(96, 128), length=length)
    for index in range(length):
        image, mask = cells.read(index)
        write(SAMPLE / split / "images" / f"{index:02}.jpg", image[..., ::-1])  # OpenCV wants BGR
        write(SAMPLE / split / "masks" / f"{index:02}.png", mask * 255)
