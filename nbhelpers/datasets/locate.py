"""Where real data is looked for, and what to say when it is not there."""

import os
from pathlib import Path

# of a checkout; an installed package has no pyproject.toml there
REPOSITORY = Path(__file__).resolve().parents[2]


def data_folders(root: str | Path | None = None) -> list[Path]:
    """The folders that may hold `camvid/` and the rest, in the order in which they are searched.

    Only `root` if it is given. Otherwise $NBHELPERS_DATA if it is set, then `data/` of the repository when
    the package runs from a checkout, else of the current folder. Downloads go to the first.
    A relative $NBHELPERS_DATA is taken from the current folder, and if it is not there from the repository,
    because a notebook runs in its own folder and not where `make` was called.
    """
    if root is not None:
        return [Path(root)]
    checkout = (REPOSITORY / "pyproject.toml").is_file()
    data = (REPOSITORY if checkout else Path.cwd()) / "data"
    named = os.environ.get("NBHELPERS_DATA")
    if not named:
        return [data]
    folder = Path(named).expanduser()
    if checkout and not folder.is_dir():
        folder = REPOSITORY / folder
    return [folder.resolve(), data]


def locate(name: str, patterns: tuple[str, ...], layout: str, root: str | Path | None = None) -> Path:
    """The first file or folder in `data_folders(root)` that matches one of the glob `patterns`.

    Raises FileNotFoundError that says which command fetches `name`, and where a hand-fetched one goes.
    """
    folders = data_folders(root)
    for folder in folders:
        for pattern in patterns:
            if found := sorted(folder.glob(pattern)):
                return found[0]
    option = "" if root is None else f' --root "{root}"'
    raise FileNotFoundError(
        f"{name} is not in {' or '.join(map(str, folders))}. Fetch it by\n"
        f"    python -m nbhelpers.datasets.download {name}{option}\n"
        f"or by hand, so that there is {folders[0] / layout}. "
        "The environment variable NBHELPERS_DATA names another data folder."
    )
