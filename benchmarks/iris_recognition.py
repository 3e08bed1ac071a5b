"""From pictures of toy eyes to iris codes: the error of the boundaries, equal error rates, seconds a step.

40 identities x 6 pictures of the test split, 320 x 240. The equal error rate stands twice: over pairs that could be
compared, and over all pairs, where a picture that gave no code counts as a person turned away. Distances are
normalised by the number of common bits; beside them stand the errors by raw Hamming distances. The settings of the
code were chosen on other eyes (split val, seeds 0 and 7). The speed is that of the MobileNetV2 U-Net with random
weights: its time does not depend on them, but its masks would be noise, so the steps after it are timed on the
masks of the stored network.
Run: python -m benchmarks.iris_recognition
"""

import argparse
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from nbhelpers.datasets import Eyes
from nbhelpers.datasets.toy.eye_scene import Ellipse
from nbhelpers.inference import predict
from nbhelpers.iris import (
    Boundaries,
    IrisCode,
    NoIris,
    all_distances,
    degrade,
    e1,
    encode,
    fit_boundaries,
    genuine_and_impostor,
    load_segmenter,
    roc,
    unwrap,
)
from nbhelpers.iris.boundaries import matrix_of
from nbhelpers.models.encoder_unet import Pix2PixUNet
from tools.record import record

SIZE, PICTURES = (240, 320), 6
STEPS = ("network", "boundaries", "rubber sheet", "code")


def or_none(call, *arguments):
    """What the call returns, or None where it finds no iris."""
    try:
        return call(*arguments)
    except NoIris:
        return None


def masks_of(model: nn.Module, images: Sequence[torch.Tensor]) -> list[np.ndarray]:
    return [ids.numpy() == 1 for ids in predict(model, images, ids=True, precision="auto")]


def distance_of(found: Ellipse, true: Ellipse) -> float:
    """Mean distance in pixels between two ellipses, point by point."""
    turn = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)])
    away = (matrix_of(found) - matrix_of(true)) @ circle + np.array([[found.x - true.x], [found.y - true.y]])
    return float(np.linalg.norm(away, axis=0).mean())


def boundary_errors(eyes: Eyes, boundaries: Sequence[Boundaries | None]) -> dict:
    """Errors of both edges against the drawn ellipses, in pixels and in shares of the iris' radius."""
    pixels, shares, refused = [], [], 0
    for index, found in enumerate(boundaries):
        true = eyes.parameters(index)
        if found is None:
            refused += 1
            continue
        errors = [distance_of(found.limbus, true.iris), distance_of(found.pupil, true.pupil)]
        pixels.append(errors)
        shares.append(np.array(errors) / np.sqrt(true.iris.a * true.iris.b))
    results = {"fitted": len(pixels), "refused": refused}
    for unit, errors in (("pixels", pixels), ("share_of_radius", shares)):
        for column, edge in enumerate(("limbus", "pupil")):
            median, most = np.percentile(np.array(errors)[:, column], (50, 95))
            results[f"{edge}_{unit}"] = {"median": round(float(median), 4), "p95": round(float(most), 4)}
    return results


def recognition(
    codes: Sequence[IrisCode | None], identities: Sequence[int], *, normalised: bool = True
) -> dict:
    genuine, impostor = genuine_and_impostor(all_distances(codes, normalised=normalised), identities)
    comparable = roc(genuine[~np.isnan(genuine)], impostor[~np.isnan(impostor)])
    few = np.searchsorted(comparable.false_accept, 1e-3, side="right") - 1
    return {
        "pictures_without_code": sum(code is None for code in codes),
        "genuine_pairs_not_comparable": round(float(np.isnan(genuine).mean()), 4),
        "equal_error_rate": round(comparable.equal_error_rate, 4),
        "equal_error_rate_all_pairs": round(roc(genuine, impostor).equal_error_rate, 4),
        "false_rejects_at_0.1_percent_false_accepts": round(float(comparable.false_reject[few]), 4),
        "median_distance_same_eye": round(float(np.nanmedian(genuine)), 4),
        "median_distance_different_eyes": round(float(np.nanmedian(impostor)), 4),
    }


def speed(images: Sequence[torch.Tensor], masks: Sequence[np.ndarray]) -> dict:
    """Seconds of each step, one picture after another."""
    model = Pix2PixUNet(num_classes=2).eval()
    masks_of(model, images[:2])  # the first call prepares what the others reuse
    seconds = dict.fromkeys(STEPS, 0.0)
    found = 0
    for image, mask in zip(images, masks):
        marks = [time.perf_counter()]
        masks_of(model, [image])
        marks.append(time.perf_counter())
        boundaries = or_none(fit_boundaries, mask)
        marks.append(time.perf_counter())
        if boundaries is not None:
            sheet = unwrap(image, mask, boundaries)
            marks.append(time.perf_counter())
            encode(*sheet)
            marks.append(time.perf_counter())
            found += 1
        for step, passed in zip(STEPS, np.diff(marks)):
            seconds[step] += float(passed)
    total = sum(seconds.values())
    return {
        "pictures": len(images),
        "with_a_code": found,
        "pictures_per_second": round(len(images) / total, 1),
        "milliseconds_a_picture": {
            step: round(1000 * passed / len(images), 2) for step, passed in seconds.items()
        },
        "share": {step: round(passed / total, 3) for step, passed in seconds.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--identities", type=int, default=40)
    count = parser.parse_args().identities * PICTURES
    eyes = Eyes("test", size=SIZE, length=count, pictures_per_identity=PICTURES)
    samples = [eyes[index] for index in range(count)]
    images, truth = [image for image, _ in samples], [mask.numpy() == 1 for _, mask in samples]
    predicted = masks_of(load_segmenter(), images)
    edges = [or_none(fit_boundaries, mask) for mask in truth]
    cases = {"true masks": truth, "stored network": predicted} | {
        f"degraded, step {step}": [
            np.zeros(SIZE, bool) if found is None else degrade(mask, found, step)
            for mask, found in zip(truth, edges)
        ]
        for step in (1, 2, 3)
    }
    fitted = {
        name: edges if masks is truth else [or_none(fit_boundaries, mask) for mask in masks]
        for name, masks in cases.items()
    }
    codes = {
        name: [
            None if found is None else encode(*unwrap(image, mask, found))
            for image, mask, found in zip(images, masks, fitted[name])
        ]
        for name, masks in cases.items()
    }
    identities = [index // PICTURES for index in range(count)]
    results = {
        "identities": count // PICTURES,
        "pictures_per_identity": PICTURES,
        "size": SIZE,
        "e1_of_stored_network": round(e1(predicted, truth), 5),
        "boundaries": {
            name: boundary_errors(eyes, fitted[name]) for name in ("true masks", "stored network")
        },
        "recognition": {name: recognition(of_case, identities) for name, of_case in codes.items()},
        "recognition_by_raw_hamming_distance": {
            name: recognition(codes[name], identities, normalised=False)
            for name in ("true masks", "stored network")
        },
        "speed_pix2pix_mobilenetv2": speed(images[:100], predicted[:100]),
        "threads": torch.get_num_threads(),
    }
    print(results, "->", record("iris_recognition", results))


if __name__ == "__main__":
    main()
