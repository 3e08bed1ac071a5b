"""21 Which score: how often does the ranking of trained networks change with the score?

All networks that the lessons' studies keep (their first seeds) predict the same 200 scenes of toy street's test split.
Each score ranks them; the scenes are drawn anew 2,000 times, with replacement, for the noise.

    python -m studies.rankings         from the checkpoints that are there (`python -m studies run` makes them)
    python -m studies.rankings 21      from those of some lessons alone

The page reads what it found: `table(stored())`, `sentence(stored())`.
"""

import json
import math
import sys
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import scipy
import torch

from nbhelpers.datasets import IGNORE, InMemory
from nbhelpers.inference import written_whole
from nbhelpers.metrics import Surfaces, boundary_iou
from studies.measures import predictions
from studies.protocol import Protocol
from studies.study import HERE, RESULTS, load

DRAWS, SURE = 2000, 0.975  # of all draws: as a two-sided interval of 95 %
TOLERANCE = WIDTH = 1  # pixels, in scenes of 48 x 64
COMMON = "mean IoU"


def networks(lessons: Sequence[str]) -> Iterator[tuple[str, torch.nn.Module]]:
    """(lesson and way, network) of every checkpoint that is stored and was trained on scenes of the usual size."""
    for lesson in lessons or sorted(file.stem.removeprefix("lesson") for file in HERE.glob("lesson*.py")):
        study = load(lesson)
        for name, way in study.ways.items():
            if study.checkpoint(name).exists() and way.protocol(study.protocol).size == Protocol().size:
                yield f"{study.lesson} {name}", study.network(name)


def per_image(found: np.ndarray, masks: np.ndarray, classes: int) -> dict[str, np.ndarray]:
    """What all scores are made of: (images, classes) each; nan where neither mask holds the class."""
    parts = {name: np.zeros((len(masks), classes)) for name in ("hits", "truth", "predicted")}
    outlines = {name: np.full((len(masks), classes), math.nan) for name in ("surface", "boundary", "hd95")}
    for image, (ids, mask) in enumerate(zip(found, masks)):
        void, diagonal = mask == IGNORE, math.hypot(*mask.shape)
        for label in range(classes):
            there, true = (ids == label) & ~void, mask == label
            parts["hits"][image, label] = np.count_nonzero(there & true)
            parts["truth"][image, label] = np.count_nonzero(true)
            parts["predicted"][image, label] = np.count_nonzero(there)
            if there.any() or true.any():
                surfaces = Surfaces(there, true, void=void)
                outlines["surface"][image, label] = surfaces.dice(TOLERANCE)
                # not found at all: the diagonal
                outlines["hd95"][image, label] = min(surfaces.hd95, diagonal)
                outlines["boundary"][image, label] = boundary_iou(there, true, width=WIDTH, void=void)
    return parts | outlines


@np.errstate(invalid="ignore")  # 0 / 0 where a class is in no image
def scores(parts: dict[str, np.ndarray], draws: np.ndarray) -> dict[str, np.ndarray]:
    """Each score, the higher the better, for every draw: `draws` (draws, images) says how often each image counts."""
    hits, truth, predicted = (draws @ parts[name] for name in ("hits", "truth", "predicted"))
    iou = parts["hits"] / (parts["truth"] + parts["predicted"] - parts["hits"])
    pooled = hits / (truth + predicted - hits)
    dice = 2 * hits / (truth + predicted)

    def over(values: np.ndarray, axis: int) -> np.ndarray:
        """Means of (images, classes) with nan: 0 over images, 1 over each image's classes first, None over pairs."""
        there, filled = ~np.isnan(values), np.nan_to_num(values)
        if axis == 1:
            return (draws @ (filled.sum(1) / there.sum(1))) / draws.sum(1)
        if axis is None:
            return (draws @ filled.sum(1)) / (draws @ there.sum(1))
        return np.nanmean((draws @ filled) / (draws @ there), axis=1)

    return {
        COMMON: np.nanmean(pooled, axis=1),
        "mean Dice": np.nanmean(dice, axis=1),
        "pixel accuracy": hits.sum(1) / truth.sum(1),
        "IoU, mean over images": over(iou, 1),
        "IoU, mean over classes": over(iou, 0),
        "IoU, mean over pairs": over(iou, None),
        "Boundary IoU, 1 px": over(parts["boundary"], None),
        "surface Dice, 1 px": over(parts["surface"], None),
        "HD95": -over(parts["hd95"], None),
    }


