"""From probabilities to masks: not always argmax. What an error costs, and what the score counts, decide.

    by_costs           the class whose expected cost is least
    by_thresholds      a threshold for each class
    by_expected_dice, by_expected_iou    the mask whose expected score is highest

All take probabilities (N, C, H, W), where one channel is class 1's, and none needs a training. They are as good as the
probabilities are: calibrate these first (`nbhelpers.metrics.calibration`).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nbhelpers.metrics.calibration import judged_probabilities, of_every_class

STEP = 0.4  # of the quadrature; half of it changes no expected score by 1e-8


def by_costs(probabilities: Tensor, costs: Sequence[Sequence[float]]) -> Tensor:
    """The class of least expected cost (Bayes decision): (N, C, H, W) -> ids int64 (N, H, W).

    costs: [truth][decision], C x C, 2 x 2 for one channel. Ones with zeros on the diagonal are argmax; a miss
    nine times as dear as a false alarm, [[0, 1], [9, 0]], decides for class 1 from a probability of 0.1 on.
    Raises ValueError for costs of another shape.
    """
    probabilities = of_every_class(judged_probabilities(probabilities))
    table = torch.as_tensor(costs, dtype=probabilities.dtype, device=probabilities.device)
    classes = probabilities.shape[1]
    if table.shape != (classes, classes) or not table.isfinite().all():
        raise ValueError(
            f"costs are {tuple(table.shape)}, but must be finite, ({classes}, {classes}): a row for each true class, a "
            "column for each decision"
        )
    return torch.einsum("nchw,cd->ndhw", probabilities, table).argmin(dim=1)


def by_thresholds(probabilities: Tensor, thresholds: Sequence[float]) -> Tensor:
    """The class whose probability is the largest multiple of its threshold: (N, C, H, W) -> ids int64 (N, H, W).

    thresholds: one above 0 for each class. Equal ones are argmax; half a threshold doubles what a class weighs.
    For one channel (1 - t, t), or the number t alone, decides for class 1 above t.
    Raises ValueError for another number of thresholds, and for one that is not above 0.
    """
    both = of_every_class(judged_probabilities(probabilities))
    found = torch.as_tensor(thresholds, dtype=both.dtype, device=both.device)
    if found.ndim == 0 and both.shape[1] == 2:
        found = torch.stack([1 - found, found])
    if found.shape != (both.shape[1],) or not (found > 0).all():
        raise ValueError(
            f"thresholds are {found.tolist()}, but must be {both.shape[1]} numbers above 0, one for each class; one "
            "number between 0 and 1 does for class 1 of two"
        )
    return (both / found[:, None, None]).argmax(dim=1)


def by_expected_dice(probabilities: Tensor, empty: float = 1.0) -> Tensor:
    """The mask of the highest expected Dice, image by image and class by class: (N, C, H, W) -> bool, the same shape.

    That is the t most probable pixels, for the best t (Dai and Li, 2023, RankSEG,
    https://jmlr.org/papers/v24/22-0712.html): where nothing is sure, more than those above 0.5. The score is that of
    each image alone, not of pooled counts, with pixels independent of each other given their probabilities. Expected
    values are exact, by a quadrature, not approximated.
    empty: what an empty mask of an empty truth scores; 1 in Kaggle's competitions, 0 in RankSEG.
    Classes are decided alone, so their masks may overlap, and one channel gives the mask of class 1.
    Raises ValueError for probabilities outside 0..1.
    """
    return _best(probabilities, empty, _expected_dice)


def by_expected_iou(probabilities: Tensor, empty: float = 1.0) -> Tensor:
    """As `by_expected_dice`, for IoU."""
    return _best(probabilities, empty, _expected_iou)


def _best(probabilities: Tensor, empty: float, scores: Callable[[Tensor], Tensor]) -> Tensor:
    flat = judged_probabilities(probabilities).flatten(2).clamp(0, 1)
    masks = torch.zeros_like(flat, dtype=torch.bool)
    for image, class_id in torch.cartesian_prod(*map(torch.arange, flat.shape[:2])).tolist():
        ranked, order = flat[image, class_id].double().cpu().sort(descending=True)
        expected = scores(ranked)  # of the 1, 2, .. most probable pixels
        size = int(expected.argmax()) + 1
        nothing = empty * (1 - ranked).prod()  # the truth may be empty too
        if expected[size - 1] > nothing:
            masks[image, class_id, order[:size]] = True
    return masks.view(probabilities.shape)


def _expected_dice(ranked: Tensor) -> Tensor:
    """Expected Dice of the t most probable pixels, t = 1, .., P: (P,) -> (P,), both float64.

    With S the number of true pixels without pixel j, E[2 y_j / (t + |y|)] = 2 p_j E[1 / (t + 1 + S)], and
    E[1 / (a + S)] is the integral over x in 0..1 of x^(a - 1) E[x^S]: a product over pixels, taken from one of all.
    """
    total = torch.zeros_like(ranked)
    sizes = torch.arange(1, len(ranked) + 1, dtype=torch.float64)
    for rate, weight in _nodes(ranked):  # x = exp(-rate)
        factors = 1 - ranked + ranked * torch.exp(-rate)  # E[x^y_j]
        # log of x^(t + 1) E[x^|y|], one x of which is dx / d rate
        power = factors.log().sum() - (sizes + 1) * rate
        total += weight * power.exp() * (ranked / factors).cumsum(0)
    return 2 * total


def _expected_iou(ranked: Tensor) -> Tensor:
    """Expected IoU of the t most probable pixels: hits and misses are independent, and the union is t + misses."""
    total = torch.zeros_like(ranked)
    sizes = torch.arange(1, len(ranked) + 1, dtype=torch.float64)
    for rate, weight in _nodes(ranked):
        logs = (1 - ranked + ranked * torch.exp(-rate)).log()
        total += weight * torch.exp(logs.sum() - logs.cumsum(0) - sizes * rate)
    return ranked.cumsum(0) * total


def _nodes(ranked: Tensor) -> Tensor:
    """Nodes and weights (K, 2) of integrals over 0..infinity of what falls as exp(-rate) or faster.

    The double-exponential rule of Takahasi and Mori, 1974, rate = exp(u - exp(-u)) in units of the steepest fall.
    """
    unit = 1 / (1 + len(ranked) + ranked.sum())
    u = torch.arange(-3.5, float(torch.log(45 / unit)), STEP, dtype=torch.float64)
    rates = unit * torch.exp(u - torch.exp(-u))
    return torch.stack([rates, STEP * rates * (1 + torch.exp(-u))], dim=1)
