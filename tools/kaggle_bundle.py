"""Everything that 18_kaggle_starter needs on Kaggle with the internet off, in one folder; `make kaggle` calls it.

The folder is both a dataset and a notebook of Kaggle's: upload it by `kaggle datasets create --path build/kaggle`,
then `kaggle kernels push --path build/kaggle`. It is flat, because the upload leaves out folders inside.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from nbhelpers.kaggle.bundle import NOT_UPLOADED, folder_written_whole
from tools.execution import ROOT

NOTEBOOK = "18_kaggle_starter"
COMPETITION = "data-science-bowl-2018"
DATASET, KERNEL = "nbhelpers-bundle", "nbhelpers-starter"
# What a notebook of ours may import and Kaggle's image lacks (github.com/Kaggle/docker-python, kaggle_requirements.txt,
# and the Colab image below it). The starter itself needs none of them; SMP is what a fork takes first.
WHEELS = ("segmentation-models-pytorch",)
# The machine they are for, which need not be like this one: github.com/Kaggle/docker-python, pull request 1496
KAGGLE = ("--python-version=3.12", "--platform=manylinux2014_x86_64", "--platform=manylinux_2_28_x86_64")


def bundle(out: Path, *, owner: str, weights: list[Path], wheels: list[str]) -> None:
    """Fill the folder `out`; an earlier bundle in it is replaced.

    owner: the Kaggle account that uploads. weights: files to take along. wheels: packages to fetch for Kaggle's
    Python and Linux, without what they depend on. Raises ValueError for weights that are no .safetensors or of one name
    and for a folder that holds anything but a bundle, FileNotFoundError, and RuntimeError where a wheel cannot be
    fetched; `out` is then as it was.
    """
    if len({path.name for path in weights}) < len(weights):
        raise ValueError(f"weights {', '.join(map(str, weights))}: two have one name; rename one of them")
    for path in weights:
        if path.suffix != ".safetensors":
            raise ValueError(
                f"{path} must end in .safetensors: other formats may run code when they are loaded"
            )
        if not path.is_file():
            raise FileNotFoundError(f"there is no file of weights at {path.resolve()}")
    with folder_written_whole(out) as building:
        build_wheel(building)
        fetch_wheels(building, wheels)
        for path in weights:
            shutil.copy2(path, building / path.name)
        nbformat.write(
            without_outputs(ROOT / "notebooks" / f"{NOTEBOOK}.ipynb"), building / f"{NOTEBOOK}.ipynb"
        )
        for name, content in zip(NOT_UPLOADED, (dataset_metadata(owner), kernel_metadata(owner))):
            (building / name).write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def build_wheel(folder: Path) -> None:
    """Our own wheel, by the backend that pyproject.toml names."""
    code = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(folder.resolve())], cwd=ROOT, check=True)


def fetch_wheels(folder: Path, names: list[str]) -> None:
    if not names:
        return
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", *KAGGLE]
    done = subprocess.run([*pip, "--dest", str(folder), *names], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"the wheels {', '.join(names)} cannot be fetched: this step needs the internet, or WHEELS= for none\n"
            f"{done.stderr.strip()}"
        )


def without_outputs(path: Path) -> nbformat.NotebookNode:
    """The notebook without outputs."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata.pop("nbhelpers", None)
    return notebook


def dataset_metadata(owner: str) -> dict:
    return {"id": f"{owner}/{DATASET}", "title": DATASET, "licenses": [{"name": "other"}]}


def kernel_metadata(owner: str) -> dict:
    """Kaggle's own format: truth values as text, the title spells the id."""
    return {
        "id": f"{owner}/{KERNEL}",
        "title": KERNEL.replace("-", " "),
        "code_file": f"{NOTEBOOK}.ipynb",
        "language": "python",
        "kernel_type": "notebook",
        "is_private": "true",
        "enable_gpu": "true",
        "enable_internet": "false",
        "dataset_sources": [f"{owner}/{DATASET}"],
        "competition_sources": [COMPETITION],
        "kernel_sources": [],
        "model_sources": [],
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="make kaggle", usage="make kaggle [OWNER=name] [WEIGHTS='a.safetensors ...'] [WHEELS='name ...']",
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "kaggle")
    parser.add_argument("--owner", default="your-name", help="your name on Kaggle")
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="files of weights to take along")
    parser.add_argument(
        "--wheels", nargs="*", default=list(WHEELS), help="packages to fetch; none for no internet"
    )
    options = parser.parse_args(argv)
    try:
        bundle(options.out, owner=options.owner, weights=options.weights, wheels=options.wheels)
    except (ValueError, OSError, RuntimeError) as error:
        raise SystemExit(f"error: {error}") from None
    for path in sorted(options.out.iterdir()):
        print(f"{path.stat().st_size / 1000:9,.0f} KB  {path.name}")
    print(f"in {options.out}")
    if options.owner == "your-name":
        print("OWNER=name puts your name on Kaggle into the two -metadata.json files")


if __name__ == "__main__":
    main()
