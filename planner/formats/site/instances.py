"""GPUs of the types of machines that clouds rent out."""

from __future__ import annotations

import re

# Amazon's types, by their whole names.
_AMAZON = {
    "p4d.24xlarge": ("a100", 8),
    "p4de.24xlarge": ("a100", 8),
    "p5.4xlarge": ("h100", 1),
    "p5.48xlarge": ("h100", 8),
    "p5e.48xlarge": ("h200", 8),
    "p5en.48xlarge": ("h200", 8),
    "p6-b200.48xlarge": ("b200", 8),
    "p6-b300.48xlarge": ("b300", 8),
    "p6e-gb200.36xlarge": ("gb200", 4),
}
# Google's families, whose types end in the number of GPUs.
_GOOGLE = (
    ("a4x-max-", "gb300"),
    ("a4x-", "gb200"),
    ("a4-", "b200"),
    ("a3-ultragpu-", "h200"),
    ("a3-", "h100"),
    ("a2-", "a100"),
)
_GOOGLE_COUNT = re.compile(r"-([0-9]{1,2})g(?:-|\Z)")


def gpus_of_type(kind: str) -> tuple[str | None, int | None]:
    """GPU preset and number of GPUs of a type of machine; None for what is not known."""
    kind = kind.rsplit("/", 1)[-1].strip()
    if kind in _AMAZON:
        return _AMAZON[kind]
    model = next((model for start, model in _GOOGLE if kind.startswith(start)), None)
    count = _GOOGLE_COUNT.search(kind)
    return (model, int(count[1])) if model and count else (model, None)
