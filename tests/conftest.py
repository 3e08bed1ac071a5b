"""What all tests share."""

import time

import hypothesis
import matplotlib
import torch

matplotlib.use("Agg")  # no windows; not by MPLBACKEND, which the kernels of notebooks would inherit
torch.set_num_threads(1)  # tiny networks run fastest so, above all beside other tests
hypothesis.settings.register_profile("nbhelpers", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("nbhelpers")

# seconds that a notebook's cell may take on the reference reader; the slowest takes a quarter
CELL_LIMIT = 300
REFERENCE_STEPS = 0.55  # seconds that the steps below take there, on one of its cores


def pytest_configure(config):
    """Give the notebooks' cells the time that this machine needs: a slow or busy one fails none of them."""
    if config.getoption("nbval_lax", False) and not hasattr(config, "workerinput"):  # workers are told
        config.option.nbval_cell_timeout = CELL_LIMIT * max(1, seconds_of_steps() / REFERENCE_STEPS)


def seconds_of_steps() -> float:
    """The wall time of a few training steps, as the lessons have thousands of."""
    layers = [torch.nn.Conv2d(*channels, 3, padding=1) for channels in ((3, 32), (32, 64), (64, 32))]
    network, images = torch.nn.Sequential(*layers), torch.rand(4, 3, 72, 96)
    network(images).mean().backward()  # the first pays for the set-up
    started = time.perf_counter()
    for _ in range(5):
        network(images).mean().backward()
    return time.perf_counter() - started
