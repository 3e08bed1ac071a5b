"""Is there anything in this picture? What the head of `nbhelpers.models.presence` says, beside the mask."""

import numpy as np
import torch

from nbhelpers.checks import evaluating
from nbhelpers.inference import TTA, Ensemble
from nbhelpers.inference.predict import (
    PLAIN,
    Image,
    as_floats,
    check_depth,
    grey_channels,
    has_16_bits,
    reflected,
    up_to,
)
from nbhelpers.models.presence import WithPresence


def presence(
    model: WithPresence | Ensemble, image: Image, *, tta: TTA = PLAIN, stride: int = 32
) -> np.ndarray:
    """The probability that each class is in `image`, float32 (num_classes,); with one channel (1,), of class 1.

    image, tta and stride: as in `predict`, which divides uint16 by 65535.
    Beside the probability of the pixels it makes what `by_presence` decides on:

        oof = [(predict(model, image)[1].numpy(), presence(model, image)[1]) for image in held]
        tune(dice, oof, truths, decide=by_presence, threshold=(0.4, 0.5), present=(0.0, 0.3, 0.5))

    Raises ValueError as `predict`, and for a model without the head.
    """
    if not hasattr(model, "presence"):
        raise ValueError(f"{type(model).__name__} has no head of presence; train it in a WithPresence")
    floats = as_floats(image, grey_channels(model))
    check_depth(filter(has_16_bits, [image]))
    sides = [up_to(side, stride) for side in floats.shape[-2:]]
    with evaluating(model) as device:
        images = reflected(floats, sides)[None].to(device)
        views = [model.presence(view.of(images, stride)) for view in tta.views]
    return torch.stack(views).mean(dim=0)[0].cpu().numpy()
