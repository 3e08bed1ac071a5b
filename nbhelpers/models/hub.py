"""Files of weights from the Hugging Face hub, and what to say where there is no internet."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from huggingface_hub import hf_hub_download, hf_hub_url, try_to_load_from_cache

HUB_FILE = "model.safetensors"  # in each of timm's and SMP's repositories


PASS_PATH = (
    "bring the file here and pass its path, weights='.../{}'; or begin with random weights, weights=None"
)


def fetch_from_hub(hub_id: str, what: str, *, revision: str | None = None, cure: str = PASS_PATH) -> Path:
    """The file of weights of a repository on the Hugging Face hub, from the cache or else by internet.

    The hub is where the environment variable HF_ENDPOINT says, which may be a mirror. `revision` is the newest unless
    named. Raises ConnectionError, which names `what` and says by `cure` how to go on without internet.
    """
    cached = try_to_load_from_cache(hub_id, HUB_FILE, revision=revision)
    if isinstance(cached, str) and Path(cached).is_file():
        return Path(cached)
    url = hf_hub_url(hub_id, HUB_FILE, revision=revision)
    with explained(what, url, cure):
        requests.head(url, timeout=10)  # without internet it fails at once, where the hub tries for a minute
        return Path(hf_hub_download(hub_id, HUB_FILE, revision=revision))


@contextmanager
def explained(what: str, url: str, cure: str = PASS_PATH) -> Iterator[None]:
    """Turn a failed download into a ConnectionError that says by `cure` how to go on without internet."""
    try:
        yield
    except OSError as error:
        raise ConnectionError(
            f"{what} could not be fetched ({type(error).__name__}). Without internet: download "
            f"{url} elsewhere, {cure.format(Path(url).name)}"
        ) from error
