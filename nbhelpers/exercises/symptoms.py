"""What a sick training shows before anybody looks into its code: in its curves, and in its pictures."""

from collections.abc import Sequence

from torch import Tensor

from nbhelpers.datasets import IGNORE
from nbhelpers.datasets.dataset import collate
from nbhelpers.doctor import Finding, doctor
from nbhelpers.exercises.patients import Patient, Recipe, honest_iou, scored
from nbhelpers.metrics import to_ids


def examine(patient: Patient) -> list[Finding]:
    """The doctor comes twice, before the first step and when the model is scored; what fails, by name once."""
    recipe: Recipe = patient.recipe
    before = doctor(
        recipe.model(),
        patient.batch(recipe.train),
        recipe.loss,
        lr=recipe.lr,
        train=recipe.train,
        valid=recipe.valid,
    )
    images, masks = patient.batch(recipe.valid)
    patient.model.train(not recipe.calls_eval)
    after = doctor(patient.model, (recipe.before_scoring(images), masks), recipe.loss, stage="scoring")
    failed = [finding for finding in [*before, *after] if not finding.ok]
    # the earlier of equals
    return list({finding.name: finding for finding in reversed(failed)}.values())[::-1]


def curve_symptom(patient: Patient, healthy: Patient) -> str:
    """The most striking thing about its curves beside those of a healthy training."""
    train, valid = patient.rows[-1]["train_loss"], patient.rows[-1]["valid_loss"]
    peak, usual = (max(row["valid_loss"] for row in who.rows) for who in (patient, healthy))
    score, other = patient.rows[-1]["mean_iou"], healthy.rows[-1]["mean_iou"]
    floor = healthy.rows[-1]["train_loss"]
    for seen, words in (
        (train < 0, f"the loss falls below 0, to {train:.0f}"),
        (peak > 3 * usual, f"validation loss up to {peak:.3g}, mean IoU {score:.2f} (healthy {other:.2f})"),
        (valid > 1.5 * train, f"training loss {train:.2f}, validation loss {valid:.2f}"),
        (train > 1.4 * floor, f"training loss stays at {train:.2f} (healthy {floor:.2f})"),
        (score > other + 0.05, f"mean IoU {score:.2f}, too good (healthy {other:.2f})"),
    ):
        if seen:
            return words
    return f"nothing: mean IoU {score:.2f} (healthy {other:.2f})"


def picture_symptom(patient: Patient, healthy: Patient, count: int = 6) -> str:
    """The most striking thing about its pictures: of valid, by its own way of scoring, and of fresh scenes."""
    data = patient.recipe.valid
    pairs = [data[index] for index in range(min(count, len(data)))]
    masks = collate(pairs)[1]
    first, again = patient.predict(range(len(pairs))), patient.predict(range(len(pairs)))
    change = sum((a != b).float().mean().item() for a, b in zip(first, again)) / len(pairs)
    classes, usual_classes = _classes(first), _classes(healthy.predict(range(len(pairs))))
    sky, usual_sky = _sky_in_void(patient, count), _sky_in_void(healthy, count)
    right = sum(((ids == mask) & (mask != IGNORE)).sum().item() for ids, mask in zip(first, masks))
    right /= max(1, int((masks != IGNORE).sum()))
    score, fresh = patient.rows[-1]["mean_iou"], honest_iou(patient)
    rim, usual_rim = _rims(masks), _rims(collate([healthy.recipe.valid[i] for i in range(len(pairs))])[1])
    for seen, words in (
        (classes == 1, "one colour"),
        (right < 0.5, f"{right:.0%} of the pixels right"),
        (change > 0.005, f"the same scene twice: {change:.0%} of the pixels change"),
        (
            rim > 3 * usual_rim,
            f"truth: {rim:.0%} of the borders have a rim of a third class (healthy {usual_rim:.0%})",
        ),
        (score > fresh + 0.05, f"other scenes look worse: mean IoU {fresh:.2f} there"),
        (sky > 1.4 * usual_sky, f"{sky:.0%} of the borders painted Sky (healthy {usual_sky:.0%})"),
        (
            classes < min(usual_classes, data.num_classes),
            f"{classes} of {data.num_classes} classes ever predicted (healthy {usual_classes})",
        ),
    ):
        if seen:
            return words
    return f"nothing that can be counted: {right:.0%} of the pixels right"


def _classes(predicted: Sequence[Tensor]) -> int:
    return len({index for ids in predicted for index in ids.unique().tolist()})


def _sky_in_void(patient: Patient, count: int) -> float:
    """The share of the void pixels, which no score looks at, that are predicted as class 0."""
    data = patient.recipe.fresh
    found = total = 0
    for index in range(min(count, len(data))):
        images, masks = collate([data[index]])
        void = masks == IGNORE
        found += int((to_ids(scored(patient.model, patient.recipe, images))[void] == 0).sum())
        total += int(void.sum())
    return found / max(1, total)


def _rims(masks) -> float:
    """The share of the pixels between two others of a row whose id lies between theirs, as in 3 5 7."""
    left, middle, right = masks[..., :-2], masks[..., 1:-1], masks[..., 2:]
    known = (left != IGNORE) & (middle != IGNORE) & (right != IGNORE)
    apart = known & ((left - right).abs() > 1)
    between = apart & ((middle - left) * (right - middle) > 0)
    return between.sum().item() / max(1, int(apart.sum()))
