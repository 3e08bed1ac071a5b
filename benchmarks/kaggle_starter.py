"""The Kaggle starter on real pictures: some held out by group, the notebook run as on Kaggle, its submission scored.

The images of the Data Science Bowl 2018 that are there are laid out as a competition, a fifth of them as hidden test
images, chosen by the folds of `nbhelpers.kaggle`: near-duplicates stay on one side. The notebook sees their images only.
Run: NBHELPERS_DATA=folder python -m benchmarks.kaggle_starter
"""

import os
import tempfile
from pathlib import Path

import nbformat
import numpy as np
import torch

from nbhelpers import kaggle
from nbhelpers.metrics import ConfusionMatrix
from tools.execution import ROOT, execute
from tools.record import record

NOTEBOOK = ROOT / "notebooks" / "18_kaggle_starter.ipynb"


def held_out(pictures: kaggle.TrainImages) -> tuple[np.ndarray, int]:
    """Which images are hidden from the notebook, bool (n,), and the number of groups."""
    samples = [pictures.read(index) for index in range(len(pictures))]
    groups = kaggle.near_duplicates([kaggle.perceptual_hash(image) for image, _ in samples])
    stains = [kaggle.stain(image) for image, _ in samples]
    sizes = [image.shape[:2] for image, _ in samples]
    coverage = [float(mask.mean()) for _, mask in samples]
    folds = kaggle.make_folds(groups, kaggle.strata(stains, sizes, coverage), n_splits=5, seed=1)
    return folds == 0, len(set(groups))


def main() -> None:
    pictures = kaggle.TrainImages()
    hidden, groups = held_out(pictures)

    def some(indices):
        return ((pictures.name(i), pictures.read(i)[0], pictures.instances(i)) for i in indices)

    notebook = nbformat.read(NOTEBOOK, as_version=4)
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
        scores = kaggle.score_submission(submission, truths)
        codes: dict[str, list[str]] = {name: [] for name in truths}
        for name, code in kaggle.read_submission(submission):
            codes[name].append(code)
    confusion = ConfusionMatrix(2)
    for name, truth in truths.items():
        found = kaggle.to_instances([code for code in codes[name] if code], truth.shape) > 0
        confusion.update(torch.from_numpy(found).long(), torch.from_numpy(truth > 0).long())
    results = {
        "train_images": int((~hidden).sum()),
        "held_out_images": int(hidden.sum()),
        "groups": groups,
        "mode": "full" if os.environ.get("FULL") == "1" or torch.cuda.is_available() else "quick",
        "mean_iou": round(confusion.mean_iou, 4),
        "nucleus_iou": round(confusion.iou[1].item(), 4),
        "bowl_score": round(float(np.mean(list(scores.values()))), 4),
        "linter_faults": len(faults),
        "notebook_says": next(
            output.text.strip()
            for cell in notebook.cells
            if "score" in cell.metadata.get("tags", [])
            for output in cell.outputs
        ),
        **cost,
    }
    print(results, "->", record("kaggle_starter", results))


if __name__ == "__main__":
    main()
