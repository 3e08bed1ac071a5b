"""Show the code of the package inside a notebook, so that every definition has one home."""

import inspect
from collections.abc import Callable

from IPython.display import Code


def show_source(*objects: type | Callable) -> Code:
    """The source of classes, functions or methods, docstrings kept, as highlighted code.

    Jupyter and nbconvert's pages show it in colours; as text it is the bare source.
    Raises ValueError for what has no source in a Python file, such as an instance: pass its class.
    """
    sources = []
    for item in objects:
        try:
            sources.append(inspect.getsource(inspect.unwrap(item)))
        except (TypeError, OSError) as error:
            cure = (
                "" if isinstance(item, type) or callable(item) else f": pass its class, {type(item).__name__}"
            )
            raise ValueError(f"{item!r} has no Python source to show{cure}") from error
    return Code("\n\n".join(source.strip("\n") + "\n" for source in sources), language="python")
