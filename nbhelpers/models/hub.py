"""Files of weights from the Hugging Face hub, and what to say where there is no internet."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from huggingface_hub import hf_hub_download, hf_hub_url, try_to_load_from_cache

HUB_FILE = "model.safetensors"  # in each of timm's repositories


def fetch_from_hub(hub_id: str, what: str) -> Path:
    """timm's file of a repository on the Hugging Face hub, from the cache or else by internet.

    Raises ConnectionError, which names `what` and says how to go on without internet.
    """
    cached = try_to_load_from_cache(hub_id, HUB_FILE)
    if isinstance(cached, str) and Path(cached).is_file():
        return Path(cached)
    url = hf_hub_url(hub_id, HUB_FILE)
    with explained(what, url):
        requests.head(url, timeout=10)  # without internet it fails at once, where the hub tries for a minute
        return Path(hf_hub_download(hub_id, HUB_FILE))


@contextmanager
def explained(what: str, url: str) -> Iterator[None]:
    """Turn a failed download into a ConnectionError that says how to go on without internet."""
    try:
        yield
    except OSError as error:
        raise ConnectionError(
            f"{what} could not be fetched ({type(error).__name__}). Without internet: download "
            f"{url} elsewhere, bring the file here and pass its path, weights='.../{Path(url).name}'; or begin "
            "with random weights, weights=None"
        ) from error
