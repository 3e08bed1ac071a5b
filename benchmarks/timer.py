"""One timer for both sides of a comparison, on one device.

On a GPU: seconds of the clock from an idle device to an idle device. On a processor: its own seconds, all threads
together, which other programs on the machine do not change.
"""

import time
from collections.abc import Callable

import torch

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def now(device: torch.device = DEVICE) -> float:
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def seconds(job: Callable[[], object], device: torch.device = DEVICE, times: int = 1) -> float:
    """Seconds of one `job`, the mean of `times` after a first that warms up."""
    job()
    started = now(device)
    for _ in range(times):
        job()
    return (now(device) - started) / times
