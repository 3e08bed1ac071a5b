"""Run lessons on CamVid's photographs in their quick mode, and record score, seconds and memory of each by its name.

Run: NBHELPERS_DATA=folder python -m benchmarks.camvid_lessons 13_fc_densenet
"""

import json
import os
import sys
from pathlib import Path

import nbformat

from tools.execution import execute
from tools.notebooks import find, score
from tools.record import RESULTS, provenance

PATH = RESULTS / "camvid_lessons.json"


def measure(path: Path) -> dict:
    """What the lesson at `path` scores on CamVid, and what it costs."""
    notebook = nbformat.read(path, as_version=4)
    cost = execute(notebook, path.parent, {"DATA": "camvid", "FULL": "0", "SMOKE": ""})
    command = f"NBHELPERS_DATA=folder python -m benchmarks.camvid_lessons {path.stem}"
    return {"score": score(notebook)} | cost | provenance(command)


def main(names: list[str]) -> None:
    for path in [find(name) for name in names]:  # a wrong name ends it before any work
        name = path.stem
        result = measure(path)
        # read only now: another process may have added its own meanwhile
        known = json.loads(PATH.read_text("utf-8")) if PATH.exists() else {}
        content = dict(sorted((known | {name: result}).items()))
        PATH.write_text(json.dumps(content, indent=1) + "\n", "utf-8", newline="\n")
        print(f"{name}: {result['score']}, {result['seconds']:.0f} s, {result['peak_mb']} MB")


if __name__ == "__main__":
    if len(sys.argv) < 2 or not os.environ.get("NBHELPERS_DATA"):
        raise SystemExit(__doc__)
    os.environ["NBHELPERS_DATA"] = os.path.abspath(os.environ["NBHELPERS_DATA"])
    main(sys.argv[1:])
