"""What the project promises about itself: a light package, honest bounds, files that agree with each other."""

import ast
import re
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools.badges import repository
from tools.execution import ROOT, is_code
from tools.needs import PLATFORMS as HOSTED
from tools.needs import distributions, imports, on_platform

PYTHONS = ("3.10.1", "3.11.2", "3.11.9", "3.12.1", "3.13.0")  # 3.11.2 is Debian's
PLATFORMS = (
    {"sys_platform": "linux"},
    {"sys_platform": "darwin"},
    {"sys_platform": "win32", "os_name": "nt"},
)


def requirements(file: str) -> list[Requirement]:
    lines = (line.split("#")[0].strip() for line in (ROOT / file).read_text("utf-8").splitlines())
    return [Requirement(line) for line in lines if line]


# The package


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built offline, by the backend that pyproject.toml names."""
    folder = tmp_path_factory.mktemp("wheel")
    code = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT, check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def metadata(wheel) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_is_small_and_pure(wheel):
    """Code, the stored iris network and the studies, which Colab has from nowhere else."""
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = [file for file in archive.infolist() if ".dist-info/" not in file.filename]
    code = [file for file in files if file.filename.endswith(".py")]
    assert sum(file.compress_size for file in code) < 700_000
    assert {file.filename for file in code} == {
        path.relative_to(ROOT).as_posix()
        for name in ("nbhelpers", "studies")
        for path in (ROOT / name).rglob("*.py")
    }
    iris, *stored = sorted((file for file in files if file not in code), key=lambda file: file.filename)
    assert iris.filename.startswith("nbhelpers/iris/") and iris.filename.endswith(".safetensors")
    assert iris.file_size < 5_000_000
    studies = [Path(file.filename) for file in stored]
    assert {path.parent.as_posix() for path in studies} <= {"studies/results", "studies/checkpoints"}
    assert {path.suffix for path in studies} <= {".json", ".safetensors"}
    larger = {file.filename for file in stored if file.file_size >= 2**20}  # a million weights: 1.1 MB
    assert larger <= {"studies/checkpoints/20_queries.safetensors"}
    assert all(file.file_size < 1.1 * 2**20 for file in stored)
    assert sum(file.file_size for file in stored) < 14 * 2**20


def test_torch_is_no_dependency(metadata):
    """Colab and Kaggle keep their own torch, and nobody gets CUDA who wanted a CPU."""
    names = {canonicalize_name(Requirement(line).name) for line in metadata.get_all("Requires-Dist")}
    assert "numpy" in names  # the metadata was read
    assert not names & {"torch", "torchvision", "torchaudio", "triton"}


def test_one_opencv_for_make_and_none_for_the_package(metadata):
    """Its wheels overwrite each other, so that `pip install .` must not add a second to the one that is there."""
    assert "opencv" not in " ".join(metadata.get_all("Requires-Dist"))
    named = [r.name for r in requirements("requirements.txt") if r.name.startswith("opencv")]
    assert named == ["opencv-python-headless"]


def test_metadata(metadata):
    assert set(metadata["Requires-Python"].split(",")) == {">=3.10", "<3.14"}
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Version"] and metadata["Summary"]


def imported_modules(folder: Path) -> set[str]:
    trees = [ast.parse(path.read_text("utf-8")) for path in folder.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0}
    return (
        {name.split(".")[0] for name in names}
        - set(sys.stdlib_module_names)
        - {"nbhelpers", "studies", "tools"}
    )


def test_dependencies_are_what_the_package_imports(metadata):
    listed = {canonicalize_name(Requirement(line).name) for line in metadata.get_all("Requires-Dist")}
    modules = imported_modules(ROOT / "nbhelpers") - {"torch", "torchvision", "cv2"}
    assert len(listed) == len(modules)
    assert [module for module in modules if not distributions(module) & listed] == []


def test_importing_the_package_costs_nothing():
    code = "import sys, nbhelpers; print(*sorted(set(sys.modules) & set(sys.argv[1:])))"
    heavy = ["torch", "torchvision", "numpy", "matplotlib", "cv2", "PIL", "accelerate", "pooch", "tqdm"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


# Requirements, constraints, environment


def test_requirements_are_lower_bounds():
    for requirement in requirements("requirements.txt"):
        assert [s.operator for s in requirement.specifier] == [">="], f"{requirement} is no lower bound"


def test_requirements_hold_all_that_is_imported():
    listed = {canonicalize_name(requirement.name) for requirement in requirements("requirements.txt")}
    # come with the packages above
    of_others = {"pygments", "packaging", "jupyter_client", "jupyter_core", "traitlets", "tifffile"}
    # for volumes and for a table of other tools, installed by who needs them; their tests are skipped without
    of_others |= {"nibabel", "highdicom", "pydicom", "rasterio", "supervision"}
    # referees whose values are stored, and rivals of benchmarks
    of_others |= {"monai", "surface_distance", "medpy", "transformers"}
    for folder in ("nbhelpers", "studies", "tools", "tests", "benchmarks"):
        local = {path.stem for path in (ROOT / folder).rglob("*.py")}
        modules = imported_modules(ROOT / folder) - local - of_others - {"tests", "benchmarks"}
        assert [module for module in modules if not distributions(module) & listed] == []


def test_requirements_and_package_name_one_bound(metadata):
    bounds = {canonicalize_name(r.name): r.specifier for r in requirements("requirements.txt")}
    for line in metadata.get_all("Requires-Dist"):
        requirement = Requirement(line)
        assert bounds[canonicalize_name(requirement.name)] == requirement.specifier, line


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
@pytest.mark.parametrize("platform", sorted(HOSTED.glob("*.txt")), ids=lambda path: path.stem)
def test_a_lesson_has_all_it_imports_on_the_machines_of_its_badges(path, platform):
    """From the machine, or from the setup cell as it stands; in versions that our lower bounds allow."""
    sources = [cell.source for cell in nbformat.read(path, as_version=4).cells if is_code(cell)]
    fetched = re.findall(r'"(\w+)"', (re.search(r"needs=\[(.*)\]", sources[0]) or [""])[0])
    there = on_platform(platform)
    bounds = {canonicalize_name(r.name): r.specifier for r in requirements("requirements.txt")}
    for module in sorted(imports(sources) - set(fetched)):
        names = distributions(module) & set(there)
        assert names, f"{path.stem} imports {module}, which {platform.stem} lacks: run make badges"
        for name in names:
            for pin in there[name].specifier:
                bound = next(bounds[one] for one in distributions(module) if one in bounds)
                assert pin.operator != "==" or pin.version in bound, f"{there[name]} does not meet {bound}"


@pytest.mark.parametrize("platform", sorted(HOSTED.glob("*.txt")), ids=lambda path: path.stem)
def test_the_lists_of_the_platforms_say_whence_and_when(platform):
    head = "".join(line for line in platform.read_text("utf-8").splitlines() if line.startswith("#"))
    for words in (r"\bcommit [0-9a-f]{7}\b", r"\b20\d\d-\d\d-\d\d\b", r"# python 3\.\d\d"):
        assert re.search(words, head), f"{platform.name} lacks {words}"
    assert {"torch", "torchvision", "numpy", "ipython", "ipykernel"} <= set(on_platform(platform))


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform["sys_platform"])
def test_constraints_name_one_version_of_each_requirement(python, platform):
    environment = {"python_full_version": python, "python_version": python.rsplit(".", 1)[0], **platform}
    pins: dict[str, Version] = {}
    for pin in requirements("constraints.txt"):
        (specifier,) = pin.specifier
        assert specifier.operator == "==" and "+" not in specifier.version, f"{pin} is not exact everywhere"
        if pin.marker is None or pin.marker.evaluate(environment):
            assert canonicalize_name(pin.name) not in pins, f"{pin.name} is named twice for {environment}"
            pins[canonicalize_name(pin.name)] = Version(specifier.version)
    for requirement in requirements("requirements.txt"):
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_constraints_leave_cuda_to_torch():
    """Its exact versions are torch's own affair, and its CPU build has none."""
    names = [pin.name for pin in requirements("constraints.txt")]
    assert [name for name in names if name.startswith(("nvidia", "cuda", "triton"))] == []


