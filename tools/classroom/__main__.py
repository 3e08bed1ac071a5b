"""Make everything for a class from the lessons, in build/classroom. Run: make classroom"""

import argparse
import os
import shutil
from pathlib import Path

import nbformat

from tools.classroom import assignments, editions, moodle, sheets, slides
from tools.execution import ROOT
from tools.lesson_map import lessons

OUT = ROOT / "build" / "classroom"
FOLDERS = ("student", "solution", "moodle", "nbgrader", "otter", "slides")
REVEAL = ROOT / "docs" / "node_modules" / "reveal.js"


def build(out: Path) -> None:
    """Raises ValueError where a lesson cannot be read or an answer is left in a student edition, FileNotFoundError
    where reveal.js is missing.
    """
    if not REVEAL.is_dir():
        raise FileNotFoundError(f"{REVEAL} is missing: `make classroom` fetches it by npm")
    for folder in FOLDERS:
        shutil.rmtree(out / folder, ignore_errors=True)
        (out / folder).mkdir(parents=True)
    slides.write_reveal(REVEAL, out / "slides" / "reveal.js")
    (out / "run_sheets.md").write_text(sheets.github_page(lessons()), "utf-8", newline="\n")
    for name, notebook in lessons().items():
        path = out / "student" / f"{name}.ipynb"
        nbformat.write(editions.student(notebook), path)
        if found := editions.left(notebook, path.read_text("utf-8")):
            path.unlink()
            raise ValueError(f"{name}: the student edition still holds {found[0]!r}")
        shutil.copyfile(ROOT / "notebooks" / path.name, out / "solution" / path.name)
        page = slides.page(notebook, name, "reveal.js")
        (out / "slides" / f"{name}.html").write_text(page, "utf-8", newline="\n")
        moodle.write(out / "moodle" / f"{name}.xml", notebook, name)
        course = out / "nbgrader" / "source" / name  # where nbgrader looks for an assignment
        course.mkdir(parents=True)
        nbformat.write(assignments.nbgrader(notebook, name), course / f"{name}.ipynb")
        nbformat.write(assignments.otter(notebook, name), out / "otter" / f"{name}.ipynb")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make classroom", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT, help="default: build/classroom")
    out = parser.parse_args().out.resolve()
    try:
        build(out)
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(f"error: {error}") from None
    for folder in sorted(path for path in out.iterdir() if path.is_dir()):
        files = [path for path in folder.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files) / 1e6
        print(f"{len(files):4} files, {size:6.1f} MB: {os.path.relpath(folder)}")


if __name__ == "__main__":
    main()
