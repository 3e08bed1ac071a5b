"""Masks and overlays for a folder of images.

MODEL is a file that nbhelpers.inference.export wrote (.onnx); loading it runs no code. Start the same line again
after an interruption: what is finished is not done again. Several processes share the images:

    torchrun --nproc_per_node 2 -m nbhelpers.inference MODEL IMAGES OUT
"""

import argparse
from pathlib import Path

import torch
from accelerate import PartialState

from nbhelpers.datasets.pairs import first_three
from nbhelpers.inference.folder import predict_folder
from nbhelpers.inference.tta import TTA


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m nbhelpers.inference",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="a .onnx file")
    parser.add_argument("images", type=Path, metavar="IMAGES", help="a folder of images")
    parser.add_argument("out", type=Path, metavar="OUT", help="gets masks/<name>.png and overlays/<name>.jpg")
    parser.add_argument("--tile", type=int, default=512, help="side of the windows in pixels (512)")
    parser.add_argument("--overlap", type=int, default=128, help="what neighbouring windows share (128)")
    parser.add_argument("--flips", default="", help="average over flips: h, v or hv")
    parser.add_argument("--turns", action="store_true", help="average over quarter turns")
    parser.add_argument("--scales", type=float, nargs="+", default=[1.0], help="average over scales")
    parser.add_argument(
        "--range",
        type=float,
        nargs=2,
        metavar=("BLACK", "WHITE"),
        help="numbers that are black and white in images of more than 8 bits, as in training",
    )
    options = parser.parse_args(argv)
    try:
        report = predict_folder(
            options.model,
            options.images,
            options.out,
            tile=options.tile,
            overlap=options.overlap,
            tta=TTA(options.flips, options.turns, tuple(options.scales)),
            value_range=options.range and tuple(options.range),
        )
    except (ValueError, OSError) as error:
        raise SystemExit(f"error: {error}") from None
    if PartialState().is_main_process:
        print(f"{len(report.done)} done, {len(report.before)} done before, {len(report.failed)} failed")
        for path, fault in report.failed.items():
            print(f"  {path}: {fault}")
        if report.left:
            print(f"left alone, as no image by its ending: {first_three(report.left)}")
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    if report.failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
