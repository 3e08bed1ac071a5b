"""Choose settings on out-of-fold predictions, and find out on other images whether the choice was worth it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy.special import stdtrit

from nbhelpers.kaggle.folds import check_names, checked_folds


@dataclass(frozen=True)
class Choice:
    """The settings of the highest mean score, that score, and the score of every combination that was tried."""

    settings: dict[str, Any]
    score: float
    table: dict[tuple, float]


def tune(
    score: Callable[..., float],
    predictions: Sequence,
    truths: Sequence,
    *,
    decide: Callable[..., Any] | None = None,
    **grid: Sequence,
) -> Choice:
    """Try every combination: `tune(dice, oof, truths, decide=by_mask, threshold=(0.4, 0.5), min_size=(0, 20))`.

    decide: takes a prediction and the settings by name, and gives what is scored: `by_mask` (for `dice`, `surface_dice`,
        `uw_madison_score`), `by_presence`, `by_watershed` or `by_components` (for `bowl_score`), or your own.
    score: takes what was decided and a truth; without `decide` a prediction, a truth, and the settings by name. It gives a
        number, higher is better.
    predictions: out-of-fold ones only. A threshold that was tuned on images the model was trained on fits its
    overconfidence there. The score of the choice is too good all the same, because it is the best of many:
    `paired_gain` on images that no choice has seen tells what it brings, or `tune_by_folds`. Of equals the first
    combination is taken.
    """
    return _best(_scored(score, predictions, truths, decide, grid), tuple(grid))


@dataclass(frozen=True)
class Tuned:
    """What is best for all images, the scores (n,) of each by what is best for the other folds, and that, by fold."""

    choice: Choice
    scores: np.ndarray
    by_fold: dict[int, dict[str, Any]]


def tune_by_folds(
    score: Callable[..., float],
    predictions: Sequence,
    truths: Sequence,
    folds: Sequence[int],
    *,
    decide: Callable[..., Any] | None = None,
    **grid: Sequence,
) -> Tuned:
    """As `tune`, and what it is worth: every image is also scored by the settings that were chosen without its fold.

    These scores are not too good, unlike that of the choice, and all images count: compare them with those of fixed
    settings by `paired_gain`, with `groups` where images come from the same patients, slides or scenes. Submit by `choice`.
    Where `by_fold` differs much, the choice is luck.
    Raises ValueError for another number of folds than images, for fewer than two, and for folds that are no whole numbers.
    """
    folds = checked_folds(folds)
    if folds.shape != (len(truths),) or len(np.unique(folds)) < 2:
        raise ValueError(
            f"{len(np.unique(folds))} folds of {folds.size} images for {len(truths)} truths; there must be the fold of each "
            "image, and two folds at least"
        )
    names, table = tuple(grid), _scored(score, predictions, truths, decide, grid)
    scores, by_fold = np.empty(len(truths)), {}
    for fold in np.unique(folds):
        held = folds == fold
        settings = _best({values: each[~held] for values, each in table.items()}, names).settings
        by_fold[int(fold)] = settings
        scores[held] = table[tuple(settings.values())][held]
    return Tuned(_best(table, names), scores, by_fold)


def _scored(
    score: Callable[..., float],
    predictions: Sequence,
    truths: Sequence,
    decide: Callable[..., Any] | None,
    grid: Mapping[str, Sequence],
) -> dict[tuple, np.ndarray]:
    """The score of each image, (n,), by the values of each combination."""
    if len(predictions) != len(truths) or not len(truths):
        raise ValueError(
            f"{len(predictions)} predictions and {len(truths)} truths; there must be one for each image"
        )
    grid = {name: _listed(name, values) for name, values in grid.items()}
    combinations = list(product(*grid.values()))
    table = np.empty((len(combinations), len(truths)))
    # images outside: `out_of_fold` reads a prediction whenever it is asked for
    for image, (prediction, truth) in enumerate(zip(predictions, truths)):
        for row, values in enumerate(combinations):
            settings = dict(zip(grid, values))
            if decide is None:
                table[row, image] = score(prediction, truth, **settings)
            else:
                table[row, image] = score(decide(prediction, **settings), truth)
            if np.isnan(table[row, image]):
                raise ValueError(f"the score with {settings} is nan for some image; it must be a number")
    return dict(zip(combinations, table))


def _listed(name: str, values: Iterable) -> tuple:
    if isinstance(values, str) or not isinstance(values, Iterable) or not (listed := tuple(values)):
        raise ValueError(
            f"{name} is {values!r}; it must hold the values to try, at least one: {name}=(0.4, 0.5)"
        )
    return listed


def _best(table: Mapping[tuple, np.ndarray], names: tuple[str, ...]) -> Choice:
    means = {values: float(each.mean()) for values, each in table.items()}
    best = max(means, key=means.get)
    return Choice(dict(zip(names, best)), means[best], means)


@dataclass(frozen=True)
class Gain:
    """The mean difference of two scores of the same images, and the interval that holds it with 95 %."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        word = "no difference that these images can show"
        if self.low > 0 or self.high < 0:
            word = "a gain" if self.low > 0 else "a loss"
        return f"{self.mean:+.3f}, 95 % between {self.low:+.3f} and {self.high:+.3f}: {word}"


