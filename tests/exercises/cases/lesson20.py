"""Lesson 20: answers that are right, and wrong ones with what the hint must say."""

import torch
import torch.nn.functional as F

from nbhelpers.exercises import lesson20

CHECKS = {  # check: (right answers, {wrong answer: what the hint says})
    lesson20.check_cheapest: (
        [10, 2 + 2 + 6],
        {
            12: "gives the first query its cheapest",
            9: "cheapest query of each segment",
            7: "cheapest segment of each query",
            13: "costs more than another",
            15: "costs more than another",
            17: "costs more than another",
            21: "costs more than another",
            44: "sum of all nine",
            3: "number of pairs",
            6: "number of ways",
            11: "one number in each row and in each column",
        },
    ),
    lesson20.check_idle: (
        [8, 20 - 12],
        {
            9: "the background is a segment too",
            7: "count the background once",
            12: "those have a segment each",
            11: "those are the nuclei",
            20: "twelve of them have a segment",
            0: "one query answers for one segment",
            19: "a query of its own",
            18: "a query of its own",
            32: "segments take queries away",
            5: "each segment takes one query",
        },
    ),
}


def dice_costs(chances, truths):
    both = chances @ truths.T
    return 1 - (2 * both + 1) / (chances.sum(1)[:, None] + truths.sum(1) + 1)


def by_einsum(chances, truths):
    both = torch.einsum("qp,tp->qt", chances, truths)
    either = chances.sum(dim=1, keepdim=True) + truths.sum(dim=1)[None]
    return (either - 2 * both) / (either + 1)


def by_broadcasting(chances, truths):
    both = (chances[:, None] * truths[None]).sum(-1)
    return 1 - (2 * both + 1) / ((chances[:, None] + truths[None]).sum(-1) + 1)


def by_loops(chances, truths):
    rows = []
    for chance in chances:
        rows.append(
            [1 - (2 * (chance * true).sum() + 1) / (chance.sum() + true.sum() + 1) for true in truths]
        )
    return torch.tensor(rows)


def by_linear(chances, truths):
    sums = F.linear(chances, torch.ones_like(truths)) + truths.sum(1)
    return 1 - (1 + F.linear(chances, 2 * truths)) / (1 + sums)


def in_lists(chances, truths):
    return dice_costs(chances, truths).tolist()


def sharp(chances, truths):
    return dice_costs((chances > 0.5).float(), truths)


def plain(chances, truths, above, below, twice=2):
    return 1 - (twice * chances @ truths.T + above) / (chances.sum(1)[:, None] + truths.sum(1) + below)


SLIPS = [  # (wrong function, what the hint says)
    (lambda chances, truths: plain(chances, truths, 0, 0), "add 1 above and 1 below"),
    (lambda chances, truths: 1 - dice_costs(chances, truths), "that is Dice"),
    (lambda chances, truths: plain(chances, truths, 1, 1, twice=1), "counts twice"),
    (lambda chances, truths: dice_costs(chances, truths).T, "rows are queries"),
    (sharp, "a threshold has no slope"),
    (lambda chances, truths: plain(chances, truths, 0, 1), "the 1 above the line"),
    (lambda chances, truths: plain(chances, truths, 1, 0), "the 1 below the line"),
    (
        lambda chances, truths: -plain(chances, truths, 1, 1) * 0 + plain(chances, truths, 1, 1) - 1,
        "minus Dice",
    ),
    (lambda chances, truths: dice_costs(chances, truths).diagonal(), "every query with every segment"),
    (lambda chances, truths: dice_costs(chances, truths).mean(), "it gives the shape"),
    (lambda chances, truths: dice_costs(chances, truths) ** 2, "compare with 1 -"),
]

RIGHT = [(check, answer) for check, (right, _) in CHECKS.items() for answer in right]
RIGHT += [
    (lesson20.check_dice_costs, function)
    for function in (dice_costs, by_einsum, by_broadcasting, by_loops, by_linear, in_lists)
]
WRONG = [(check, slip, hint) for check, (_, wrong) in CHECKS.items() for slip, hint in wrong.items()]
WRONG += [(lesson20.check_dice_costs, function, hint) for function, hint in SLIPS]
