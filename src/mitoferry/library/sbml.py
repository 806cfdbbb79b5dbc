"""Write a model of ordinary differential equations as SBML Level 3 Version 1 Core.

Text only: nothing but the standard library is needed to write; ``python-libsbml`` and ``libroadrunner`` are used by the
tests to check the text and to simulate it. Units are declared for every quantity, so that a reader can check the
equations for their dimensions. What is known of a number (range, prior, tag, source) stands beside it twice: as a note
for people and as an annotation for programs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from mitoferry.library.mathml import SBML, block, mathml

XHTML = "http://www.w3.org/1999/xhtml"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
BIOLOGY = "http://biomodels.net/biology-qualifiers/"
MITOFERRY = "urn:mitoferry:evidence:1"

# name of the unit in the library -> id, and (kind, exponent, scale, multiplier) of its parts
UNITS: Mapping[str, tuple[str, tuple[tuple[str, int, int, float], ...]]] = {
    "1": ("dimensionless", ()),
    "s": ("second", ()),
    "amol": ("amol", (("mole", 1, -18, 1.0),)),
    "amol/s": ("amol_per_s", (("mole", 1, -18, 1.0), ("second", -1, 0, 1.0))),
    "pL": ("pL", (("litre", 1, -12, 1.0),)),
    "amol/pL": ("amol_per_pL", (("mole", 1, -18, 1.0), ("litre", -1, -12, 1.0))),
    "mM": ("mM", (("mole", 1, -3, 1.0), ("litre", -1, 0, 1.0))),
    "uM": ("uM", (("mole", 1, -6, 1.0), ("litre", -1, 0, 1.0))),
    "amol/pL/mM": ("amol_per_pL_per_mM", (("mole", 1, -18, 1.0), ("litre", -1, -12, 1.0), ("mole", -1, -3, 1.0), ("litre", 1, 0, 1.0))),
    "mV": ("mV", (("volt", 1, -3, 1.0),)),
    "mV/s": ("mV_per_s", (("volt", 1, -3, 1.0), ("second", -1, 0, 1.0))),
    "amol/mV": ("amol_per_mV", (("mole", 1, -18, 1.0), ("volt", -1, -3, 1.0))),
    "kJ/mol": ("kJ_per_mol", (("joule", 1, 3, 1.0), ("mole", -1, 0, 1.0))),
    "kJ/mol/mV": ("kJ_per_mol_per_mV", (("joule", 1, 3, 1.0), ("mole", -1, 0, 1.0), ("volt", -1, -3, 1.0))),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number, or what a formula makes of numbers.

    Attributes:
        id: its name in the model.
        unit: unit, as the library writes it.
        about: what it is.
        value: value, or start value of a quantity with a ``rate``; ``None`` where ``formula`` gives it.
        formula: what it equals at every moment; "" if nothing.
        rate: what its derivative by time equals; "" if it has none.
        evidence: range, distribution, tag and source as text by name.
        fixed: whether it may not change in a simulation.
        term: identifier of an ontology term ("CHEBI:57945"); "" without.
    """

    id: str
    unit: str
    about: str
    value: float | None = None
    formula: str = ""
    rate: str = ""
    evidence: Mapping[str, str] | None = None
    fixed: bool = True
    term: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Species:
    """A substance in the compartment; ``value`` is its concentration at the start in amol/pL, or ``start`` a formula for it."""

    id: str
    about: str
    term: str
    value: float | None = None
    start: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """A reaction with the stoichiometry of its species and its rate in amol/s."""

    id: str
    about: str
    consumes: Mapping[str, int]
    makes: Mapping[str, int]
    rate: str
    reversible: bool = False
    term: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model with one compartment. ``notes`` are paragraphs."""

    id: str
    name: str
    notes: Sequence[str]
    compartment: tuple[str, str, float, str]
    species: Sequence[Species]
    quantities: Sequence[Quantity]
    reactions: Sequence[Reaction]


def _unit(name: str) -> str:
    return UNITS[name][0]


def _number(value: float) -> str:
    return repr(float(value))


def _notes(*paragraphs: str) -> str:
    return block("notes", block(f'body xmlns="{XHTML}"', *[f"<p>{escape(p)}</p>" for p in paragraphs]))


def _term(meta: str, term: str) -> str:
    """RDF that says of which ontology term an element is a version."""
    where = f'<rdf:li rdf:resource="http://identifiers.org/{term}"/>'
    described = block(f'rdf:Description rdf:about="#{meta}"', block("bqbiol:isVersionOf", block("rdf:Bag", where)))
    return block(f'rdf:RDF xmlns:rdf="{RDF}" xmlns:bqbiol="{BIOLOGY}"', described)


def _evidence(evidence: Mapping[str, str]) -> str:
    pairs = " ".join(f"{k}={quoteattr(v)}" for k, v in evidence.items())
    return f'<mitoferry:evidence xmlns:mitoferry="{MITOFERRY}" {pairs}/>'


def _said(meta: str, about: str, term: str = "", evidence: Mapping[str, str] | None = None) -> list[str]:
    """Notes and annotation of an element."""
    known = [f"{k}: {v}" for k, v in (evidence or {}).items() if v]
    parts = [_notes(about, *(["; ".join(known)] if known else []))]
    inside = ([_term(meta, term)] if term else []) + ([_evidence(evidence)] if evidence else [])
    return [*parts, block("annotation", *inside)] if inside else parts


def _quantity(q: Quantity) -> str:
    meta = f"_{q.id}"
    constant = "true" if q.fixed and not q.formula and not q.rate else "false"
    value = "" if q.value is None else f' value="{_number(q.value)}"'
    name = quoteattr(q.id.replace("_", " "))
    return block(
        f'parameter metaid="{meta}" id="{q.id}" name={name}{value} units="{_unit(q.unit)}" constant="{constant}"',
        *_said(meta, q.about, q.term, q.evidence),
    )


def _species(s: Species, compartment: str) -> str:
    meta = f"_{s.id}"
    start = "" if s.value is None else f'initialConcentration="{_number(s.value)}" '
    return block(
        f'species metaid="{meta}" sboTerm="SBO:0000247" id="{s.id}" name={quoteattr(s.id)} compartment="{compartment}" '
        f'{start}substanceUnits="amol" hasOnlySubstanceUnits="false" boundaryCondition="false" constant="false"',
        *_said(meta, s.about, s.term),
    )


def _reaction(r: Reaction) -> str:
    meta = f"_{r.id}"

    def side(tag: str, of: Mapping[str, int]) -> str:
        return block(tag, *[f'<speciesReference species="{s}" stoichiometry="{n}" constant="true"/>' for s, n in of.items()])

    return block(
        f'reaction metaid="{meta}" sboTerm="SBO:0000176" id="{r.id}" name={quoteattr(r.id.replace("_", " "))} '
        f'reversible="{"true" if r.reversible else "false"}" fast="false"',
        *_said(meta, r.about, r.term),
        side("listOfReactants", r.consumes),
        side("listOfProducts", r.makes),
        block("kineticLaw", mathml(r.rate)),
    )


def _unit_definitions() -> str:
    written = []
    for ident, parts in UNITS.values():
        if parts:
            lines = [f'<unit kind="{k}" exponent="{e}" scale="{s}" multiplier="{_number(m)}"/>' for k, e, s, m in parts]
            written.append(block(f'unitDefinition id="{ident}"', block("listOfUnits", *lines)))
    return block("listOfUnitDefinitions", *written)


def sbml(model: Model) -> str:
    """The model as the text of an SBML file."""
    compartment, about, size, term = model.compartment
    rules = [block(f'assignmentRule variable="{q.id}"', mathml(q.formula)) for q in model.quantities if q.formula]
    rules += [block(f'rateRule variable="{q.id}"', mathml(q.rate)) for q in model.quantities if q.rate]
    starts = [block(f'initialAssignment symbol="{s.id}"', mathml(s.start)) for s in model.species if s.start]
    content = block(
        f'model metaid="_model" sboTerm="SBO:0000293" id="{model.id}" name={quoteattr(model.name)} substanceUnits="amol" '
        'timeUnits="second" volumeUnits="pL" extentUnits="amol"',
        _notes(*model.notes),
        _unit_definitions(),
        block(
            "listOfCompartments",
            block(
                f'compartment metaid="_{compartment}" sboTerm="SBO:0000290" id="{compartment}" name="{compartment}" '
                f'spatialDimensions="3" size="{_number(size)}" units="pL" constant="true"',
                *_said(f"_{compartment}", about, term),
            ),
        ),
        block("listOfSpecies", *[_species(s, compartment) for s in model.species]),
        block("listOfParameters", *[_quantity(q) for q in model.quantities]),
        *([block("listOfInitialAssignments", *starts)] if starts else []),
        block("listOfRules", *rules),
        block("listOfReactions", *[_reaction(r) for r in model.reactions]),
    )
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + block(f'sbml xmlns="{SBML}" level="3" version="1"', content) + "\n"


__all__ = ["Model", "Quantity", "Reaction", "Species", "sbml"]
