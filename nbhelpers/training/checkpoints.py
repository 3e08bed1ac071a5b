"""A training's state on disk: written whole or not at all, read without running code."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nbhelpers.training.keeping import other_tensors

CONTENT = {"states": dict, "plan": dict, "rows": list, "best": dict}


def save_checkpoint(
    path: str | Path,
    parts: dict[str, Any],
    plan: dict[str, Any],
    rows: list[dict[str, float]],
    best: dict[str, Tensor],
) -> None:
    """Write the state of `parts` (model, optimizer, ...), the plan, the history and the best weights."""
    path = Path(path)
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

    Raises ValueError, before any part is touched, where the file is no checkpoint, or one of another plan or
    network: the rest would not continue it. A scaler that the file lacks begins anew: bf16 has none, fp16 has.
    """
    path = Path(path)
    with open(path, "rb") as file:
        try:
            saved = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # torch has many types for a bad file, and advice that is not safe
            raise ValueError(
                f"{path} ({path.stat().st_size:,} bytes) cannot be read as a checkpoint of fit: it was cut off on "
                "its way, or is another kind of file; delete or rename it to start anew, or pass resume= another path"
            ) from error
    if not isinstance(saved, dict) or any(
        not isinstance(saved.get(key), kind) for key, kind in CONTENT.items()
    ):
        raise ValueError(
            f"{path} is a file of torch, but no checkpoint of fit; pass resume= another path (and if it holds "
            "weights to begin with: model.load_state_dict(torch.load(path)))"
        )
    _compare_plans(path, saved["plan"], plan)
    _compare_networks(path, saved["states"]["model"], parts["model"].state_dict())
    for name, part in parts.items():
        if name in saved["states"] or name != "scaler":
            part.load_state_dict(saved["states"][name])
    return saved["rows"], saved["best"]


def check_place(path: str | Path) -> None:
    """Raise OSError or ValueError now, not after the first epoch, where no checkpoint can be written to `path`."""
    path = Path(path)
    if path.is_dir():
        raise ValueError(
            f"resume={str(path)!r} is a folder; give a file, such as {str(path / 'training.pt')!r}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"no checkpoint can be written to {path.parent}: pass resume= another folder")


def _compare_plans(path: Path, saved: dict[str, Any], plan: dict[str, Any]) -> None:
    if saved.keys() != plan.keys():
        raise ValueError(
            f"the checkpoint {path} was written by another version of nbhelpers: its plan tells of "
            f"{', '.join(saved) or 'nothing'}, not of {', '.join(plan)}; start a new file"
        )
    differing = [name for name in plan if saved[name] != plan[name]]
    if differing:
        was, now = ({name: values[name] for name in differing} for values in (saved, plan))
        raise ValueError(
            f"the checkpoint {path} was made with {was}, this call has {now}; a training is planned as a whole, "
            "so pass the same (stop_after ends early), or start a new file"
        )


def _compare_networks(path: Path, saved: dict[str, Any], model: dict[str, Any]) -> None:
    if differing := other_tensors(saved, model):
        raise ValueError(
            f"the checkpoint {path} is of another network, which differs in {', '.join(differing[:3])}"
            f"{', ...' if len(differing) > 3 else ''}: build the same model, or start a new file"
        )
