"""A tiny folder in CamVid's layout, in which every picture can be told from its colour."""

from pathlib import Path

import numpy as np
from PIL import Image

RED = {"train": 40, "val": 120, "test": 200}
PICTURES = {"train": 24, "val": 5, "test": 3}
SIZE = (36, 48)


def camvid_like(folder: Path) -> Path:
    """Write it below `folder`, for NBHELPERS_DATA: red tells the split, green the picture. The masks hold all classes."""
    for split, count in PICTURES.items():
        for index in range(count):
            image = np.full((*SIZE, 3), (RED[split], 10 * index, 0), np.uint8)
            mask = (np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) // 6 + index) % 12  # 11 is void
            if split == "train" and index == 0:
                mask[mask == 3] = 0
            for name, pixels in ((split, image), (f"{split}annot", mask.astype(np.uint8))):
                path = folder / "camvid" / name / f"0001_{index:03}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
    return folder
