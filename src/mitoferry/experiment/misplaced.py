"""Whether surrogates of organs are read where they mean something: a text for files that read a heart in a dish.

A readout names the tissues that it is meant for (``Readout.places``). A well can be one of those, another tissue, or a dish; a block
without a template is a tissue of the file's own, of which nothing is said. No number depends on this: a map of the share of working cells
is that map anywhere, and compares arms as well as anywhere. Only its name promises more.
"""

from __future__ import annotations

from mitoferry.assays import load_assays
from mitoferry.assays.base import Assay, Readout
from mitoferry.experiment.observables import observable
from mitoferry.experiment.schema import Expect, Experiment

DISH = "dish"


def place_of(experiment: Experiment) -> str:
    """Template of the wells of a file, "dish", or "" for a block without a template."""
    if experiment.well.kind != "block":
        return DISH
    return experiment.well.template or ""


def misplaced(experiment: Experiment) -> list[str]:
    """One text per assay of which the file reads surrogates that mean nothing for its wells."""
    place = place_of(experiment)
    measured = {m.assay for m in experiment.measure}
    texts = [_text(assay, experiment, place) for name, assay in sorted(load_assays().items()) if name in measured]
    return [text for text in texts if text] if place else []


def _text(assay: Assay, experiment: Experiment, place: str) -> str:
    bound = {r.name: r for r in assay.readouts if r.places}
    outside = {name: r for name, r in bound.items() if place not in r.places}
    if not outside:
        return ""
    read = {name for finding in experiment.expect for name in _readouts(finding, assay.name)}
    where = "a dish" if place == DISH else f"a block of the template '{place}'"
    advice = f"Read it as what it is ('mitoferry show assay {assay.name}'), or take a block with such a template."
    if read & set(outside):
        return f"{_listed([outside[n] for n in outside if n in read])}: read in {where}, where the name means nothing. {advice}"
    if read & set(bound) or (place != DISH and len(outside) < len(bound)):
        return ""
    return f"assay {assay.name}: in {where} these mean nothing by their names: {_listed(list(outside.values()))}. {advice}"


def _readouts(finding: Expect, assay: str) -> set[str]:
    """Readouts of an assay that a finding compares."""
    names = [finding.name, *([finding.against.name] if finding.against is not None and finding.against.name else [])]
    found = [observable(name) for name in names if name]
    return {o.readout for o in found if o is not None and o.assay == assay}


def _listed(readouts: list[Readout]) -> str:
    return ", ".join(f"{r.name} (for {' or '.join(r.places)})" for r in readouts)