def compared(table: dict[str, dict[str, np.ndarray]]) -> dict:
    """How the scores rank the networks of {network: {score: value of all images, then of each draw}}.

    Two networks of one value are in no order: neither is ahead.
    """
    names, kinds = list(table), list(table[next(iter(table))])
    # (networks, 1 + draws)
    values = {kind: np.stack([table[name][kind] for name in names]) for kind in kinds}
    pairs = list(combinations(range(len(names)), 2))
    # (pairs, 1 + draws): 1 where the first of a pair is ahead, -1 where the second is
    ahead = {kind: np.stack([np.sign(values[kind][a] - values[kind][b]) for a, b in pairs]) for kind in kinds}
    first = {kind: order[:, 0] for kind, order in ahead.items()}
    drawn = {kind: order[:, 1:] for kind, order in ahead.items()}
    sure = {
        kind: np.sum([side * ((order == side).mean(axis=1) >= SURE) for side in (1, -1)], axis=0)
        for kind, order in drawn.items()
    }
    # the same score, other scenes
    noise = {kind: float((first[kind][:, None] * drawn[kind] == -1).mean()) for kind in kinds}
    return {
        "scores": {name: {kind: round(float(values[kind][i, 0]), 4) for kind in kinds} for i, name in enumerate(names)},
        "pairs": len(pairs),
        "best": {kind: names[int(values[kind][:, 0].argmax())] for kind in kinds},
        "against": {
            one: {
                other: {
                    "ordered_otherwise": int((first[one] * first[other] == -1).sum()),
                    "otherwise_beyond_noise": int((sure[one] * sure[other] == -1).sum()),
                    "kendall_tau": round(float(scipy.stats.kendalltau(values[one][:, 0], values[other][:, 0]).statistic), 3),
                }
                for other in kinds
                if other != one
            }
            for one in kinds
        },
        "ordered_otherwise_by_other_scenes": {kind: round(value, 4) for kind, value in noise.items()},
        "beyond_noise": {kind: int((sure[kind] != 0).sum()) for kind in kinds},
    }  # fmt: skip


def stored() -> dict:
    """What was found. Raises FileNotFoundError that says the command, where nothing is stored."""
    path = RESULTS / "rankings.json"
    if not path.exists():
        raise FileNotFoundError(f"{path.name} is not stored; make it: python -m studies.rankings")
    return json.loads(path.read_text("utf-8"))["results"]


def table(found: dict) -> str:
    """Markdown: how each score orders the pairs of networks, beside the mean IoU and beside itself on other scenes."""
    rows = [
        f"| score | pairs ordered otherwise than by {COMMON} | beyond the noise | by the same score, on other scenes | best |",
        "|---|--:|--:|--:|---|",
    ]
    for kind, noise in found["ordered_otherwise_by_other_scenes"].items():
        beside = found["against"][COMMON].get(kind)
        shares = (
            ["-", "-"]
            if beside is None
            else [
                f"{beside['ordered_otherwise'] / found['pairs']:.0%}",
                str(beside["otherwise_beyond_noise"]),
            ]
        )
        rows.append(f"| {kind} | {' | '.join(shares)} | {noise:.0%} | {found['best'][kind]} |")
    return "\n".join(rows)


def sentence(found: dict) -> str:
    """The answer in words: how often any two scores disagree, and how often beyond the noise."""
    disagreements = [
        row for one, others in found["against"].items() for other, row in others.items() if one < other
    ]
    all_of_them = len(disagreements) * found["pairs"]
    otherwise = sum(row["ordered_otherwise"] for row in disagreements) / all_of_them
    sure = sum(row["otherwise_beyond_noise"] for row in disagreements)
    noise = np.mean(list(found["ordered_otherwise_by_other_scenes"].values()))
    winners = len(set(found["best"].values()))
    return (
        f"Take two of the {found['networks']} networks and two of the {len(found['best'])} scores: in **{otherwise:.0%}** "
        f"of all cases the scores disagree about which network is better. For comparison: the *same* score, on other scenes "
        f"drawn from the same {found['images']}, disagrees with itself in {noise:.0%}. Beyond the noise, each score "
        f"sure of its winner and the winners different, are **{sure} of {all_of_them:,}** cases ({sure / all_of_them:.1%}). "
        f"Which network is best: the scores name {winners} of them."
    )


def main(lessons: Sequence[str]) -> None:
    from tools.record import provenance  # not in the wheel, as the pages need nothing of it

    test: InMemory = Protocol().data("test")
    masks = np.stack([np.asarray(mask) for mask in test.masks])
    draws = np.random.default_rng(0).multinomial(len(masks), np.full(len(masks), 1 / len(masks)), DRAWS)
    draws = np.concatenate([np.ones((1, len(masks)), int), draws]).astype(float)
    values = {}
    for name, network in networks(lessons):
        values[name] = scores(per_image(predictions(network, test), masks, test.num_classes), draws)
        print(f"{name:40} " + "  ".join(f"{value[0]:.3f}" for value in values[name].values()), flush=True)
    if len(values) < 2:
        raise SystemExit(f"{len(values)} networks are stored, but a ranking needs two: python -m studies run")
    results = {"images": len(masks), "draws": DRAWS, "networks": len(values)} | compared(values)
    content = provenance(" ".join(["python -m studies.rankings", *lessons])) | {"results": results}
    with written_whole(RESULTS / "rankings.json") as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(sentence(results), table(results), sep="\n\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1:])
