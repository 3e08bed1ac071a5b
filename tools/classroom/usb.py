"""A room without internet: one folder with wheels for Linux, macOS and Windows, both editions, the data and the site.

Run: make usb (ON='linux windows' takes those alone; the wheels are for the Python that runs this)
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

from nbhelpers.kaggle.bundle import folder_written_whole
from tools.execution import ROOT
from tools.kaggle_bundle import build_wheel

OUT = ROOT / "build" / "usb"
CLASSROOM, SITE = ROOT / "build" / "classroom", ROOT / "build" / "site"
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
# PyPI's torch for Linux wants gigabytes of CUDA beside it
TORCH_ON_CPU = "https://download.pytorch.org/whl/cpu"
# what markers in constraints.txt ask of a machine, and the names of wheels that fit it
MACHINES = {
    "linux": (
        {
            "sys_platform": "linux",
            "platform_system": "Linux",
            "os_name": "posix",
            "platform_machine": "x86_64",
        },
        ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_24_x86_64", "manylinux2014_x86_64"),
    ),
    "macos": (
        {
            "sys_platform": "darwin",
            "platform_system": "Darwin",
            "os_name": "posix",
            "platform_machine": "arm64",
        },
        ("macosx_14_0_arm64",),  # pip adds the older ones
    ),
    "windows": (
        {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
        ("win_amd64",),
    ),
}
START = """# Start here

Everything is in this folder; no internet is needed.

1. Install Python {python}.
2. `python install.py`, or `python3 install.py` on Linux and macOS: it makes the folder *segmentation* in your home folder.
3. Start JupyterLab as its last line says, and open `01_start_here.ipynb`.

`student` holds the lessons without answers. For teachers: `teacher` holds what has answers, that is the lessons with their
solutions, the slides with the quiz's answers in their notes, question banks, assignments, run sheets, and the site, where
one was built (`python -m http.server --directory teacher/site`). Delete `teacher` on the copy that you hand round.
"""


def pins(constraints: str, machine: str, python: str) -> list[str]:
    """The lines of constraints.txt that hold on this machine, as name==version.

    For the first Python of its line, 3.11.0, as pip takes --python-version=3.11: what fits that fits all later ones.
    """
    environment = MACHINES[machine][0] | {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    lines = (line.split("#")[0].strip() for line in constraints.splitlines())
    found = [Requirement(line) for line in lines if line]
    return [
        f"{one.name}{one.specifier}" for one in found if not one.marker or one.marker.evaluate(environment)
    ]


def fetch(folder: Path, machine: str, wanted: list[str], python: str) -> None:
    """Download the wheels. Raises RuntimeError where one cannot be had; torch for Linux is asked of its own index alone."""
    of_torch = [pin for pin in wanted if machine == "linux" and pin.startswith(("torch==", "torchvision=="))]
    platforms = [f"--platform={name}" for name in MACHINES[machine][1]]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    pip += [f"--python-version={python}", *platforms, "--dest", str(folder)]
    # torch first: where its index cannot be reached, nothing has been fetched in vain
    for asked, source in ((of_torch, ["--index-url", TORCH_ON_CPU, "--retries=1"]), (wanted, [])):
        pins = [pin for pin in asked if source or pin not in of_torch]
        done = subprocess.run([*pip, *source, *pins], capture_output=True, text=True) if pins else None
        if done and done.returncode:
            cure = f"{TORCH_ON_CPU} must be reached, or leave Linux out: make usb ON='macos windows'"
            raise RuntimeError(
                f"{pins[0] if source else 'the wheels'} for {machine} cannot be fetched, which needs the internet"
                f"{f': {cure}' if source else ''}\n{done.stderr.strip()[-2000:]}"
            )


def build(out: Path, machines: list[str], *, constraints: Path, classroom: Path, site: Path | None) -> None:
    """Fill the folder `out`; an earlier one in it is replaced.

    constraints: the file of versions. classroom: what `make classroom` built. site: what `make site` built, if it is to
    go along. Raises FileNotFoundError where the editions are missing, ValueError for a folder that holds anything
    else, RuntimeError as `fetch`; `out` is then as it was.
    """
    for folder in ("student", "solution", "slides"):
        if not (classroom / folder).is_dir():
            raise FileNotFoundError(f"there is no {classroom / folder}: run make classroom first")
    with folder_written_whole(out, "manifest.json") as building:
        wheels = building / "wheels"
        wheels.mkdir()
        build_wheel(wheels)
        for machine in machines:
            print(f"wheels for {machine} ...", flush=True)
            wanted = pins(constraints.read_text("utf-8"), machine, PYTHON)
            (building / f"requirements-{machine}.txt").write_text("\n".join(wanted) + "\n", "utf-8")
            if wanted:
                fetch(wheels, machine, wanted, PYTHON)
        shutil.copyfile(Path(__file__).with_name("install.py"), building / "install.py")
        # what holds an answer goes into one folder, so that one folder is to be deleted
        shutil.copytree(classroom, building / "teacher")
        (building / "teacher" / "student").rename(building / "student")
        if site:
            shutil.copytree(site, building / "teacher" / "site")
        shutil.copytree(ROOT / "data" / "sample", building / "data" / "sample")
        shutil.copyfile(ROOT / "data" / "README.md", building / "data" / "README.md")
        (building / "START.md").write_text(START.format(python=PYTHON), "utf-8")
        names = {"linux": "x86_64", "macos": "arm64", "windows": "x86_64"}
        made_for = {"python": PYTHON, "platforms": [[machine, names[machine]] for machine in machines]}
        (building / "made_for.json").write_text(json.dumps(made_for) + "\n", "utf-8")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="make usb", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT, help="default: build/usb")
    parser.add_argument(
        "--on", nargs="*", default=list(MACHINES), choices=list(MACHINES), help="default: all"
    )
    options = parser.parse_args(argv)
    site = SITE if (SITE / "index.html").is_file() else None
    if not site:
        print("no site goes along: make site builds one")
    try:
        build(
            options.out.resolve(),
            options.on,
            constraints=ROOT / "constraints.txt",
            classroom=CLASSROOM,
            site=site,
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise SystemExit(f"error: {error}") from None
    for path in sorted(options.out.iterdir()):
        files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
        print(f"{sum(each.stat().st_size for each in files) / 1e6:9.1f} MB  {path.name}")


if __name__ == "__main__":
    main()
