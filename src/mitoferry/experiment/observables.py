"""Look-up of observables and readouts by name, and what a file needs to know of assays.

A finding is looked up by observable, arm and versus; the table (``observable_table.py``) says what is then compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from mitoferry.base.errors import InputError, Problem
from mitoferry.experiment.observable_table import TABLE, Observable


@dataclass(frozen=True, slots=True, kw_only=True)
class AssayInfo:
    """What an experiment file needs to know of an assay.

    Attributes:
        name: name in experiment files.
        about: what it measures.
        of: populations measured unless the file says otherwise: a role, or "well".
        readouts: names of the numbers that it gives.
        options: names of the options that it takes.
        settings: checks options and fills in defaults.
    """

    name: str
    about: str
    of: str
    readouts: tuple[str, ...]
    options: tuple[str, ...] = ()
    settings: Callable[[Mapping[str, Any]], Any] | None = None

    def problems(self, options: Mapping[str, Any]) -> list[Problem]:
        """What is wrong with options given in a file."""
        try:
            if self.settings is not None:
                self.settings(options)
        except InputError as error:
            return error.problems
        return []


OBSERVABLES: dict[str, Observable] = {o.name: o for o in TABLE}


@cache
def assays() -> dict[str, AssayInfo]:
    """All assays that a file may name: ours, then those of other packages (entry points ``mitoferry.assays``)."""
    from mitoferry.assays import load_assays

    return {
        name: AssayInfo(
            name=name, about=a.about, of=a.of, readouts=tuple(r.name for r in a.readouts), options=tuple(a.options), settings=a.settings
        )
        for name, a in load_assays().items()
    }


def observable(name: str) -> Observable | None:
    """The observable of that name; "assay.readout" or the bare name of a readout works too; None if there is none."""
    if name in OBSERVABLES:
        return OBSERVABLES[name]
    assay_name, _, readout = name.rpartition(".")
    for info in assays().values():
        if readout in info.readouts and assay_name in ("", info.name):
            return Observable(name=name, assay=info.name, readout=readout, of=info.of)
    return None


def observable_names() -> list[str]:
    """Names that a file or the command line may use."""
    return [*OBSERVABLES, *sorted({r for a in assays().values() for r in a.readouts})]


__all__ = ["OBSERVABLES", "AssayInfo", "Observable", "assays", "observable", "observable_names"]
