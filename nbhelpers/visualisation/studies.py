"""What a study found: how each training went, and where it ended."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Protocol

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nbhelpers.visualisation.canvas import DPI, WIDTH, Picture, styled
from nbhelpers.visualisation.charts import RUNS
from nbhelpers.visualisation.comparison import draw_dots


class HasCurvesAndScores(Protocol):
    """A study: see `studies`."""

    def curves(self) -> Mapping[str, Sequence[Mapping[int, float]]]: ...

    def scores(self, measure: str = ...) -> Mapping[str, Sequence[float]]: ...


@styled
def show_study(study: HasCurvesAndScores) -> Picture:
    """Left: mean IoU on val over the steps, a line for each seed. Right: on test, a dot for each seed, a bar at the mean.

    There are 7 colours; the curves of an eighth way and of those after it are dashed, which its name says.
    Raises ValueError for a study without rows.
    """
    scores = study.scores()
    if not scores:
        raise ValueError("the study has no rows yet: train them by python -m studies run")
    height = max(2.8, 1.1 + 0.42 * len(scores))
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.1))
    curves, words = study.curves(), []
    dashed = len(RUNS)  # from this row on, where the colours come again
    labelled = {
        f"{name}{' (dashed)' * (row >= dashed)}": each for row, (name, each) in enumerate(scores.items())
    }
    means = draw_dots(right, labelled, mean, 3, size=8)
    for row, ((name, values), centre) in enumerate(zip(scores.items(), means, strict=True)):
        for curve in curves[name]:
            style = {"color": RUNS[row % len(RUNS)], "linestyle": "--" if row >= dashed else "-"}
            left.plot(curve.keys(), curve.values(), linewidth=1.2, alpha=0.7, **style)
        words.append(f"{name} {centre:.3f} ({min(values):.3f} to {max(values):.3f}, {len(values)} seeds)")
    left.set(xlabel="training step", ylabel="mean IoU on val", ylim=(0, None), xlim=(0, None))
    left.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    left.grid(axis="y")
    right.set_xlabel("mean IoU on test, one dot per seed")
    right.margins(x=0.12)
    return Picture(
        figure,
        f"Learning curves of every seed, and mean IoU on the test split with its range: {'; '.join(words)}.",
    )