def paired_gain(before: Sequence[float], after: Sequence[float], *, groups: Sequence | None = None) -> Gain:
    """What changed from `before` to `after`, scores of the same images in the same order.

    groups: what each image is of, as in `make_folds`: its patient, slide or scene. Images of one group resemble each other,
        so they tell less than as many of different ones; taken one by one, 20 images of each of ten patients show a
        difference where there is none in every second trial.
    The interval is Student's t, its error by the jackknife, which leaves out a group at a time, or an image (Miller, 1974,
    https://doi.org/10.1093/biomet/61.1.1). The bootstrap's percentiles are too narrow for fewer than some twenty of them.
    Raises ValueError for fewer than two, for other numbers of scores or groups, and for scores that are not finite.
    """
    if len(before) != len(after) or not len(before):
        raise ValueError(
            f"{len(before)} scores before and {len(after)} after; both must be of the same images"
        )
    differences = np.asarray(after, float) - np.asarray(before, float)
    if not np.isfinite(differences).all():
        raise ValueError(
            f"the scores of image {int(np.argmin(np.isfinite(differences)))} are nan or infinite; leave it out of both"
        )
    sums, images = _by_group(differences, groups)
    count, mean = len(sums), float(differences.mean())
    if count < 2:
        raise ValueError(
            f"{len(differences)} images of {count} group; an interval needs two images at least, of two groups"
        )
    left_out = (sums.sum() - sums) / (images.sum() - images)  # the mean without each group
    error = np.sqrt((count - 1) / count * ((left_out - mean) ** 2).sum())
    reach = float(stdtrit(count - 1, 0.975) * error)
    return Gain(mean, mean - reach, mean + reach)


def _by_group(scores: np.ndarray, groups: Sequence | None) -> tuple[np.ndarray, np.ndarray]:
    """The sums of scores (..., images) by group, (..., groups), and how many images each has; None: each its own."""
    if groups is None:
        return scores, np.ones(scores.shape[-1])
    if len(groups) != scores.shape[-1]:
        raise ValueError(
            f"{len(groups)} groups for {scores.shape[-1]} images; there must be that of each image"
        )
    groups = np.asarray(groups)
    check_names(groups, "groups")
    names, numbers = np.unique(groups, return_inverse=True)
    sums = np.zeros((*scores.shape[:-1], len(names)))
    np.add.at(sums, (..., numbers), scores)
    return sums, np.bincount(numbers)


@dataclass(frozen=True)
class Shakeup:
    """What happened in many random splits of the test set into a public and a private part.

    right: share of splits whose public winner is the private winner too.
    optimism: by how much the public score of the public winner is above its private one, on average.
    regret: how far its private score is below that of the private winner, on average.
    spread: root mean square of public - private of one submission: differences below it mean little.
    """

    right: float
    optimism: float
    regret: float
    spread: float

    def __str__(self) -> str:
        return (
            f"the public winner is the private one in {self.right:.0%} of the splits\n"
            f"its public score is {self.optimism:+.3f} above its private one, on average\n"
            f"to pick it costs {self.regret:.3f} on private, on average\n"
            f"public and private scores of one submission differ by {self.spread:.3f} (root mean square)"
        )


def simulate_leaderboard(
    scores: np.ndarray,
    *,
    public: float = 0.3,
    groups: Sequence | None = None,
    repeats: int = 2000,
    seed: int = 0,
) -> Shakeup:
    """Split the images into public and private at random, many times, and see how far the public score misleads.

    scores: (submissions, images), the score of each image by each submission, so a score is their mean.
    public: the share of images on the public leaderboard, or of groups.
    groups: as in `paired_gain`, where the competition keeps each group's images together in one part.
    """
    scores = np.asarray(scores, float)
    sums, images = _by_group(scores, groups) if scores.ndim == 2 else (scores, np.zeros(0))
    count = round(public * len(images))
    if not 0 < count < len(images) or not np.isfinite(scores).all():
        raise ValueError(
            f"scores are {scores.shape} with public={public}; they must be finite, (submissions, images), with at least "
            "one image, or group, in each part"
        )
    generator = np.random.default_rng(seed)
    rows = []
    for _ in range(repeats):
        order = generator.permutation(len(images))
        seen, hidden = (sums[:, part].sum(1) / images[part].sum() for part in (order[:count], order[count:]))
        winner = int(seen.argmax())
        rows.append(
            (
                hidden[winner] == hidden.max(),
                seen[winner] - hidden[winner],
                hidden.max() - hidden[winner],
                np.mean((seen - hidden) ** 2),
            )
        )
    right, optimism, regret, square = np.mean(np.array(rows, float), axis=0)
    return Shakeup(float(right), float(optimism), float(regret), float(np.sqrt(square)))
