"""Images a second that `Folder` reads, beside an older build: python -m benchmarks.folder_reading

Both builds read the same folders, drawn here, in turns, each in a process of its own that stays; CPU seconds of one
thread are counted, and of the rounds the median. Results: benchmarks/results/folder_reading.json.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from benchmarks.lessons_cost import OLD, checked_out
from tools.execution import ROOT
from tools.record import record

PAIRS, ROUNDS, SIZE = 24, 15, (360, 480)
READER = """
import sys, time
from pathlib import Path
import cv2, torch
torch.set_num_threads(1)
cv2.setNumThreads(1)
from nbhelpers.datasets import Folder
sets = {}
for folder in sorted(Path(sys.argv[1]).iterdir()):
    options = {"value_range": (0, 65535)} if folder.name.startswith("16") and sys.argv[2] == "new" else {}
    sets[folder.name] = Folder(folder / "images", folder / "masks", [str(n) for n in range(11)], **options)
for line in sys.stdin:
    data = sets[line.strip()]
    started = time.process_time()
    for index in range(len(data)):
        data[index]
    print(time.process_time() - started, flush=True)
"""


def draw(root: Path) -> None:
    """Smooth pictures with a little noise, and masks of eleven ids, in the formats that people have."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (256, 3)).astype(np.uint8)
    for number in range(PAIRS):
        smooth = cv2.resize(rng.random((9, 12, 3)), SIZE[::-1], interpolation=cv2.INTER_CUBIC)
        photo = ((smooth * 0.9 + 0.1 * rng.random((*SIZE, 3))).clip(0, 1) * 255).astype(np.uint8)
        ids = cv2.resize(rng.integers(0, 11, (9, 12)).astype(np.uint8), SIZE[::-1], interpolation=0)
        grey, palette = photo[..., 0], Image.fromarray(ids)
        palette.putpalette(colours.tobytes())
        kinds = {
            "jpg, grey png": (photo, "jpg", Image.fromarray(ids), "png"),
            "png, palette png": (photo, "png", palette, "png"),
            "png with alpha, rgb png": (
                np.dstack([photo, grey | 255]),
                "png",
                Image.fromarray(np.dstack([ids] * 3)),
                "png",
            ),
            "grey png, grey png": (grey, "png", Image.fromarray(ids), "png"),
            "tif lzw, tif lzw": (photo, "tif", Image.fromarray(ids), "tif"),
            "16-bit png, grey png": (grey.astype(np.uint16) * 257, "png", Image.fromarray(ids), "png"),
        }
        for kind, (image, image_type, mask, mask_type) in kinds.items():
            for folder, picture, ending in (
                ("images", Image.fromarray(image), image_type),
                ("masks", mask, mask_type),
            ):
                path = root / kind / folder / f"{number}.{ending}"
                path.parent.mkdir(parents=True, exist_ok=True)
                picture.save(path, **({"compression": "tiff_lzw"} if ending == "tif" else {}))


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch, checked_out(OLD) as old:
        draw(Path(scratch))
        kinds = sorted(path.name for path in Path(scratch).iterdir())
        builds = {"old": old, "new": ROOT}
        readers = {
            name: subprocess.Popen(
                [sys.executable, "-c", READER, scratch, name],
                env=os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
                cwd=root,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for name, root in builds.items()
        }
        seconds = {kind: {name: [] for name in builds} for kind in kinds}
        for number in range(ROUNDS + 1):
            for kind in kinds:
                for name in builds if number % 2 else reversed(builds):
                    reader = readers[name]
                    reader.stdin.write(f"{kind}\n")
                    reader.stdin.flush()
                    taken = float(reader.stdout.readline())
                    if number:  # the first one warms up
                        seconds[kind][name].append(taken)
        for reader in readers.values():
            reader.communicate()
    rows = {}
    for kind, of_builds in seconds.items():
        speed = {name: round(PAIRS / statistics.median(taken), 1) for name, taken in of_builds.items()}
        rows[kind] = speed | {"ratio": round(speed["new"] / speed["old"], 3)}
        print(f"{kind:26} {speed['old']:7.1f} {speed['new']:7.1f}  {rows[kind]['ratio']:.2f}")
    unit = f"pairs of {SIZE[0]} x {SIZE[1]} pixels a CPU second"
    record("folder_reading", {"old": OLD, "unit": unit, "rows": rows}, "python -m benchmarks.folder_reading")


if __name__ == "__main__":
    main()
