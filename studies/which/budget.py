"""What a budget of the processor's seconds buys on photographs; rows are made by benchmarks/camvid_speed.py."""

import json
from statistics import mean

from studies.study import RESULTS, Page

PATH = RESULTS / "24_budget.json"
TODAY = "AdamW, 30 epochs"  # what the others are measured by


def rows() -> dict[str, dict]:
    return json.loads(PATH.read_text("utf-8")) if PATH.exists() else {}


def by_recipe(stored: dict[str, dict]) -> dict[str, list[dict]]:
    """The rows of each recipe, one a seed. Trials of a shortened training are left out."""
    found: dict[str, list[dict]] = {}
    for row in stored.values():
        if row["scale"] == 1:
            found.setdefault(row["name"], []).append(row)
    return dict(sorted(found.items(), key=lambda item: item[1][0]["macs"]))


def curves(stored: dict[str, dict]) -> dict[str, dict[float, float]]:
    """{recipe: {10^12 MACs so far: mean IoU}}, of the first seed."""
    return {
        name: {round(macs / 1e12, 2): iou for _, iou, macs in row["curve"]}
        for name, (row, *_) in by_recipe(stored).items()
    }


def table(stored: dict[str, dict]) -> Page:
    """A line for each recipe: operations, their share of `TODAY`'s, CPU seconds, memory, mean IoU over seeds.

    The share is of operations, since rows of different days were made on machines of different speed.
    """
    recipes = by_recipe(stored)
    lines = [
        "| recipe | seeds | 10¹² MACs | share | CPU s | MB | mean IoU on val |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, found in recipes.items():
        seconds, score = (mean(row[key] for row in found) for key in ("cpu_seconds", "mean_iou"))
        macs = found[0]["macs"]  # which the recipe alone decides
        share = f"{macs / recipes[TODAY][0]['macs']:.2f}" if TODAY in recipes else ""
        peak = max(row["peak_mb"] for row in found)
        lines.append(
            f"| {name} | {len(found)} | {macs / 1e12:.1f} | {share} | {seconds:,.0f} | {peak:,} | {score:.3f} |"
        )
    protocols = sorted({row["protocol"] for found in recipes.values() for row in found})
    return Page("\n".join([*lines, "", "; ".join(protocols)]))
