"""Which library's mean IoU is which: one small set of predictions through all of them, and the same from our functions.

Needs MONAI besides the project's own: pip install --no-deps monai==1.6.1. tests/metrics/test_which_iou.py derives every
stored value again, and installs nothing.
Run: python -m benchmarks.which_iou
"""

import warnings
from importlib.metadata import version
from types import SimpleNamespace

import numpy as np
import segmentation_models_pytorch as smp
import torch
from fastai.metrics import JaccardCoeffMulti
from monai.metrics import MeanIoU as MonaiMeanIoU
from sklearn.metrics import jaccard_score
from torch.nn.functional import one_hot
from torchmetrics.classification import MulticlassJaccardIndex
from torchmetrics.segmentation import MeanIoU

from nbhelpers.metrics import (
    ConfusionMatrix,
    mean_over_images,
    mean_over_pairs,
    pooled,
    scores_per_image,
)
from tools.record import record

CLASSES, VOID = 4, 255


def example() -> tuple[np.ndarray, np.ndarray]:
    """Predictions and truth of 3 images of 6 x 8, no void: class 3 is nowhere; 2 is not in the second, but predicted there."""
    truth = np.zeros((3, 6, 8), int)
    truth[0, :, 4:] = 1
    truth[0, :2, :2] = truth[2, 4:, 2:] = 2
    truth[1, 3:] = 1
    prediction = np.roll(truth, 1, axis=2)
    prediction[1, 0, :3] = 2
    prediction[2, 0, :5] = 1
    return prediction, truth


def matrices(prediction: np.ndarray, truth: np.ndarray) -> list[ConfusionMatrix]:
    counted = []
    for found, true in zip(prediction, truth):
        counted.append(ConfusionMatrix(CLASSES))
        counted[-1].update(torch.from_numpy(found), torch.from_numpy(true))
    return counted


def images(absent: str):
    return lambda counted: mean_over_images(scores_per_image(counted, absent=absent))


OURS = {  # what is averaged: how we compute it, from one matrix an image
    "pixels of the data set pooled, then the mean over classes": lambda counted: pooled(counted).mean_iou,
    "the same, an absent class counts 1": lambda counted: pooled(counted).iou.nan_to_num(1).mean().item(),
    "the same, an absent class counts 0": lambda counted: pooled(counted).iou.nan_to_num(0).mean().item(),
    "pixels and classes pooled": lambda counted: pooled(counted).micro_iou,
    "classes pooled, then the mean over images": lambda counted: float(
        np.mean([one.micro_iou for one in counted])
    ),
    "mean over images": images("skip"),
    "mean over images, an absent class counts 1": images("one"),
    "mean over images, false alarms cost nothing": images("skip unless true"),
    "mean over image-class pairs, an absent class counts 1": lambda counted: mean_over_pairs(
        scores_per_image(counted, absent="one")
    ),
}


def of_smp(reduction: str):
    def score(prediction, truth, **void):
        counts = smp.metrics.get_stats(
            torch.from_numpy(prediction),
            torch.from_numpy(truth),
            mode="multiclass",
            num_classes=CLASSES,
            **void,
        )
        return smp.metrics.iou_score(*counts, reduction=reduction)

    return score


def of_torchmetrics(average: str):
    return lambda prediction, truth, **void: MulticlassJaccardIndex(CLASSES, average=average, **void)(
        torch.from_numpy(prediction), torch.from_numpy(truth)
    )


def of_segmentation(prediction, truth):
    metric = MeanIoU(num_classes=CLASSES, input_format="index")
    metric.update(torch.from_numpy(prediction), torch.from_numpy(truth))
    return metric.compute()


def of_monai(**options):
    def score(prediction, truth):
        metric = MonaiMeanIoU(**options)
        metric(*(one_hot(torch.from_numpy(ids), CLASSES).movedim(-1, 1) for ids in (prediction, truth)))
        return metric.aggregate()

    return score


def of_sklearn(average: str):
    return lambda prediction, truth: jaccard_score(
        truth.ravel(), prediction.ravel(), labels=range(CLASSES), average=average, zero_division=0
    )


def of_fastai(prediction, truth):
    metric = JaccardCoeffMulti()
    metric.reset()
    logits = one_hot(torch.from_numpy(prediction), CLASSES).movedim(-1, 1).float()
    metric.accumulate(SimpleNamespace(pred=logits, y=torch.from_numpy(truth)))
    return metric.value


LIBRARIES = {  # call: (score, what is averaged, whether it has an ignore_index)
    "SMP iou_score(reduction='micro')": (of_smp("micro"), "pixels and classes pooled", True),
    "SMP iou_score(reduction='macro')": (of_smp("macro"), "the same, an absent class counts 1", True),
    "SMP iou_score(reduction='micro-imagewise')": (
        of_smp("micro-imagewise"),
        "classes pooled, then the mean over images",
        True,
    ),
    "SMP iou_score(reduction='macro-imagewise')": (
        of_smp("macro-imagewise"),
        "mean over image-class pairs, an absent class counts 1",
        True,
    ),
    "torchmetrics MulticlassJaccardIndex()": (
        of_torchmetrics("macro"),
        "pixels of the data set pooled, then the mean over classes",
        True,
    ),
    "torchmetrics segmentation.MeanIoU()": (of_segmentation, "mean over images", False),
    "MONAI MeanIoU()": (of_monai(), "mean over images, false alarms cost nothing", False),
    "MONAI MeanIoU(ignore_empty=False)": (
        of_monai(ignore_empty=False),
        "mean over images, an absent class counts 1",
        False,
    ),
    "scikit-learn jaccard_score(average='macro', zero_division=0)": (
        of_sklearn("macro"),
        "the same, an absent class counts 0",
        False,
    ),
    "scikit-learn jaccard_score(average='micro')": (of_sklearn("micro"), "pixels and classes pooled", False),
    "fastai JaccardCoeffMulti()": (
        of_fastai,
        "pixels of the data set pooled, then the mean over classes",
        False,
    ),
}
PACKAGES = ("segmentation_models_pytorch", "torchmetrics", "monai", "scikit-learn", "fastai")


def main() -> None:
    prediction, truth = example()
    voided = np.where(np.arange(8) % 4 == 3, VOID, truth)
    rows = {
        call: {
            "value": float(score(prediction, truth)),
            "averages": what,
            "with_void": float(score(prediction, voided, ignore_index=VOID)) if ignores else None,
        }
        for call, (score, what, ignores) in LIBRARIES.items()
    }
    for call, row in rows.items():
        print(f"{call:62} {row['value']:.4f} {row['with_void'] or '-':>8.6}  {row['averages']}")
        for masks, value in ((truth, row["value"]), (voided, row["with_void"])):
            mine = OURS[row["averages"]](matrices(prediction, masks))
            if value is not None and abs(value - mine) > 1e-6:
                print(f"   ours is {mine:.4f}")
    results = {
        "packages": {name: version(name) for name in PACKAGES},
        "prediction": prediction.tolist(),
        "truth": truth.tolist(),
        "truth_with_void": voided.tolist(),
        "libraries": rows,
    }
    record("which_iou", results, "python -m benchmarks.which_iou")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
