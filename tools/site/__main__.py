"""Build the site: write all pages' sources into build/site-source, and let Sphinx set them in build/site.

Run: make site (or, where Sphinx and docs/node_modules are: python -m tools.site)
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from tools.badges import repository
from tools.classroom.sheets import site_page
from tools.execution import ROOT
from tools.lesson_map import lessons
from tools.record import machine
from tools.site.accessible import repair
from tools.site.errors import write_errors
from tools.site.lessons import to_github, write_lessons
from tools.site.models import write_models
from tools.site.networks import write_networks
from tools.site.reference import write_reference

OUT = ROOT / "build" / "site"
SECTIONS = {  # the side bar: the pages of docs/ by themselves or in these folders
    "Lessons": ["lessons"],
    "Networks in the page": ["live/iris", "live/street", "live/threshold"],
    "For teachers": "teach",
    "Look up": ["reference/index", "models", "annotations", "errors/index"],
    "Take part": ["contributing"],
}


def made() -> str:
    """The commit, the versions and the machine that this site is built by and on."""
    runtime = json.loads((ROOT / "docs" / "package.json").read_text("utf-8"))["dependencies"][
        "onnxruntime-web"
    ]
    names = ("sphinx", "myst-nb", "furo", "torch")
    versions = ", ".join([*(f"{name} {version(name)}" for name in names), f"onnxruntime-web {runtime}"])
    python = ".".join(map(str, sys.version_info[:3]))
    return f"Built from {commit()} by python {python}, {versions}, on {machine()}."


def commit() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        changed = (
            " and changes that are not committed"
            if git("status", "--porcelain", "--untracked-files=no")
            else ""
        )
        return git("log", "-1", "--format=commit %h of %cs") + changed
    except (FileNotFoundError, subprocess.CalledProcessError):
        return "a copy without its history"


def write_sources(stage: Path) -> None:
    """All that Sphinx reads: the written pages of docs/, and those made from notebooks, code and results."""
    shutil.rmtree(stage, ignore_errors=True)
    shutil.copytree(ROOT / "docs" / "static", stage / "static")
    told = {"REPOSITORY": repository()} | street_scores()
    write_lessons(stage)
    write_errors(stage)
    write_models(stage)
    write_reference(stage)
    told |= write_networks(stage)
    folders = ["live", *(name for name in SECTIONS.values() if isinstance(name, str))]
    pages = [ROOT / "docs" / "index.md", ROOT / "docs" / "annotations.md"]
    pages += [path for folder in folders for path in sorted((ROOT / "docs" / folder).glob("*.md"))]
    for path in pages:
        target = stage / path.relative_to(ROOT / "docs")
        target.parent.mkdir(exist_ok=True)
        target.write_text(filled(path.read_text("utf-8"), told), "utf-8")
    shutil.copyfile(ROOT / "docs" / "street.png", stage / "street.png")
    contributing = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    (stage / "contributing.md").write_text(to_github(contributing, ""), "utf-8")
    annotations = stage / "annotations.md"
    annotations.write_text(to_github(annotations.read_text("utf-8"), "docs"), "utf-8")
    sheets = site_page(lessons(), "../notebooks/{name}.ipynb")
    (stage / "teach" / "run_sheets.md").write_text(sheets, "utf-8")
    with (stage / "index.md").open("a", encoding="utf-8") as index:
        index.write(sidebar(stage))


def filled(text: str, told: dict[str, str]) -> str:
    for name, value in told.items():
        text = text.replace(f"@{name}@", value)
    return text


def street_scores() -> dict[str, str]:
    path = ROOT / "benchmarks" / "results" / "street_network.json"
    test = json.loads(path.read_text("utf-8"))["results"]["test"]
    return {"STREET_IOU": f"{test['mean IoU']:.2f}", "STREET_BASELINE": f"{test['baseline']:.2f}"}


def sidebar(stage: Path) -> str:
    parts = []
    for caption, pages in SECTIONS.items():
        if isinstance(pages, str):
            pages = [f"{pages}/{path.stem}" for path in sorted((stage / pages).glob("*.md"))]
        if pages:
            parts.append(
                f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(pages) + "\n```\n"
            )
    return "".join(parts)


def build(out: Path) -> None:
    """Raises SystemExit where a source is missing or Sphinx finds a fault."""
    stage = out.with_name(f"{out.name}-source")
    try:
        write_sources(stage)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f"error: {error}") from None
    shutil.rmtree(out, ignore_errors=True)
    settings = os.environ | {
        "SITE_ROOT": str(ROOT),
        "SITE_SOURCE": str(stage),
        "SITE_MADE": json.dumps(made()),
        "PYTHONHASHSEED": "0",  # so that sets come in one order
    }
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "--builder",
        "html",
        "--conf-dir",
        str(ROOT / "docs"),
        "--quiet",
    ]
    command += ["--fail-on-warning", "--doctree-dir", str(stage / ".doctrees"), str(stage), str(out)]
    if subprocess.call(command, env=settings, cwd=ROOT):
        raise SystemExit("error: Sphinx found the faults above")
    (out / ".buildinfo").unlink()  # for building a part anew; it tells where the sources lay
    repair(out)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make site", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT, help="default: build/site")
    out, started = parser.parse_args().out.resolve(), time.monotonic()
    build(out)
    files = [path for path in out.rglob("*") if path.is_file()]
    pages = sum(path.suffix == ".html" for path in files)
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"{pages} pages, {size:.0f} MB, in {time.monotonic() - started:.0f} s: {os.path.relpath(out)}")
    print(
        f"to read it: python -m http.server --directory {os.path.relpath(out)} 8000, then http://localhost:8000"
    )


if __name__ == "__main__":
    main()
