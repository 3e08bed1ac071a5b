"""Draw the README's picture: a toy street, its true classes, and those that a small U-Net found.

Run: python -m tools.cover
"""

import argparse

import torch
from torchvision.transforms import v2

from nbhelpers.datasets import Street, class_weights, in_memory
from nbhelpers.models.unet import UNet
from nbhelpers.training import fit
from nbhelpers.visualisation import show_predictions
from tools.execution import ROOT

SIZE, SCENE = (96, 128), 3


def main() -> None:
    argparse.ArgumentParser(prog="python -m tools.cover", description=__doc__).parse_args()
    train = in_memory(Street("train", SIZE), transform=v2.RandomHorizontalFlip())
    valid = in_memory(Street("val", SIZE))
    weights = class_weights(train).sqrt()
    torch.manual_seed(0)
    model = UNet(num_classes=train.num_classes, widths=(16, 32, 64, 128))
    fit(model, train, valid, epochs=10, lr=4e-3, batch_size=4, class_weights=weights)
    picture = show_predictions(model, valid, (SCENE,))
    picture.save(ROOT / "docs" / "street.png")
    print(picture.alt)


if __name__ == "__main__":
    main()
