"""The patients of 16_break_it: one training recipe, and eight faults that each change one thing in it.

`practise` is the loop of most tutorials, without the checks of `nbhelpers.training.fit`, which would refuse some
of these recipes. Read the faults after you have made your diagnosis.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from nbhelpers.datasets import IGNORE, InMemory, class_weights, collate, in_memory
from nbhelpers.losses import pixel_loss
from nbhelpers.metrics import ConfusionMatrix, to_ids
from nbhelpers.models.unet import UNet
from nbhelpers.training.engine import Loss, fastest_precision

ROAD = 3  # its id in the street scenes


@dataclass
class Recipe:
    """All that decides a training.

    train, valid: pairs of `size`, shrunk from `large_train` and `large_valid`.
    fresh: pairs from elsewhere, whose masks are right; they are scored once, at the end.
    before_scoring: what happens to a batch of images 0..1 on its way into the model, when it is scored.
    calls_eval: whether the model is in eval mode then.
    """

    large_train: InMemory
    large_valid: InMemory
    train: InMemory
    valid: InMemory
    fresh: InMemory
    loss: Loss
    model: Callable[[], nn.Module]
    lr: float = 1e-2
    batch_size: int = 8
    before_scoring: Callable[[Tensor], Tensor] = torch.nn.Identity()
    calls_eval: bool = True


def healthy(train: InMemory, valid: InMemory, fresh: InMemory, size: tuple[int, int] = (36, 48)) -> Recipe:
    """The recipe that works: all pairs shrunk to `size`, class weights, a small U-Net."""
    small = in_memory(train, size)
    return Recipe(
        train,
        valid,
        small,
        in_memory(valid, size),
        in_memory(fresh, size),
        loss=partial(pixel_loss, class_weights=class_weights(small).sqrt()),
        model=partial(UNet, num_classes=small.num_classes, widths=(16, 32, 64)),
    )


# ---------------------------------------------------------------------------------------------- the faults


def black_and_white_masks(recipe: Recipe) -> None:
    """One class is asked for, the road; the masks are black and white pictures, 0 and 255, not 0 and 1."""
    for data in (recipe.train, recipe.valid, recipe.fresh):
        data.masks = [np.where(mask == ROAD, 255, 0).astype(np.uint8) for mask in data.masks]
        data.classes, data.palette = ("Elsewhere", "Road"), data.palette[[1, ROAD]]
        data.void = None  # nobody says that 255 is void in such a file
    recipe.fresh.masks = [mask // 255 for mask in recipe.fresh.masks]  # scored by masks that are right
    recipe.model = partial(UNet, num_classes=1, widths=(16, 32, 64))
    recipe.loss = lambda logits, masks: F.binary_cross_entropy_with_logits(logits[:, 0], masks.float())


def masks_resized_like_images(recipe: Recipe) -> None:
    """Image and mask went through one resize, which is bilinear: between ids 3 and 7 it draws a rim of 5.

    Void alone was kept apart, since ids such as 129, half void, made the loss crash.
    """
    for large, small in ((recipe.large_train, recipe.train), (recipe.large_valid, recipe.valid)):
        size, blended = small.masks[0].shape, []
        for mask, right in zip(large.masks, small.masks):
            void = torch.from_numpy(mask == IGNORE)[None, None]  # (1, 1, H, W)
            ids = torch.from_numpy(mask)[None, None].float().masked_fill(void, 0)
            neighbours = F.max_pool2d(ids, 3, stride=1, padding=1)  # what lies below void
            ids = torch.where(void, neighbours, ids)
            ids = F.interpolate(ids, size, mode="bilinear", antialias=True)[0, 0].byte().numpy()
            blended.append(np.where(right == IGNORE, right, ids))
        small.masks = blended


def divided_by_255_again(recipe: Recipe) -> None:
    """Scoring divides by 255 what is in 0..1 already; training does not."""
    recipe.before_scoring = lambda images: images / 255


class WithSoftmax(nn.Sequential):
    def __init__(self, model: nn.Module) -> None:
        super().__init__(model, nn.Softmax(dim=1))


def softmax_in_the_model(recipe: Recipe) -> None:
    """The model ends in a softmax, and cross-entropy takes another of what it gets."""
    make = recipe.model
    recipe.model = lambda: WithSoftmax(make())


def void_is_class_0(recipe: Recipe) -> None:
    """255 crashed the loss, so void was made class 0, which is the sky."""
    weights = class_weights(recipe.train).sqrt()
    recipe.loss = lambda logits, masks: F.cross_entropy(
        logits, masks.masked_fill(masks == IGNORE, 0), weights
    )


def eval_forgotten(recipe: Recipe) -> None:
    """Nobody calls model.eval(): dropout goes on dropping, and batch norm takes its means from the scored batch."""
    make = recipe.model

    def with_dropout() -> nn.Module:
        model = make()
        model.downs[-1].append(nn.Dropout2d(0.5))  # as at the bottom of the paper's U-Net
        return model

    recipe.model, recipe.calls_eval = with_dropout, False


def learning_rate_with_a_slip(recipe: Recipe) -> None:
    """1e1 was typed for 1e-2."""
    recipe.lr = 1e1


def split_after_copying(recipe: Recipe) -> None:
    """A few scenes were copied to make more of them, and only then split: valid was in train all along."""
    few = np.arange(16) % len(recipe.train)
    recipe.valid = taken(recipe.train, few[: len(recipe.valid)])
    recipe.train = taken(recipe.train, np.resize(few, len(recipe.train)))


FAULTS: dict[str, Callable[[Recipe], None]] = {
    "A": black_and_white_masks,
    "B": learning_rate_with_a_slip,
    "C": divided_by_255_again,
    "D": eval_forgotten,
    "E": softmax_in_the_model,
    "F": void_is_class_0,
    "G": masks_resized_like_images,
    "H": split_after_copying,
}


def spoilt(recipe: Recipe, fault: Callable[[Recipe], None]) -> Recipe:
    """A copy of `recipe` with one thing wrong."""
    sick = copy.copy(recipe)
    for name in ("train", "valid", "fresh"):
        setattr(sick, name, copy.copy(getattr(recipe, name)))  # pairs are shared, their lists are not
    fault(sick)
    return sick


def taken(data: InMemory, indices: Sequence[int]) -> InMemory:
    """The pairs of `data` at `indices`, in this order, without its transform."""
    part = copy.copy(data)
    part.transform = None
    part.images = [data.images[index] for index in indices]
    part.masks = [data.masks[index] for index in indices]
    return part


# -------------------------------------------------------------------------------------------- the training


@dataclass
class Patient:
    """What `practise` leaves: the recipe, the model, and a row an epoch, as `fit` has them."""

    recipe: Recipe
    model: nn.Module
    rows: list[dict[str, float]]

    def batch(self, data: InMemory, count: int = 8) -> tuple[Tensor, Tensor]:
        return collate([data[index] for index in range(min(count, len(data)))])

    def predict(self, indices: Sequence[int]) -> list[Tensor]:
        """Ids (H, W) for pairs of valid, one image at a time, by the recipe's own way of scoring."""
        images = [collate([self.recipe.valid[index]])[0] for index in indices]
        return [to_ids(scored(self.model, self.recipe, image))[0] for image in images]


