"""How long each network takes for an answer, all of them timed in one sitting.

The rows of trainings come from many days and machines: seconds of theirs would compare these, and not the networks.
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from nbhelpers.inference.writing import written_whole
from studies import study
from studies.which.networks import NETWORKS, Network

NAME = "24_times.json"
COMMAND = "python -m studies.which time"
ROUNDS = 30


def in_turns(
    networks: Mapping[str, Network], size: tuple[int, int], rounds: int = ROUNDS
) -> dict[str, float]:
    """Milliseconds of the processor for one picture of `size` (height, width), on one thread: the least of `rounds`."""
    torch.manual_seed(0)
    images = torch.rand(1, 3, *size).to(memory_format=torch.channels_last)
    ready = {
        name: network.build().to(memory_format=torch.channels_last).eval()
        for name, network in networks.items()
    }
    found: dict[str, list[float]] = {name: [] for name in ready}
    with torch.inference_mode():
        for _ in range(1 + rounds):  # the first warms up
            for name, network in ready.items():
                started = time.process_time()
                network(images)
                found[name].append(time.process_time() - started)
    return {name: round(1000 * min(seconds[1:]), 3) for name, seconds in found.items()}


def measure(
    sizes: Sequence[tuple[int, int]], made_by: Mapping[str, Any], networks: Mapping[str, Network] = NETWORKS
) -> None:
    """Time all networks at all sizes, and store what was found, with what it was `made_by`."""
    results = {_key(size): in_turns(networks, size) for size in sizes}
    with written_whole(study.RESULTS / NAME) as temporary:
        temporary.write_text(json.dumps({**made_by, "results": results}, indent=1) + "\n", "utf-8")


def stored(size: tuple[int, int]) -> dict[str, float]:
    """Milliseconds by network for one picture of `size`; none where nothing is stored."""
    path = study.RESULTS / NAME
    return json.loads(path.read_text("utf-8"))["results"].get(_key(size), {}) if path.exists() else {}


def _key(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
