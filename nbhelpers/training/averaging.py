"""Weights averaged on their way: what a training ends with is the mean of where it has been.

Papers: Izmailov et al., 2018, https://arxiv.org/abs/1803.05407 (SWA, algorithm 1); Wortsman et al., 2022,
https://arxiv.org/abs/2203.05482 (soups); an exponential average is Polyak's, 1992. Arithmetic by torch.optim.swa_utils.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, get_swa_avg_fn

from nbhelpers.training.keeping import other_tensors, weights_of

KINDS = (None, "ema", "swa")
DECAY = 0.99  # of the exponential average per step: it looks back over about a hundred
HELD = 0.75  # of the epochs; from there on SWA holds the learning rate and averages the end of each


class Averaging:
    """The average of `model`'s weights over a training of so many epochs; for `kind` None it does nothing.

    "ema": exponential, over steps, batch norm's statistics included. "swa": plain, over the ends of the last quarter of
    the epochs, which have a constant rate; batch norm's statistics belong to no average of weights, so they are measured
    anew on the training images.
    """

    def __init__(self, kind: str | None, model: nn.Module, epochs: int) -> None:
        self.kind, self.model, self.epoch = kind, model, 0
        self.first = int(HELD * epochs)  # SWA's first epoch, from 0
        self.averaged = None
        if kind == "ema":
            self.averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(DECAY), use_buffers=True)
        elif kind == "swa":
            self.averaged = AveragedModel(model)

    @property
    def parts(self) -> dict[str, nn.Module]:
        """What a checkpoint must hold."""
        return {} if self.averaged is None else {"average": self.averaged}

    @property
    def begun(self) -> bool:
        """Whether there is an average in this epoch (`epoch`, which `fit` counts up); SWA then holds the rate."""
        return self.kind == "ema" or (self.kind == "swa" and self.epoch >= self.first)

    def after_step(self, scheduler: LRScheduler) -> None:
        if not (self.kind == "swa" and self.begun):
            scheduler.step()
        if self.kind == "ema":
            self.averaged.update_parameters(self.model)

    def after_epoch(self) -> None:
        if self.kind == "swa" and self.begun:
            self.averaged.update_parameters(self.model)

    @contextmanager
    def worn(self, measure_batch_norm: Callable[[], None]) -> Iterator[None]:
        """Within the block the model has the average, if there is one yet; then it goes on as it was."""
        if not self.begun:
            yield
            return
        own = weights_of(self.model)
        try:
            if self.kind == "ema":
                self.model.load_state_dict(self.averaged.module.state_dict())
            else:
                with torch.no_grad():
                    for ours, mean in zip(self.model.parameters(), self.averaged.module.parameters()):
                        ours.copy_(mean)
                measure_batch_norm()
            yield
        finally:
            self.model.load_state_dict(own)


def soup(models: Sequence[nn.Module]) -> nn.Module:
    """One network whose weights and statistics are the mean of `models`: a copy, in eval mode.

    It predicts at the price of one. That works where the models have begun with the same learnt weights, such as folds
    fine-tuned from one file; the mean of networks that began apart is no network. So score it before you trust it.
    Raises ValueError for no models and for models of different builds.
    """
    if not models:
        raise ValueError("no models to average; give one at least")
    first = models[0].state_dict()
    for index, model in enumerate(models[1:], start=1):
        if differing := other_tensors(first, model.state_dict()):
            raise ValueError(
                f"models 0 and {index} differ in {', '.join(differing[:3])}; a soup takes models of one build"
            )
    # one by one: all at once, as torch does on a GPU, fails at batch norm's counts, which are whole numbers
    averaged = AveragedModel(models[0], avg_fn=get_swa_avg_fn(), use_buffers=True)
    for model in models:
        averaged.update_parameters(model)
    return averaged.module.eval()
