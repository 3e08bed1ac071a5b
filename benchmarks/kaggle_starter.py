"""The Kaggle starter on real pictures: some held out by group, the notebook run as on Kaggle, its submission scored.

The images of the Data Science Bowl 2018 that are there are laid out as a competition, a fifth of them as hidden test
images, chosen by the folds of `nbhelpers.kaggle`: near-duplicates stay on one side. The notebook sees their images only.

    NBHELPERS_DATA=folder python -m benchmarks.kaggle_starter                     # as it is, and with each switch
    NBHELPERS_DATA=folder python -m benchmarks.kaggle_starter --parts 1           # the first fifth held out alone
    NBHELPERS_DATA=folder python -m benchmarks.kaggle_starter --switches ema+hard # as it is, and with these together

Runs are rows of results/kaggle_starter.json, each stored as soon as it is there; what is there is not run
again, so stop it at any time. All switches get the first fifth before any gets the second. The gains are those of the
held-out images of the fifths that both have, image by image, with their intervals.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import nbformat
import numpy as np
import torch

from nbhelpers import kaggle
from nbhelpers.kaggle.tuning import Gain
from nbhelpers.metrics import ConfusionMatrix
from tools.execution import ROOT, execute
from tools.record import RESULTS, machine, record

NOTEBOOK = ROOT / "notebooks" / "18_kaggle_starter.ipynb"
PARTS = 5  # each held out once
OFF = "switches = set()"  # how the notebook's line begins
BEFORE = {  # the page as it was before something: what that is, the words it has on the page, and those instead
    "AdamW": ("Muon", '"lr": 2e-2, "batch_size": 8, "optimizer": "muon"', '"lr": 8e-3, "batch_size": 8'),
    "no top-hat": ("top-hat", "    same[..., 1] = kaggle.top_hat(same)\n", ""),
}
SWITCHES = ("", *BEFORE, "ema", "hard", "stains", "tiles", "copy-paste", "pseudo")  # "" is the page as it is
ROWS = "kaggle_starter"
SCORE = "the Bowl's score"


def held_out(pictures: kaggle.TrainImages, part: int = 0) -> tuple[np.ndarray, int]:
    """Which images are hidden from the notebook, bool (n,), and the number of groups."""
    samples = [pictures.read(index) for index in range(len(pictures))]
    groups = kaggle.near_duplicates([kaggle.perceptual_hash(image) for image, _ in samples])
    stains = [kaggle.stain(image) for image, _ in samples]
    sizes = [image.shape[:2] for image, _ in samples]
    coverage = [float(mask.mean()) for _, mask in samples]
    folds = kaggle.make_folds(groups, kaggle.strata(stains, sizes, coverage), n_splits=PARTS, seed=1)
    return folds == part, len(set(groups))


def switched(notebook: nbformat.NotebookNode, switches: str) -> nbformat.NotebookNode:
    """The notebook with switches on, "ema+hard"; ValueError where it has not the words for them exactly once."""
    names = set(filter(None, switches.split("+")))
    for name in names & BEFORE.keys():
        _replace(notebook, *BEFORE[name][1:])
    on = sorted(names - BEFORE.keys())
    _replace(notebook, OFF, f"switches = {on!r}" if on else OFF)
    return notebook


def _replace(notebook: nbformat.NotebookNode, words: str, by: str) -> None:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and words in cell.source]
    if len(cells) != 1 or cells[0].source.count(words) != 1:
        raise ValueError(f"{NOTEBOOK.name} has {words.strip()!r} in {len(cells)} cells; it must have it once")
    cells[0].source = cells[0].source.replace(words, by)


def run(switches: str = "", part: int = 0) -> dict:
    """One execution of the notebook: scores of its submission, of each hidden image too, and what it cost."""
    pictures = kaggle.TrainImages()
    hidden, groups = held_out(pictures, part)

    def some(indices):
        return ((pictures.name(i), pictures.read(i)[0], pictures.instances(i)) for i in indices)

    notebook = switched(nbformat.read(NOTEBOOK, as_version=4), switches)
    with tempfile.TemporaryDirectory() as folder:
        root, working = Path(folder) / "input" / "data-science-bowl-2018", Path(folder) / "working"
        kaggle.lay_out(root, some(np.flatnonzero(~hidden)), some(np.flatnonzero(hidden)))
        truths = kaggle.Bowl(root).solution()
        (root / "stage1_solution.csv").unlink()  # the notebook must not even be able to look
        working.mkdir()
        cost = execute(notebook, working, env={"KAGGLE_INPUT": str(root.parent)})
        submission = working / "submission.csv"
        sizes = {name: truth.shape for name, truth in truths.items()}
        faults = kaggle.lint_submission(submission, root / "stage1_sample_submission.csv", sizes)
        bowl = kaggle.score_submission(submission, truths)
        codes: dict[str, list[str]] = {name: [] for name in truths}
        for name, code in kaggle.read_submission(submission):
            codes[name].append(code)
    confusion, overlap = ConfusionMatrix(2), {}
    for name, truth in truths.items():
        found = kaggle.to_instances([code for code in codes[name] if code], truth.shape) > 0
        confusion.update(torch.from_numpy(found).long(), torch.from_numpy(truth > 0).long())
        overlap[name] = kaggle.mean_iou(found, truth > 0)
    return {
        "train_images": int((~hidden).sum()),
        "held_out_images": int(hidden.sum()),
        "groups": groups,
        "mode": "full" if os.environ.get("FULL") == "1" or torch.cuda.is_available() else "quick",
        "mean_iou": round(confusion.mean_iou, 4),
        "nucleus_iou": round(confusion.iou[1].item(), 4),
        "bowl_score": round(float(np.mean(list(bowl.values()))), 4),
        "linter_faults": len(faults),
        "notebook_says": next(
            output.text.strip()
            for cell in notebook.cells
            if "score" in cell.metadata.get("tags", [])
            for output in cell.outputs
        ),
        **cost,
        "images": {name: [round(overlap[name], 4), round(bowl[name], 4)] for name in truths},  # of each score
    }


def stored_rows() -> list[dict]:
    path = RESULTS / f"{ROWS}.json"
    return json.loads(path.read_text("utf-8"))["results"]["rows"] if path.exists() else []


def gains(rows: list[dict]) -> dict[str, dict]:
    """What each switch changed of either score of an image, against none in the same fifths.

    What is on the page, as the top-hat, gains what the page does over the page `BEFORE` it.
    """
    by_key = {(row["switches"], row["part"]): row for row in rows}
    found = {}
    for switches in dict.fromkeys(row["switches"] for row in rows if row["switches"]):
        parts = [part for part in range(PARTS) if {(switches, part), ("", part)} <= by_key.keys()]
        name, *sides = (BEFORE[switches][0], switches, "") if switches in BEFORE else (switches, "", switches)
        pairs = [tuple(by_key[side, part] for side in sides) for part in parts]
        if not pairs:
            continue
        before, after = (
            np.array([pair[side]["images"][image] for pair in pairs for image in pair[0]["images"]])
            for side in (0, 1)
        )
        found[name] = {
            "images": len(before),
            "mean IoU": kaggle.paired_gain(before[:, 0], after[:, 0]),
            SCORE: kaggle.paired_gain(before[:, 1], after[:, 1]),
        }
    return found


def scores(rows: list[dict]) -> dict[str, str]:
    """Of each run, as the page tells them: mean IoU over all pixels, and the Bowl's score."""
    return {
        f"{row['switches'] or 'as it is'}, fifth {row['part']}": f"{row['mean_iou']:.3f}, {row['bowl_score']:.3f}"
        for row in rows
    }


