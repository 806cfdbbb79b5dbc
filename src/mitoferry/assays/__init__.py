"""Virtual assays: read-only measurements with the artefacts of the real ones. :func:`load_assays` lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mitoferry.assays.base import Assay


def load_assays() -> dict[str, Assay]:
    """All assays by name (see ``assays/registry.py``)."""
    from mitoferry.assays.registry import load_assays as load

    return load()
