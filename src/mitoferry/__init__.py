"""A virtual laboratory for mitochondrial transfer between cells.

>>> import mitoferry as mf
>>> r = mf.load("msc-huvec-ogd").run(replicates=3, seed=1)   # doctest: +SKIP
>>> r.contrast("apoptosis", of="recipient", arm="coculture", versus="injured_alone")   # doctest: +SKIP

Everything heavy is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mitoferry import evidence as evidence
    from mitoferry.show.laboratory import Experiment as Experiment
    from mitoferry.show.laboratory import experiments as experiments
    from mitoferry.show.laboratory import load as load
    from mitoferry.show.laboratory import open_run as open_run

__version__ = "0.1.0"
_LAZY = {
    "load": "mitoferry.show.laboratory",
    "open_run": "mitoferry.show.laboratory",
    "experiments": "mitoferry.show.laboratory",
    "Experiment": "mitoferry.show.laboratory",
    "Results": "mitoferry.studies.results",
    "MitoferryError": "mitoferry.base.errors",
    "InputError": "mitoferry.base.errors",
}
__all__ = ["__version__", "evidence", *_LAZY]


def __getattr__(name: str) -> Any:
    if name == "evidence":
        return import_module("mitoferry.evidence")
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'mitoferry' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return list(__all__)
