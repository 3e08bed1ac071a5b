"""Run 02_unet_from_scratch on CamVid's photographs, and record its score, seconds and memory.

Run: NBHELPERS_DATA=folder python -m benchmarks.unet_camvid
"""

import os

import nbformat

from tools.execution import ROOT, execute
from tools.notebooks import score
from tools.record import record


def main() -> None:
    path = ROOT / "notebooks" / "02_unet_from_scratch.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cost = execute(notebook, path.parent, {"DATA": "camvid", "FULL": "0", "SMOKE": ""})
    command = "NBHELPERS_DATA=folder make run DATA=camvid"
    print(record("unet_camvid", {"score": score(notebook), **cost}, command))


if __name__ == "__main__":
    os.environ["NBHELPERS_DATA"] = os.path.abspath(os.environ["NBHELPERS_DATA"])
    main()