def table(rows: list[dict]) -> str:
    """The gains for the page; bold is an interval on one side of 0."""

    def told(gain: Gain) -> str:
        mark = "**" if gain.low > 0 or gain.high < 0 else ""
        return f"{mark}{gain.mean:+.3f}{mark} ({gain.low:+.3f} to {gain.high:+.3f})"

    lines = [f"| | images | mean IoU | {SCORE} |", "|---|---:|---:|---:|"]
    for name, found in gains(rows).items():
        lines.append(f"| {name} | {found['images']} | {told(found['mean IoU'])} | {told(found[SCORE])} |")
    return "\n".join(lines)


def run_switches(wanted: Sequence[str], parts: int) -> None:
    for part in range(parts):
        for switches in dict.fromkeys(["", *wanted]):
            rows = stored_rows()
            if any((row["switches"], row["part"]) == (switches, part) for row in rows):
                continue
            row = {"switches": switches, "part": part, "machine": machine(), **run(switches, part)}
            rows.append(row)
            record(ROWS, {"in three digits": scores(rows), "table": table(rows).splitlines(), "rows": rows})
            print(
                f"part {part}, {switches or 'as it is'}: mean IoU {row['mean_iou']}, Bowl {row['bowl_score']}",
                flush=True,
            )
    print(table(stored_rows()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--switches", nargs="+", metavar="NAMES", default=SWITCHES, help="+ joins some; default: each"
    )
    parser.add_argument(
        "--parts", type=int, default=PARTS, help="how many fifths are held out, one after the other"
    )
    arguments = parser.parse_args()
    run_switches(arguments.switches, arguments.parts)


if __name__ == "__main__":
    main()
