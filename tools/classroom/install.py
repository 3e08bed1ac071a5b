"""Install the lessons from this folder; no internet is needed, nor used. Run: python install.py [FOLDER]

FOLDER, "segmentation" in your home folder by default, gets an environment of Python, the students' lessons and the data.
This file is copied beside the wheels by `make usb` and needs nothing but Python.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent


def check(made_for):
    """The system's name; stop where no wheel of the folder would fit. made_for: {"python": "3.11", "platforms": [...]}."""
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if here != made_for["python"]:
        raise SystemExit(
            f"error: this folder is for Python {made_for['python']}, and this is {here}: "
            f"install {made_for['python']} and start install.py with it"
        )
    system = {"Linux": "linux", "Darwin": "macos", "Windows": "windows"}.get(platform.system(), "")
    machine = "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"
    if [system, machine] not in made_for["platforms"]:
        known = ", ".join(" on ".join(pair) for pair in made_for["platforms"])
        raise SystemExit(
            f"error: this folder is for {known}, and this is {platform.system()} on {platform.machine()}"
        )
    return system


def main():
    made_for = json.loads((HERE / "made_for.json").read_text("utf-8"))
    system = check(made_for)
    target = Path(sys.argv[1] if sys.argv[1:] else Path.home() / "segmentation").resolve()
    if target.exists():
        raise SystemExit(f"error: {target} is there already: move it away, or name another folder")
    print(f"Installing into {target}; this takes some minutes ...", flush=True)
    venv.create(target / "environment", with_pip=True)
    bin_folder = target / "environment" / ("Scripts" if os.name == "nt" else "bin")
    python = bin_folder / ("python.exe" if os.name == "nt" else "python")
    offline = dict(
        os.environ, PIP_NO_INDEX="1", PIP_FIND_LINKS=(HERE / "wheels").as_uri(), PIP_CONFIG_FILE=os.devnull
    )
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    for wanted in (["--requirement", str(HERE / f"requirements-{system}.txt")], ["nbhelpers"]):
        subprocess.run([*pip, *wanted], env=offline, check=True)
    shutil.copytree(HERE / "student", target / "notebooks")
    shutil.copytree(HERE / "data", target / "data")
    print(f"Done. To begin: {bin_folder / 'jupyter'} lab {target / 'notebooks'}")


if __name__ == "__main__":
    main()
