"""What the lessons and the tests cost, beside an older build: python -m benchmarks.lessons_cost [02_unet_from_scratch ... tests]

The old build is checked out in a temporary folder. Both run in turns, held to AVX2 and fp32 as the reference reader of
tools/execution.py is, and to one thread, since one that waits for another spins, and CPU seconds would count that: lesson
by lesson in quick mode, and, if `tests` is named, `make test`'s command. A lesson that has become two is counted as both.
Rows that benchmarks/results/lessons_cost.json already holds for this pair of builds are kept, so that a cut run goes on;
--again runs them anew.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat

from tools.execution import REFERENCE, ROOT, Meter, execute
from tools.notebooks import score
from tools.record import RESULTS, provenance

OLD = "80bf606"
FILE = RESULTS / "lessons_cost.json"
TESTS = "tests"
HELD_TO = REFERENCE | {"OMP_NUM_THREADS": "1"}
SPLIT = {"17_iris_segmentation": ("25_iris_recognition",)}  # what was one lesson, and its second part now
# an old build asks /proc/cpuinfo for bf16 and knows no NBHELPERS_PRECISION
HIDE_BF16 = """
import pathlib
read_text = pathlib.Path.read_text
def without_bf16(self, *args, **kwargs):
    text = read_text(self, *args, **kwargs)
    return text.replace("bf16", "") if self == pathlib.Path("/proc/cpuinfo") else text
pathlib.Path.read_text = without_bf16
"""


@contextlib.contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """The files of `commit` in a folder of their own, for as long as the context lasts."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "old"
        git = ("git", "-C", str(ROOT), "worktree")
        subprocess.run([*git, "add", "--detach", str(place), commit], check=True, capture_output=True)
        try:
            yield place
        finally:
            subprocess.run([*git, "remove", "--force", str(place)], check=True)


def environment(root: Path, hiding: Path) -> dict[str, str]:
    switches = dict.fromkeys(("DATA", "SMOKE"), "") | {"FULL": "0"}
    return HELD_TO | switches | {"PYTHONPATH": os.pathsep.join(map(str, (hiding, root)))}


def lesson(root: Path, name: str, environ: dict[str, str]) -> dict:
    """What `name` costs in `root`, with the second part it may have there, and the score that it prints."""
    costs, scores = [], []
    for part in (name, *SPLIT.get(name, ())):
        path = root / "notebooks" / f"{part}.ipynb"
        if path.exists():
            notebook = nbformat.read(path, as_version=4)
            costs.append(execute(notebook, path.parent, environ))
            scores.append(score(notebook))
    together = {cost: round(sum(each[cost] for each in costs), 1) for cost in ("seconds", "cpu_seconds")}
    return together | {"peak_mb": max(each["peak_mb"] for each in costs), "score": scores[0]}


def suite(root: Path, environ: dict[str, str]) -> dict:
    """`make test`'s command in `root`."""
    recipe = (root / "Makefile").read_text("utf-8").replace("\\\n", " ")
    line = next(line for line in recipe.splitlines() if "-m pytest" in line)
    command = line.strip().removeprefix("@").replace("$(VENV_PYTHON)", sys.executable)
    started = time.monotonic()
    process = subprocess.Popen(
        command, shell=True, cwd=root, env=os.environ | environ, stdout=subprocess.PIPE, text=True
    )
    meter = Meter(process.pid)
    meter.start()
    said = process.communicate()[0]
    meter.done.set()
    return {
        "seconds": round(time.monotonic() - started, 1),
        "cpu_seconds": round(meter.cpu_seconds, 1),
        "peak_mb": round(meter.mb),
        "score": said.strip().splitlines()[-1],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lessons_cost", description=__doc__)
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help=f"lessons of the old build, or {TESTS}; default: all lessons"
    )
    parser.add_argument("--old", default=OLD, help=f"the commit to compare with; default: {OLD}")
    parser.add_argument("--again", action="store_true", help="run rows anew that the file holds")
    arguments = parser.parse_args()
    rows = json.loads(FILE.read_text("utf-8"))["results"] if FILE.exists() else {}
    with checked_out(arguments.old) as old, tempfile.TemporaryDirectory() as hiding:
        known = sorted(path.stem for path in (old / "notebooks").glob("*.ipynb"))
        for name in set(arguments.rows) - {*known, TESTS}:
            parser.error(f"{name} is no row; known are {', '.join([*known, TESTS])}")
        (Path(hiding) / "sitecustomize.py").write_text(HIDE_BF16, "utf-8")
        for name in arguments.rows or known:
            if rows.get(name, {}).get("old_commit") == arguments.old and not arguments.again:
                print(f"{name}: kept, {rows[name]['cpu_ratio']} times the CPU seconds")
                continue
            costs = {}
            for build, root in (("old", old), ("new", ROOT)):
                environ = environment(root, Path(hiding))
                costs[build] = suite(root, environ) if name == TESTS else lesson(root, name, environ)
            ratio = round(costs["new"]["cpu_seconds"] / costs["old"]["cpu_seconds"], 3)
            rows[name] = {"old_commit": arguments.old, "cpu_ratio": ratio} | costs
            print(f"{name}: {ratio} times the CPU seconds\n  {costs['old']}\n  {costs['new']}", flush=True)
            content = provenance("python -m benchmarks.lessons_cost") | {"held_to": HELD_TO}
            content["lessons"] = totals(rows, known)
            content["results"] = dict(sorted(rows.items()))
            FILE.write_text(json.dumps(content, indent=1) + "\n", "utf-8", newline="\n")


def totals(rows: dict, lessons: list[str]) -> dict:
    """The lessons measured so far, together."""
    measured = [rows[name] for name in lessons if name in rows]
    both = {build: round(sum(row[build]["cpu_seconds"] for row in measured), 1) for build in ("old", "new")}
    return {"measured": len(measured), "cpu_seconds": both, "cpu_ratio": round(both["new"] / both["old"], 3)}


if __name__ == "__main__":
    main()