def practise(recipe: Recipe, *, epochs: int = 8, seed: int = 0) -> Patient:
    """Train by `recipe` with AdamW and one cycle, and score on its valid after every epoch, with no check at all."""
    torch.manual_seed(seed)
    model = recipe.model().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.lr, fused=True)
    steps = len(recipe.train) // recipe.batch_size
    schedule = OneCycleLR(optimizer, recipe.lr, total_steps=max(2, epochs * steps))
    rows = []
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for chosen in torch.randperm(len(recipe.train))[: steps * recipe.batch_size].split(recipe.batch_size):
            images, masks = collate([recipe.train[index] for index in chosen])
            with autocast():
                logits = model(images.contiguous(memory_format=torch.channels_last))
            loss = recipe.loss(logits.float(), masks)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            total += loss.item()
        rows.append({"epoch": epoch + 1, "train_loss": total / steps} | score(model, recipe, recipe.valid))
    return Patient(recipe, model, rows)


def score(model: nn.Module, recipe: Recipe, data: InMemory) -> dict[str, float]:
    """Loss and mean IoU on `data`, by the recipe's own way of scoring."""
    confusion, total = ConfusionMatrix(data.num_classes), 0.0
    for chosen in torch.arange(len(data)).split(recipe.batch_size):
        images, masks = collate([data[index] for index in chosen])
        logits = scored(model, recipe, images)
        confusion.update(to_ids(logits), masks)
        total += recipe.loss(logits, masks).item() * len(masks)
    return {"valid_loss": total / len(data), "mean_iou": confusion.mean_iou}


def scored(model: nn.Module, recipe: Recipe, images: Tensor) -> Tensor:
    """Logits of `images`, in the recipe's mode."""
    model.train(not recipe.calls_eval)
    with torch.no_grad(), autocast():
        return model(recipe.before_scoring(images)).float()


def honest_iou(patient: Patient) -> float:
    """Mean IoU on `fresh`, of pairs that nobody has trained on, scored as it should be."""
    rules = copy.copy(patient.recipe)
    rules.before_scoring, rules.calls_eval = nn.Identity(), True
    was_training = patient.model.training
    value = score(patient.model, rules, patient.recipe.fresh)["mean_iou"]
    patient.model.train(was_training)
    return value


def autocast() -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16, enabled=fastest_precision("cpu") == "bf16")
