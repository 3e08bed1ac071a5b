"""What `fit` prints: lines above a bar of steps, in the first of several processes, and nothing where it is quiet."""

import sys

from tqdm import tqdm


class Progress:
    """A bar with the time left, once it is `start`ed."""

    def __init__(self, shown: bool) -> None:
        self.shown = shown
        self.bar: tqdm | None = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_) -> None:
        if self.bar is not None:
            self.bar.close()

    def say(self, line: str) -> None:
        if self.shown:
            tqdm.write(line, file=sys.stdout)

    def start(self, steps: int) -> None:
        self.bar = tqdm(
            total=steps,
            disable=not self.shown,
            file=sys.stdout,  # not stderr, which notebooks paint red
            ncols=80,
            mininterval=1,
            smoothing=0.05,  # the time left from the whole run, not from the last steps
            bar_format="{percentage:3.0f}% |{bar}| {n_fmt} of {total_fmt} steps, {remaining} left",
        )


def duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
