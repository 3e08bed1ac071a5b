"""Lesson 26: answers that are right, and wrong ones with what the hint must say."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from nbhelpers.exercises.lesson26 import check_light, check_norm, check_statistics

LIGHT = [
    (0.64, "the share before"),
    (0.96, "not more"),
    (0.43, "does not divide"),
    (0.46, "in proportion"),
    (0.74, "less stain"),
    (0.33, "2.5 times"),
    (0.41, "twice as much"),
    (0.49, "taken away"),
    (0.67, "e to the power"),
    (0.29, "base 10"),
    (0.1, "multiply it by 1.5"),
]
NORM = [
    ((1, 2.5), "wrong order"),
    ((2, 1), "a weight and a bias"),
    ((3, 1.5), "bias is missing"),
    ((3.5, 2), "sign and all"),
    ((2.25, 0.75), "comes last"),
    ((14.5, 14.5), "the root of the variance"),
    ((0.1, -0.35), "standard deviation, too"),
    ((4, 8.5), "take the mean away"),
    ((2.5, 0.25), "not the mean alone"),
    ((2.5, 5.5), "not the variance alone"),
    ((2.5, 2.5), "stay as they are"),
    (2.5, "two numbers"),
    ((0, 0), "once with each laboratory"),
]


def normed(mean, variance):
    """The value 0.6 after batch norm, in float32."""
    mean, variance, weight, bias = (torch.tensor([number]) for number in (mean, variance, 1.5, -0.5))
    return F.batch_norm(torch.tensor([[0.6]]), mean, variance, weight, bias, eps=0).item()


def by_rows(batches):
    rows = torch.cat([batch.movedim(1, -1).reshape(-1, batch.shape[1]) for batch in batches])
    return rows.mean(dim=0), rows.var(dim=0, unbiased=False)


def by_numpy(batches):
    rows = np.concatenate(
        [np.moveaxis(batch.numpy(), 1, 0).reshape(batch.shape[1], -1) for batch in batches], axis=1
    )
    return rows.mean(axis=1), rows.var(axis=1)


def by_sums(batches):
    count, total, squares = 0, 0, 0
    for batch in batches:
        count += batch.numel() // batch.shape[1]
        total = total + batch.sum(dim=(0, 2, 3))
        squares = squares + (batch * batch).sum(dim=(0, 2, 3))
    mean = total / count
    return mean, squares / count - mean**2


def by_channels(batches):
    means, variances = [], []
    for channel in range(batches[0].shape[1]):
        values = [value for batch in batches for value in batch[:, channel].flatten().tolist()]
        mean = math.fsum(values) / len(values)
        means.append(mean)
        variances.append(math.fsum((value - mean) ** 2 for value in values) / len(values))
    return means, variances


def by_merging(batches):
    """Two summaries at a time, as Chan, Golub and LeVeque (1979) merge them."""
    count, mean, spread = 0, 0, 0
    for batch in batches:
        more = batch.numel() // batch.shape[1]
        own = batch.mean(dim=(0, 2, 3))
        gap = own - mean
        spread = (
            spread + more * batch.var(dim=(0, 2, 3), correction=0) + gap**2 * count * more / (count + more)
        )
        mean = mean + gap * more / (count + more)
        count += more
    return torch.stack([mean, spread / count])


def by_batch_norm(batches):
    layer = torch.nn.BatchNorm2d(batches[0].shape[1], momentum=None)
    for batch in batches:
        layer(batch.float())
    return layer.running_mean, layer.running_var


def of_each(batches):
    return [torch.stack(of) for of in zip(*(by_rows([batch]) for batch in batches))]


def weighted(batches):
    """What a mean over batches gives, each by its pixels."""
    counts = torch.tensor([batch.numel() / batch.shape[1] for batch in batches])[:, None]
    return [(of * counts).sum(0) / counts.sum() for of in of_each(batches)]


STATISTICS = [
    (lambda batches: [of.mean(0) for of in of_each(batches)], "counts each batch the same; each pixel"),
    (by_batch_norm, "what `adapted` above takes"),
    (
        lambda batches: (by_sums(batches)[0], of_each(batches)[1].mean(0)),
        "not the mean of the batches' variances",
    ),
    (weighted, "the batches' means differ"),
    (
        lambda batches: (of_each(batches)[0].mean(0), by_sums(batches)[1]),
        "the mean counts each batch the same",
    ),
    (
        lambda batches: (
            by_rows(batches)[0],
            torch.cat([batch.transpose(0, 1).flatten(1) for batch in batches], 1).var(1),
        ),
        "correction=0",
    ),
    (lambda batches: (by_rows(batches)[0], by_rows(batches)[1].sqrt()), "its square"),
    (lambda batches: by_rows(batches)[::-1], "mean comes first"),
    (
        lambda batches: (by_rows(batches)[0], by_rows([batch**2 for batch in batches])[0]),
        "square of the mean away",
    ),
    (lambda batches: by_rows(batches[-1:]), "the last batch alone"),
    (lambda batches: by_rows(batches[:1]), "the first batch alone"),
    (
        lambda batches: by_rows([torch.cat([batch.flatten() for batch in batches])[:, None, None, None]]),
        "over all channels",
    ),
    (lambda batches: by_rows(batches)[0], "return mean"),
    (lambda batches: torch.zeros(2, batches[0].shape[1]), "in one row per channel"),
]
RIGHT = [
    (check_light, 0.512),
    (check_light, 0.51),
    (check_norm, (2.5, 1)),
    (check_norm, [normed(0.2, 0.04), normed(0.5, 0.01)]),  # 2.5000002 and 1.0000004
    *((check_statistics, way) for way in (by_rows, by_numpy, by_sums, by_channels, by_merging)),
]
WRONG = [
    (check, answer, hint)
    for check, slips in {check_light: LIGHT, check_norm: NORM, check_statistics: STATISTICS}.items()
    for answer, hint in slips
]