def test_the_environment_file_keeps_no_list_of_its_own():
    """Binder and conda install requirements.txt, over conda's torch for CPUs."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    assert environment["channels"] == ["conda-forge"]
    assert environment["dependencies"][:-1] == ["python=3.11", "pip", "pytorch-cpu", "torchvision"]
    assert environment["dependencies"][-1] == {"pip": ["--requirement requirements.txt", "--editable ."]}


def test_pre_commit_runs_the_ruff_of_constraints():
    (hooks,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    assert hooks["rev"].lstrip("v") == pinned("ruff")


def pinned(name: str) -> str:
    (pin,) = [pin for pin in requirements("constraints.txt") if pin.name == name]
    return next(iter(pin.specifier)).version


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff(command):
    """The style that `make lint` makes; another version of ruff has another one."""
    ruff = [sys.executable, "-m", "ruff"]
    version = subprocess.run([*ruff, "--version"], capture_output=True, text=True, check=True).stdout.split()[
        1
    ]
    if version != pinned("ruff"):
        pytest.skip(f"ruff is {version}, constraints.txt has {pinned('ruff')}")
    done = subprocess.run([*ruff, *command, "."], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + "run make lint"


# The repository


def test_continuous_integration_calls_make_test_and_nothing_else():
    lines = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    assert [line for line in lines if "make" in line] == ["exec make test"]


def test_badges_name_this_repository():
    """All of them, in README and notebooks: `make badges REPO=...` writes them all."""
    slug = re.compile(
        r"(?:/github/|/gh/|badge/|github\.com/)([\w.-]+/[\w.-]+)(?=/blob/main|/main\?|/actions|/archive)"
    )
    for path in [ROOT / "README.md", *(ROOT / "notebooks").glob("*.ipynb")]:
        named = set(slug.findall(path.read_text("utf-8")))
        assert named == {repository()}, f"{path.name} names {named}"


def tracked() -> list[Path]:
    git = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("no git here, so nobody knows which files are the project's")
    return [path for name in done.stdout.splitlines() if (path := ROOT / name).is_file()]


def test_no_file_names_a_machine_or_a_package_mirror():
    machine = re.compile(r"(?<![\w.:/-])/(?:home|Users|root|work|mnt|private)/\w")
    mirror = re.compile(
        r"(?<!extra)-index-url(?!\W+(?:usb\.)?TORCH_ON_CPU)|find-links|pythonhosted|artifactory|(?<!\w)pypi\.(?!org/project)"
    )
    this = Path(__file__).resolve()
    found = []
    for path in tracked():
        if path == this or path.suffix in {".png", ".jpg", ".safetensors"}:
            continue
        text = path.read_text("utf-8")
        found += [
            f"{path.relative_to(ROOT)}: {m[0]}" for m in (machine.search(text), mirror.search(text)) if m
        ]
    assert found == []


def test_no_file_is_heavy():
    """Except the stored iris network, whose size the wheel's test limits, and a study's of a million weights, 1.1 MB."""
    heavy = {path.name for path in tracked() if path.stat().st_size > 1_000_000}
    assert heavy <= {"segmenter.safetensors", "20_queries.safetensors"}


@pytest.mark.parametrize("licence", ["LICENSE", "LICENSE-text"])
def test_licences(licence):
    words = {"LICENSE": "MIT License", "LICENSE-text": "https://creativecommons.org/licenses/by/4.0/"}
    assert words[licence] in (ROOT / licence).read_text("utf-8")
