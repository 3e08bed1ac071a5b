"""Execute notebooks: a copy with its page by `make run`, the committed ones by `make notebooks`."""

import argparse
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from tools.execution import ESCAPES, REFERENCE, ROOT, execute, is_code
from tools.page import page

RESULTS = ROOT / "benchmarks" / "results" / "notebooks.json"
SWITCHES = ("DATA", "FULL", "SMOKE")  # of nbhelpers.notebook; committed pages are made without them


def find(name: str) -> Path:
    """The notebook of this name, with or without folder and ending. Raises ValueError that lists those there are."""
    path = ROOT / "notebooks" / f"{Path(name).stem}.ipynb"
    begin_so = list(path.parent.glob(f"{path.stem}_*.ipynb"))
    if len(begin_so) == 1:  # its number alone
        return begin_so[0]
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.ipynb"))) or "none yet"
        raise ValueError(f"there is no notebook {path.stem!r}; NB is one of: {known}")
    return path


def score(notebook: NotebookNode) -> str:
    """What the cells tagged `score` say, as text."""
    tagged = [cell for cell in notebook.cells if "score" in cell.metadata.get("tags", [])]
    outputs = [output for cell in tagged for output in cell.get("outputs", [])]
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return "\n".join(text.strip() for text in texts if text.strip())


def failure(notebook: NotebookNode) -> str:
    """The source of the cell that failed and the end of its traceback."""
    cell = next(
        cell
        for cell in notebook.cells
        if any(output.output_type == "error" for output in cell.get("outputs", []))
    )
    error = next(output for output in cell.outputs if output.output_type == "error")
    trace = ESCAPES.sub("", "\n".join(error.traceback)).splitlines()
    rule = "-" * 78
    return "\n".join([rule, cell.source, rule, *trace[-20:]])


def record(name: str, cost: dict[str, float]) -> None:
    """Keep what an execution in place cost, with the machine, the versions and the command."""
    from tools.record import machine  # imports torch, which nothing else here needs

    known = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    known[name] = cost | {
        "command": f"make notebooks NB={name}",
        "machine": machine(),
        "held_to": REFERENCE,
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in ("torch", "torchvision", "numpy", "matplotlib")},
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", "utf-8", newline="\n")


def run(path: Path, out: Path | None) -> None:
    """Execute one notebook: in place, as the reference reader, if `out` is None, else a copy in `out`, with its page."""
    notebook = nbformat.read(path, as_version=4)
    target = (out or path.parent) / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    print(f"{path.stem}: {sum(map(is_code, notebook.cells))} cells", flush=True)
    try:
        cost = execute(notebook, path.parent, env=None if out else REFERENCE | {"FULL": "0"})
    except CellExecutionError:
        print(failure(notebook), file=sys.stderr)
        if out:
            nbformat.write(notebook, target)
        raise SystemExit(
            f"{path.stem}: the cell above failed" + (f"; what ran before it is in {target}" if out else "")
        ) from None
    except DeadKernelError:
        raise SystemExit(
            f"{path.stem}: the kernel died; most often the memory was full: close other programs, "
            "or take a smaller batch_size"
        ) from None
    nbformat.write(notebook, target)
    if out:
        target = target.with_suffix(".html")
        target.write_text(page(notebook, path.parent, path.stem), "utf-8", newline="\n")
    else:
        record(path.stem, cost)
    print(
        f"\n{cost['seconds']:.0f} s, {cost['cpu_seconds']:.0f} CPU seconds, "
        f"at most {cost['peak_mb'] / 1000:.1f} GB of memory"
    )
    print(f"page:   {os.path.relpath(target)}")
    if found := score(notebook):
        print(f"score:  {found}")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.notebooks", description=__doc__)
    parser.add_argument("notebooks", nargs="*", help="names, such as 01_start_here; default: all")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", type=Path, help="leave the executed copy and its page in this folder")
    where.add_argument(
        "--in-place", action="store_true", help="replace the outputs of the committed notebook"
    )
    arguments = parser.parse_args(argv)
    switched = [name for name in SWITCHES if os.environ.get(name)]
    if arguments.in_place and switched:
        parser.error(f"committed pages are quick ones of the toy street: unset {', '.join(switched)}")
    names = arguments.notebooks or [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    try:
        paths = [find(name) for name in names]
    except ValueError as error:
        parser.error(str(error))
    try:
        for path in paths:
            run(path, arguments.out)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        raise SystemExit(130) from None  # what shells give for Ctrl-C


if __name__ == "__main__":
    main()
