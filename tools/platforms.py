"""The real proof of the badges and of the lower bounds; not for CI, since it installs gigabytes: `make platforms`.

colab, kaggle: an environment of the packages of tools/platforms/*.txt, in which every notebook runs in smoke mode; its
setup cell fetches nbhelpers from a server on this machine as it would from GitHub. oldest: all of `make test` on
requirements.txt with every lower bound taken as the exact version. Outcomes go to benchmarks/results/platforms.json
and from there into the README. Environments stay in build/platforms, as long as their lists are the same.
"""

import argparse
import datetime
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from tools import readme
from tools.badges import repository
from tools.execution import ROOT, is_code
from tools.needs import PLATFORMS
from tools.notebooks import find

RESULTS = ROOT / "benchmarks" / "results" / "platforms.json"
BUILD = ROOT / "build" / "platforms"
START, END = "<!-- the platforms, written by tools/platforms.py -->", "<!-- end of the platforms -->"
TITLES = {"colab": "Colab", "kaggle": "Kaggle", "oldest": "the lowest versions of requirements.txt"}
SHOWN = ("torch", "torchvision", "timm", "numpy", "ipython", "fastai", "fastcore", "opencv-python-headless")


def python_for(version: str) -> Path:
    """The interpreter `python<version>` of the search path that runs, else this one, which is said."""
    for folder in os.environ["PATH"].split(os.pathsep):
        candidate = Path(folder, f"python{version}")
        if candidate.is_file() and subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
            return candidate
    print(f"python{version} is not on the search path: {sys.executable} stands in", flush=True)
    return Path(sys.executable)


def environment(name: str) -> Path:
    """The Python of a virtual environment that holds the packages of tools/platforms/<name>.txt."""
    steps = list(installs(PLATFORMS / f"{name}.txt"))
    folder, wanted = BUILD / name, json.dumps(steps)
    python, built = folder / "bin" / "python", folder / "installed.json"
    if not built.is_file() or built.read_text("utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        version = re.search(
            r"^# python (3\.\d+)$", (PLATFORMS / f"{name}.txt").read_text("utf-8"), re.MULTILINE
        )
        subprocess.run([python_for(version[1]), "-m", "venv", folder], check=True)
        for requirements in steps:
            subprocess.run(
                [python, "-m", "pip", "install", "--quiet", "--no-compile", *requirements], check=True
            )
        built.write_text(wanted, "utf-8")
    return python


def installs(file: Path) -> Iterator[list[str]]:
    """What pip installs in turn: the list that this one starts from (-r), then its own lines, as Kaggle does."""
    lines = [line.split("#")[0].strip() for line in file.read_text("utf-8").splitlines()]
    for line in lines:
        if line.startswith("-r "):
            yield from installs(file.parent / line[3:])
    yield [line for line in lines if line and not line.startswith("-r ")]


def fresh(python: Path, folder: Path) -> Path:
    """A Python that has the packages of `python`, and room of its own for what a setup cell installs."""
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = python.parents[1].glob("lib/python*/site-packages")
    (own,) = folder.glob("lib/python*/site-packages")
    (own / "platform.pth").write_text(f"{packages}\n", "utf-8")
    return folder / "bin" / "python"


def archive() -> bytes:
    """The working tree as GitHub packs it: a zip with one folder."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in names:
            if (ROOT / name).is_file():
                packed.write(ROOT / name, f"{repository().split('/')[1]}-HEAD/{name}")
    return buffer.getvalue()


@contextmanager
def github() -> Iterator[str]:
    """A server on this machine that gives the archive where GitHub has it; yields what stands for https://github.com."""
    content, path = archive(), f"/{repository()}/archive/HEAD.zip"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == path else 404)
            self.send_header("Content-Type", "application/zip")
            self.end_headers()
            self.wfile.write(content if self.path == path else b"")

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def outcome(notebook: NotebookNode, python: Path, folder: Path) -> str:
    """Run every cell in smoke mode, in `folder`: "passed", or which cell failed and how."""
    for cell in filter(is_code, notebook.cells):
        cell.execution_count = None  # of the committed page
    spec = folder / "kernels" / "platform"
    spec.mkdir(parents=True)
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(
        json.dumps({"argv": command, "display_name": "platform", "language": "python"}), "utf-8"
    )
    manager = AsyncKernelManager(
        kernel_name="platform", kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(spec.parent)])
    )
    ours = ("PYTHONPATH", "DATA", "FULL", "KAGGLE_INPUT", "VIRTUAL_ENV")
    settings = {name: value for name, value in os.environ.items() if name not in ours} | {"SMOKE": "1"}
    client = NotebookClient(
        notebook, km=manager, timeout=None, resources={"metadata": {"path": str(folder)}},
        shutdown_kernel="immediate", extra_arguments=["--log-level=ERROR"],
    )  # fmt: skip
    try:
        client.execute(env=settings)
    except (CellExecutionError, DeadKernelError) as error:
        ran = sum(bool(cell.get("execution_count")) for cell in notebook.cells if is_code(cell))
        return f"code cell {ran}: {getattr(error, 'ename', 'DeadKernelError')}: {getattr(error, 'evalue', error)}"[
            :400
        ]
    finally:
        run_sync(manager.shutdown_kernel)(now=True)  # the client leaves alone what it has not started itself
    return "passed"


