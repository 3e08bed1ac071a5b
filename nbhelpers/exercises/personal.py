"""A street of one's own: each student trains on other scenes, and hands in a signed line with its score.

The teacher's key makes the tokens and judges the lines: tools/classroom/handing_in.py.
"""

import hashlib
import hmac
import json
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import nn

from nbhelpers.datasets import Street
from nbhelpers.training import evaluate

TOKEN = re.compile(r"[0-9a-f]{32}")
# from its own beginning: half a line takes nothing of the next one
LINE = re.compile(r"nbhelpers-1 (\{(?:(?!nbhelpers-1 ).)*?\}) ([0-9a-f]{32})\b")


@dataclass(frozen=True)
class Personal:
    """The scenes of one student: `train`, `val` and `test`, drawn by code from the token.

    name: as it is handed in. token: the 32 letters that the teacher gave to this name.
    Raises ValueError for a token of another form.
    """

    name: str
    token: str

    def __post_init__(self) -> None:
        if not isinstance(self.token, str) or not TOKEN.fullmatch(self.token):
            raise ValueError(
                f"the token is {self.token!r}; it must be the 32 letters and digits that your teacher gave you"
            )
        if not isinstance(self.name, str) or not self.name.strip():
            raise ValueError(f"the name is {self.name!r}; it must be yours, as your teacher wrote it")

    @property
    def seed(self) -> int:
        """Of all scenes; from the token, so that nobody chooses it."""
        return int(hashlib.sha256(f"seed {self.token}".encode()).hexdigest()[:8], 16)

    @cached_property
    def train(self) -> Street:
        return Street("train", seed=self.seed)

    @cached_property
    def val(self) -> Street:
        return Street("val", seed=self.seed)

    @cached_property
    def test(self) -> Street:
        return Street("test", seed=self.seed)

    def score(self, model: nn.Module) -> float:
        """The mean IoU of `model` on `test`, a fraction."""
        return evaluate(model, self.test, precision="fp32").mean_iou

    def line(self, model: nn.Module) -> str:
        """Score `model` on `test`: one line of text to hand in, signed by the token.

        It says who, on which scenes, what score, and how many parameters. Change a letter and it is refused. It does not
        prove how the score came about: hand in the weights as well, by which it can be measured again.
        """
        told = {
            "name": plain(self.name),
            "seed": self.seed,
            "mean IoU": round(self.score(model), 4),
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "weights": fingerprint(model),
        }
        text = json.dumps(told, ensure_ascii=False, sort_keys=True)
        return f"nbhelpers-1 {text} {signature(self.token, text)}"


def plain(name: str) -> str:
    """One spelling of a name: letters composed, single spaces. Keyboards and editors write the same name differently."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def read_line(line: str, token: str) -> dict:
    """What a line says: name, seed, mean IoU, parameters and weights.

    Raises ValueError where it is no line, or its signature is not that of `token`.
    """
    found = LINE.fullmatch(line.strip())
    if not found:
        raise ValueError(
            "that is no line of results; it begins with nbhelpers-1 and ends with 32 letters: "
            f"{line.strip()[:60]!r}"
        )
    if not hmac.compare_digest(found[2], signature(token, found[1])):
        raise ValueError(
            "the signature does not fit: the line was changed, or signed with another token, "
            "or the name is not spelled as in names.txt"
        )
    return json.loads(found[1])


def signature(token: str, text: str) -> str:
    return hmac.new(token.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]


def fingerprint(model: nn.Module) -> str:
    """Of the weights and buffers, in float32 on the CPU: the same for a model and for what was saved of it."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        values = np.ascontiguousarray(tensor.detach().float().cpu().numpy())
        digest.update(name.encode() + str(values.shape).encode() + values.tobytes())
    return digest.hexdigest()[:16]
