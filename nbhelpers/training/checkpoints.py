"""A training's state on disk: written whole or not at all, read without running code."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def save_checkpoint(
    path: str | Path,
    parts: dict[str, Any],
    plan: dict[str, Any],
    rows: list[dict[str, float]],
    best: dict[str, Tensor],
) -> None:
    """Write the state of `parts` (model, optimizer, ...), the plan, the history and the best weights."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    states = {name: part.state_dict() for name, part in parts.items()}
    try:
        with open(temporary, "wb") as file:
            torch.save({"states": states, "plan": plan, "rows": rows, "best": best}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # atomic: a killed process leaves the last whole checkpoint
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(
    path: str | Path, parts: dict[str, Any], plan: dict[str, Any]
) -> tuple[list[dict[str, float]], dict[str, Tensor]]:
    """Put `parts` back to the state saved at `path`; returns the history's rows and the best weights.

    Raises ValueError if the checkpoint belongs to another plan: the rest would not continue it.
    """
    saved = torch.load(path, map_location="cpu", weights_only=True)
    differing = [name for name in plan if saved["plan"][name] != plan[name]]
    if differing:
        was, now = ({name: values[name] for name in differing} for values in (saved["plan"], plan))
        raise ValueError(
            f"the checkpoint {path} was made with {was}, this call has {now}; the learning rate is planned over "
            "the whole training, so pass the same (stop_after ends early), or start a new file"
        )
    for name, part in parts.items():
        part.load_state_dict(saved["states"][name])
    return saved["rows"], saved["best"]