def try_notebooks(name: str, names: list[str]) -> dict[str, str]:
    """The outcome of each notebook on the platform `name`."""
    base, outcomes = environment(name), {}
    with github() as server:
        for stem in names:
            notebook = nbformat.read(find(stem), as_version=4)
            for cell in notebook.cells:
                cell.source = (
                    cell.source.replace("https://github.com", server) if is_code(cell) else cell.source
                )
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary, "content")
                folder.mkdir()
                python = fresh(base, Path(temporary, "python"))
                outcomes[stem] = outcome(notebook, python, folder)
                if outcomes[stem] == "passed" and not list(python.parents[1].rglob("nbhelpers/notebook.py")):
                    outcomes[stem] = "nbhelpers was there already: nothing is proven"
            print(f"{name} {stem}: {outcomes[stem]}", flush=True)
    return outcomes


def versions(python: Path) -> dict[str, str]:
    code = "import json, sys; from importlib.metadata import distributions as d; print(json.dumps({x.name.lower(): x.version for x in d()} | {'python': '%d.%d.%d' % sys.version_info[:3]}))"
    found = json.loads(
        subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout
    )
    return {package: found[package] for package in ("python", *SHOWN) if package in found}


def try_oldest() -> dict[str, object]:
    """`make test` on the lower bounds of requirements.txt, on the lowest Python."""
    BUILD.mkdir(parents=True, exist_ok=True)
    bounds = BUILD / "oldest.txt"
    exact = (ROOT / "requirements.txt").read_text("utf-8").replace(">=", "==")
    if not bounds.is_file() or bounds.read_text("utf-8") != exact:
        bounds.write_text(exact, "utf-8")
    settings = [f"VENV={BUILD / 'oldest'}", f"CONSTRAINTS={bounds}", f"PYTHON={python_for('3.10')}"]
    lines = []
    with subprocess.Popen(
        ["make", "--no-print-directory", "test", *settings], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.strip())
    found = [line for line in lines if re.search(r"\d+ (passed|failed|error)", line)]
    return {
        "tests": re.sub(r" in [\d.]+s.*", "", found[-1]) if found else "did not start",
        "failed": [
            line.removeprefix("FAILED ").split(" - ")[0] for line in lines if line.startswith("FAILED ")
        ],
        "versions": versions(BUILD / "oldest" / "bin" / "python"),
    }


def summary(results: dict[str, dict]) -> str:
    """The README's lines: what was tried, where, when, and how it ended."""
    lines = ["| tried on | with | when | outcome |", "|---|---|---|---|"]
    for name, result in results.items():
        with_ = ", ".join(
            f"{k} {v}" for k, v in result["versions"].items() if k in ("python", "torch", "timm")
        )
        if "tests" in result:
            said = f"`make test`: {result['tests']}"
        else:
            bad = [stem for stem, how in result["notebooks"].items() if how != "passed"]
            said = f"{len(result['notebooks']) - len(bad)} of {len(result['notebooks'])} notebooks run in smoke mode"
            said += f"; not {', '.join(bad)}" if bad else ""
        lines.append(f"| {TITLES[name]} | {with_} | {result['date']} | {said} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="make platforms", usage="make platforms [ON=...] [NB=...]")
    parser.add_argument(
        "platforms", nargs="*", default=list(TITLES), help=f"of {', '.join(TITLES)}; default: all"
    )
    parser.add_argument("--notebooks", nargs="*", default=[], help="names; default: all")
    options = parser.parse_args(argv)
    if unknown := set(options.platforms) - set(TITLES):
        parser.error(f"unknown {', '.join(unknown)}; there are {', '.join(TITLES)}")
    stems = options.notebooks or [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    bad = []
    for name in options.platforms:
        if name == "oldest":
            result = try_oldest()
        else:
            result = {"notebooks": try_notebooks(name, stems), "versions": versions(environment(name))}
        keep(name, {"date": datetime.date.today().isoformat()} | result)
        bad += [name] if failed(result) else []
    if bad:
        raise SystemExit(f"not everything passed on {', '.join(bad)}: see {RESULTS.relative_to(ROOT)}")


def keep(name: str, result: dict) -> None:
    """Put the result of one platform, for that before, into the file and into the README.

    Notebooks that were not run this time keep their outcome, as long as they exist and the versions are the same.
    """
    known = json.loads(RESULTS.read_text("utf-8"))
    before = known.get(name, {})
    if "notebooks" in result and before.get("versions") == result["versions"]:
        stems = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} | result["notebooks"].keys()
        outcomes = before["notebooks"] | result["notebooks"]
        result["notebooks"] = {stem: outcomes[stem] for stem in sorted(stems & outcomes.keys())}
    known[name] = result
    results = {one: known[one] for one in TITLES if one in known}
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", "utf-8", newline="\n")
    readme.write(ROOT, START, END, summary(results))


def failed(result: dict) -> bool:
    return bool(result.get("failed")) or any(how != "passed" for how in result.get("notebooks", {}).values())


if __name__ == "__main__":
    main()
