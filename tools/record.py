"""Results with what made them: the command, the machine and the versions."""

import json
import os
import platform
import shlex
import sys
from importlib.metadata import version
from pathlib import Path

import torch

RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results"


def machine() -> str:
    """The processor's name as far as the system tells, and the number of cores torch uses."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line
        ]
        name = lines[0] if lines else name
    return f"{name}, {torch.get_num_threads()} of {os.cpu_count()} threads"


def provenance(command: str) -> dict:
    """The command that made a result, the machine and the versions."""
    return {
        "command": command,
        "machine": machine(),
        "versions": {package: version(package) for package in ("torch", "torchvision", "accelerate")},
        "python": platform.python_version(),
    }


def record(name: str, results: dict, command: str | None = None) -> Path:
    """Write `results` to benchmarks/results/<name>.json, and return the path."""
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    command = command or shlex.join(["python", "-m", f"benchmarks.{Path(sys.argv[0]).stem}", *sys.argv[1:]])
    content = provenance(command) | {"results": results}
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path
