"""Whether a file of weights is that of an encoder, tensor by tensor."""

from torch import Tensor

State = dict[str, Tensor]


def fitting(name: str, state: State, *, wanted: State, whole: State, first: str) -> State:
    """`state` by the names of `whole`, the network with the stages that we leave out, as timm loads it.

    Raises ValueError unless it has all that is `wanted`, nothing that `whole` has not, and all in its shapes: timm
    loads what fits and ignores the rest, so that a deeper network would pass for a shallower one. The kernel `first`
    may be of 3 channels, since it is fitted to others.
    """
    names, given = {_bare(key): key for key in whole}, {_bare(key) for key in state}
    missing = [key for key in wanted if not key.endswith("num_batches_tracked") and _bare(key) not in given]
    if missing:
        raise ValueError(
            f"these are no weights of {name}: {len(missing)} of its {len(wanted)} tensors are missing, the first is "
            f"{missing[0]!r}; the file begins with {next(iter(state), None)!r}"
        )
    foreign = [key for key in state if _bare(key) not in names]
    if foreign:
        raise ValueError(
            f"these are no weights of {name}: {len(foreign)} of the file's {len(state)} tensors are none of its own, "
            f"the first is {foreign[0]!r}; build the encoder that the file is of, or take them out of the file"
        )
    state = {names[_bare(key)]: tensor for key, tensor in state.items()}
    for key, tensor in state.items():
        own = whole[key].shape
        if tensor.shape != own and (key != first or tensor.shape != (own[0], 3, *own[2:])):
            raise ValueError(
                f"these are no weights of {name}: {key} is {tuple(tensor.shape)} in the file, but must be "
                f"{tuple(own)}; build the encoder that the file is of"
            )
    return state


def _bare(key: str) -> str:
    return key.replace(".", "").replace("_", "")  # timm flattens "features.0.weight" to "features_0.weight"
