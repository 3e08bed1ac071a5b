"""Make everything for a class from the lessons, in build/classroom. Run: make classroom"""

import argparse
import os
import shutil
from pathlib import Path

import nbformat

from tools.classroom import editions
from tools.execution import ROOT
from tools.lesson_map import lessons

OUT = ROOT / "build" / "classroom"


def build(out: Path) -> None:
    """Raises ValueError where a lesson's exercises cannot be read, and where an answer is left in a student edition."""
    for folder in ("student", "solution"):
        shutil.rmtree(out / folder, ignore_errors=True)
        (out / folder).mkdir(parents=True)
    for name, notebook in lessons().items():
        path = out / "student" / f"{name}.ipynb"
        nbformat.write(editions.student(notebook), path)
        if found := editions.left(notebook, path.read_text("utf-8")):
            path.unlink()
            raise ValueError(f"{name}: the student edition still holds {found[0]!r}")
        shutil.copyfile(ROOT / "notebooks" / path.name, out / "solution" / path.name)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make classroom", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT, help="default: build/classroom")
    out = parser.parse_args().out.resolve()
    try:
        build(out)
    except ValueError as error:
        raise SystemExit(f"error: {error}") from None
    for folder in sorted(path for path in out.iterdir() if path.is_dir()):
        files = [path for path in folder.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files) / 1e6
        print(f"{len(files):4} files, {size:6.1f} MB: {os.path.relpath(folder)}")


if __name__ == "__main__":
    main()
