"""What a fault is, and how it is told."""

from torch import Tensor

Fault = tuple[str, str]  # what it is and must be, and the cure


def refuse(fault: Fault | None, where: str = "") -> None:
    """Raise ValueError with the sentence and the cure, where there is a fault."""
    if fault is not None:
        raise ValueError(f"{where}: {'; '.join(fault)}" if where else "; ".join(fault))


def dtype_of(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
