"""Is there anything in this picture? What the head of `nbhelpers.models.presence` says, beside the mask."""

import numpy as np

from nbhelpers.checks import evaluating
from nbhelpers.inference.predict import (
    Image,
    as_floats,
    check_depth,
    grey_channels,
    has_16_bits,
    reflected,
    up_to,
)
from nbhelpers.models.presence import WithPresence


def presence(model: WithPresence, image: Image, *, stride: int = 32) -> np.ndarray:
    """The probability that each class is in `image`, float32 (num_classes,); with one channel (1,), of class 1.

    image and stride: as in `predict`, which divides uint16 by 65535.
    Beside the probability of the pixels it makes what `by_presence` decides on:

        oof = [(predict(model, image)[1].numpy(), presence(model, image)[1]) for image in held]
        tune(dice, oof, truths, decide=by_presence, threshold=(0.4, 0.5), present=(0.0, 0.3, 0.5))
    """
    floats = as_floats(image, grey_channels(model))
    check_depth(filter(has_16_bits, [image]))
    sides = [up_to(side, stride) for side in floats.shape[-2:]]
    with evaluating(model) as device:
        return model.presence(reflected(floats, sides)[None].to(device))[0].cpu().numpy()
