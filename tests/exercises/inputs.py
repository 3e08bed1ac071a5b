"""Inputs that no check has seen, one maker an exercise: what is the same on many of them is the same function."""

import math

import numpy as np
import torch

IGNORE = 255


def _file(draw):
    height, width = draw(2, 9), draw(2, 9)
    grey = torch.tensor([0, 255, 128], dtype=torch.uint8)[torch.randint(3, (height, width))]
    return grey, (draw(1, 2 * height), draw(1, 2 * width))


def _scored(draw, classes):
    shape = draw(1, 4), draw(2, 7), draw(2, 7)
    masks = torch.randint(classes, shape)
    masks[torch.rand(shape) < 0.2] = IGNORE
    return torch.randn(shape[0], classes, *shape[1:]), masks


def _pyramid(draw):
    sides = [(draw(1, 4), draw(1, 4))]
    for _ in range(draw(0, 3)):
        sides.append(tuple(2 * side - draw(0, 1) for side in sides[-1]))
    n, channels = draw(1, 3), draw(1, 3)
    return ([torch.randn(n, channels, *side) for side in sides],)


def _gates(draw):
    channels, hidden = 6, draw(1, 4)
    layers = torch.nn.Conv2d(channels, hidden, 1), torch.nn.Conv2d(hidden, channels, 1)
    return torch.randn(draw(1, 3), channels, draw(1, 6), draw(1, 6)), *layers


def _codes(draw):
    return tuple(
        np.random.random((4, draw(1, 4), draw(5, 9))) < np.array([0.5, 0.9, 0.5, 0.9])[:, None, None]
    )


def _images(draw):
    scenes = torch.randint(0, 3, (draw(2, 6), 3, 2, 2), dtype=torch.uint8)
    return tuple([scenes[draw(0, len(scenes) - 1)].clone() for _ in range(draw(1, 6))] for _ in range(2))


def _circles(draw):
    eyes = [tuple(50 * random for random in np.random.random(3).tolist()) for _ in range(2)]
    return *eyes, draw(0, 10) / 10, draw(0, 100) / 100 * 2 * math.pi


def _irises(draw):
    true, predicted = np.random.random((2, draw(1, 4), draw(2, 6), draw(2, 6))) < draw(2, 8) / 10
    true[:, 0, 0], true[:, -1, -1] = True, False  # no picture without iris, none without background
    return predicted, true


def _networks(draw):
    return tuple(np.random.randint(1, draw(2, 6), (2, draw(1, 7))) / 4)


def _masks(draw):
    shape = draw(1, 5), draw(1, 5)
    return tuple((np.random.random(shape) < draw(0, 4) / 4).astype(int) for _ in range(2))


def _told(draw):
    told = np.random.random(draw(1, 60))
    if draw(0, 1):
        told[0] = 1.0
    return told, (np.random.random(len(told)) < told).astype(int), draw(1, 12)


def _batches(draw):
    channels = draw(1, 4)
    sizes = [(draw(1, 3), channels, draw(1, 4), draw(1, 4)) for _ in range(draw(1, 4))]
    return ([torch.randn(size, dtype=torch.float64) + draw(0, 3) for size in sizes],)


def _weights(draw):
    def shape():
        return tuple(draw(1, 2) for _ in range(draw(1, 3)))

    names = "abcde"
    old, new = ({name: torch.zeros(shape()) for name in names if draw(0, 3)} for _ in range(2))
    return old, new or {"a": torch.zeros(1)}


# exercise: the arguments of its function, from `draw(low, high)`, which gives a whole number, both included
INPUTS = {
    "1.3": _file,
    "2.3": lambda draw: _scored(draw, draw(2, 5)),
    "3.3": lambda draw: (
        torch.randint(256, (draw(1, 3), 3, draw(1, 4), draw(1, 4)), dtype=torch.uint8),
        torch.rand(3).tolist(),
        torch.rand(3).add(0.1).tolist(),
    ),
    "4.3": lambda draw: (*_scored(draw, 3), draw(0, 2)),
    "5.3": lambda draw: (2 * draw(1, 8),),
    "6.3": lambda draw: (lambda h, w: (torch.randperm(4 * h * w).reshape(2 * h, 2 * w) - h * w / 2,))(
        draw(1, 5), draw(1, 5)
    ),
    "7.3": lambda draw: (draw(0, 6), draw(0, 6)),
    "8.3": _pyramid,
    "9.3": lambda draw: (torch.randn(draw(1, 3), draw(1, 3), draw(1, 12), draw(1, 12)), draw(1, 6)),
    "10.3": lambda draw: (lambda c, o, k: (torch.randn(4, c, k, 1), torch.randn(o, 4, 1, k)))(
        draw(1, 4), draw(1, 4), draw(1, 7)
    ),
    "11.3": lambda draw: (tuple(draw(1, 9) for _ in range(draw(1, 4))),),
    "12.3": _gates,
    "13.3": lambda draw: (draw(1, 500), draw(1, 20), draw(1, 50)),
    "14.3": lambda draw: (draw(1, 500), draw(1, 500), draw(1, 9)),
    "15.3": lambda draw: tuple(torch.randn(3, draw(1, 7), draw(1, 6), dtype=torch.float64)),
    "16.3": _images,
    "17.3": _irises,
    "18.3": _masks,
    "20.3": lambda draw: (
        lambda pixels: (torch.rand(draw(1, 5), pixels), (torch.rand(draw(1, 5), pixels) < 0.5).float())
    )(draw(1, 9)),
    "19.3": lambda draw: (lambda d, fewer: (torch.randn(draw(1, 7), d), *torch.randn(2, fewer, d)))(
        draw(1, 6), draw(1, 5)
    ),
    "21.3": lambda draw: tuple(np.random.normal(size=(draw(1, 6), 2)) * draw(1, 3) for _ in range(2)),
    "22.3": _told,
    "23.3": lambda draw: ((np.random.random((draw(1, 5), draw(1, 5))) < draw(0, 4) / 4).astype(int),),
    "24.3": _networks,
    "25.2": _circles,
    "25.3": _codes,
    "26.3": _batches,
    "27.3": _weights,
}
