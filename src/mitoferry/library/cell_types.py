"""Cell types: what is known of each, with unit, range, tag and source, and the numbers that the engine needs.

The table is ``data/cell_types.yaml``; other packages add types by an entry point of the group
``mitoferry.cell_types`` that gives the same format. The numbers of energetics (demand, glycolysis, leak) are not in
the table: they follow from oxygen use, share of oxidative phosphorylation and mitochondria by the closed form of
``library/scaling.py``.

A line without mtDNA (``rho0_of: a549``) has no copies and does not respire. What it holds on to is its parent's: the ATP use,
which glycolysis then makes alone, and the number of copies that it keeps once mtDNA has come in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any

from mitoferry.base.errors import InputError, Problem
from mitoferry.core.plate_spec import CellTypeNumbers
from mitoferry.library.parameters import nearest, values_for
from mitoferry.library.records import TAGS, check_evidence, data_path, raise_all, read_sources

FIELDS = (
    "volume", "radius", "height", "mitochondria", "mtdna", "oxygen_use", "oxphos_share", "substrate", "leak", "glycolytic_atp", "speed",
    "persistence", "filopodia", "cx43", "miro1", "uptake", "phagocyte", "release", "adhesion", "arrival_lysis", "arrival_fusion",
    "cycle_time", "contact_inhibition", "cytokine_sensitivity", "peroxide_enzymes", "cell_cv", "dendrites", "exophers", "synaptosomes",
    "tnf_secretion",
    "tlr9_level", "sting_level", "nlrp3_level", "macrophage", "m2_share", "t_helper", "cytotoxic", "attacker", "trap_former",
    "inflammatory_secretion", "trophic_secretion", "alarmin_secretion", "lymphokine_secretion",
    "nox2", "cd38", "hmgb1", "mct1", "o_glcnac", "icam1", "lfa1", "cd200r", "isec", "talin2", "gap43", "n_cadherin",
    "unsaturation", "iron", "senescent", "angiogenic", "calming_secretion", "scatter",
    "antigen_driven", "cleavage", "spontaneous_death", "dormancy",
    "vla4", "vcam1", "il_6_growth", "alpha_granules", "tissue_factor",
)  # fmt: skip
OF_A_FEW = ("dendrites", "synaptosomes", *FIELDS[FIELDS.index("tlr9_level") :])
"""Numbers of mechanisms in which few types take part, 0 in all others (m2_share counts where macrophage does)."""
DECIDING = (
    "mitochondria", "mtdna", "oxygen_use", "oxphos_share", "filopodia", "cx43", "miro1", "uptake", "arrival_lysis", "arrival_fusion",
)  # fmt: skip
"""Numbers on which transfer and what follows from it hinge most."""
SHARES = (
    "senescent", "angiogenic", "scatter", "contact_inhibition", "antigen_driven", "cleavage", "dormancy", "vla4", "vcam1",
    "il_6_growth", "tissue_factor",
)  # fmt: skip
Given = tuple[tuple[str, float], ...]
"""Names and values, as a key of what is kept."""
_OF_SCALING = ("leak", "glycolytic_atp")  # used by the closed form only


def _scaled(
    name: str, v: Mapping[str, float], parameters: Mapping[str, float] | None, parent: Mapping[str, float] | None = None
) -> CellTypeNumbers:
    """Demand, glycolysis, leak and cytosol of a type by ``library/scaling.py``; ``parent``: values of the line with mtDNA."""
    from mitoferry.library.scaling import energetics_parameters

    usual, given = energetics_parameters(), tuple((parameters or {}).items())
    p = _with(usual, tuple((k, x) for k, x in given if k.startswith("energetics."))) if given else usual
    values, of_parent = tuple(v.items()), None if parent is None else tuple(parent.items())
    oxidants = tuple((k, x) for k, x in given if k.startswith(("reactive_oxygen.", "damage.")))
    return _set_points(name, values, p, oxidants, of_parent)


@lru_cache(maxsize=64)
def _with(p: Any, given: Given) -> Any:
    """Parameters of the energetics with other values for those given by full name."""
    return p._replace(**values_for("energetics", overrides=dict(given)))


@lru_cache(maxsize=1024)
def _closed_form(name: str, values: Given, p: Any, of_parent: Given | None) -> Any:
    """The scaled cell; kept, since the arms of an experiment ask for the same few types many times.

    A run with other parameters of ``energetics`` leaves no type with less ATP at rest than those of the library do.
    """
    from mitoferry.library.scaling import atp_use, energetics_parameters, resting_state, scale_cell_type
    from mitoferry.library.set_points import demand_at_rest

    v, usual = dict(values), energetics_parameters()
    parent = None if of_parent is None else dict(of_parent)
    glycolytic = v["glycolytic_atp"]
    if parent is not None and glycolytic == 0.0:
        glycolytic = atp_use(parent["mitochondria"], parent["oxygen_use"], parent["oxphos_share"], p, leak=parent["leak"])
    scaled = scale_cell_type(
        v["mitochondria"], v["oxygen_use"], v["oxphos_share"], v["volume"], p, v["substrate"], leak=v["leak"], glycolytic_atp=glycolytic
    )
    if p == usual or v["oxygen_use"] <= 0.0:
        return scaled
    return demand_at_rest(scaled, p, resting_state(_closed_form(name, values, usual, of_parent), usual)["atp"])


@lru_cache(maxsize=1024)
def _leak(name: str, values: Given, p: Any, pmf_scale: float, of_parent: Given | None) -> Any:
    """Potential [mV] at which the type lives, and its electron leak there; kept, since it settles a cell."""
    from mitoferry.library.scaling import resting_leak

    return resting_leak(_closed_form(name, values, p, of_parent), p, pmf_scale=pmf_scale)


@lru_cache(maxsize=1024)
def _set_points(name: str, values: Given, p: Any, given: Given, of_parent: Given | None) -> CellTypeNumbers:
    """The numbers of a type with the set points of its rest; ``given``: parameters of ``reactive_oxygen`` and ``damage`` that differ."""
    from mitoferry.library.scaling import energetics_parameters
    from mitoferry.library.set_points import sensor_factor
    from mitoferry.processes.reactive_oxygen import AIR_OXYGEN, RESTING_NADH

    v, usual = dict(values), energetics_parameters()
    oxidants = (values_for("reactive_oxygen"), values_for("reactive_oxygen", overrides=_of("reactive_oxygen", given)))
    damage = (values_for("damage"), values_for("damage", overrides=_of("damage", given)))
    scaled = _closed_form(name, values, p, of_parent)
    derived = {f: getattr(scaled, f) for f in ("demand", "glycolysis", "nonmito", "leak_factor", "cytosol")}
    derived["resting_potential"], leak = _leak(name, values, p, oxidants[1]["pmf_scale"], of_parent)
    derived["antioxidant_level"] = max(leak, 1.0)
    if (p != usual or oxidants[0] != oxidants[1] or damage[0] != damage[1]) and leak > 0.0 and scaled.cytosol > 0.0:
        leaks = (_leak(name, values, usual, oxidants[0]["pmf_scale"], of_parent)[1], leak)
        content = RESTING_NADH * scaled.mitochondria / scaled.cytosol
        units = tuple(content * o["electron_leak"] * AIR_OXYGEN / (o["oxygen_half"] + AIR_OXYGEN) for o in oxidants)
        derived["redox_scale"] = sensor_factor(units, leaks, oxidants, damage)  # type: ignore[arg-type]
    numbers = {k: x for k, x in v.items() if k not in _OF_SCALING}
    if of_parent is not None and numbers["mtdna"] == 0.0:
        numbers["mtdna"] = dict(of_parent)["mtdna"]
    return CellTypeNumbers(name=name, **numbers, **derived)


def _of(process: str, given: Given) -> dict[str, float]:
    """Those of the parameters ``given`` by full name that are of ``process``."""
    return {k: x for k, x in given if k.startswith(f"{process}.")}


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTypeValue:
    """One number of a cell type: value and range in ``unit``, how well it is known, and where it comes from."""

    name: str
    value: float
    unit: str
    range: tuple[float, float]
    tag: str
    source: str
    about: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTypeRecord:
    """One cell type.

    Attributes:
        name: its name in experiment files.
        about: what it is.
        species: species of the cells behind the numbers.
        note: what else to know.
        values: one :class:`CellTypeValue` per name of :data:`FIELDS`.
        haplotypes: share of each mtDNA haplotype by name, unless the experiment says otherwise.
        ontology: id of the Cell Ontology ("CL:0000057") or Cellosaurus accession of the line ("CVCL_0023"); "" where not sure.
        rho0_of: name of the line with mtDNA that this line without mtDNA was made from; "" for all others.
        parent: values of that line by field name.
    """

    name: str
    about: str
    species: str
    note: str
    values: Mapping[str, CellTypeValue]
    haplotypes: Mapping[str, float] = field(default_factory=lambda: {"wild_type": 1.0})
    ontology: str = ""
    rho0_of: str = ""
    parent: Mapping[str, float] | None = None

    @property
    def rho0(self) -> bool:
        """Whether its cells have no mtDNA."""
        return bool(self.rho0_of)

    def unmeasured(self, overrides: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Deciding numbers (:data:`DECIDING`) by name with their tag, if none of them is measured, fitted or computed.

        Numbers in ``overrides`` are the user's own and do not count; empty if one of the others is measured.
        """
        tags = {name: self.values[name].tag for name in DECIDING if name not in (overrides or {})}
        return {} if any(tag not in "OC" for tag in tags.values()) else tags

    def used(self) -> dict[str, CellTypeValue]:
        """Its numbers without those of mechanisms that it takes no part in."""
        macrophage = self.values["macrophage"].value > 0.0
        idle = [n for n in OF_A_FEW if (self.values[n].value == 0.0 if n != "m2_share" else not macrophage)]
        return {n: v for n, v in self.values.items() if n not in idle}

    def value(self, name: str) -> float:
        """One number in the unit of its record."""
        return self.values[name].value

    def numbers(self, overrides: Mapping[str, float] | None = None, parameters: Mapping[str, float] | None = None) -> CellTypeNumbers:
        """The numbers that the engine needs, scaled to the type's own energetics.

        Args:
            overrides: values that replace those of the table, by field name.
            parameters: parameters by full name that differ from the library ("energetics.leak_conductance").

        Raises:
            InputError: an override names no field, is negative, or contradicts another number.
        """
        overrides = overrides or {}
        problems = [
            Problem(f"cell type {self.name}", name, "one of " + ", ".join(FIELDS), repr(name), hint=nearest(name, FIELDS))
            for name in overrides
            if name not in self.values
        ]
        problems += [
            Problem(f"cell type {self.name}", name, "a number of 0 or more", repr(x))
            for name, x in overrides.items()
            if not float(x) >= 0.0
        ]
        problems += [
            Problem(f"cell type {self.name}", name, "a share of 0 to 1", repr(overrides[name]))
            for name in SHARES
            if float(overrides.get(name, 0.0)) > 1.0
        ]
        raise_all(problems)
        values = {name: float(overrides.get(name, v.value)) for name, v in self.values.items()}
        try:
            return _scaled(self.name, values, parameters, self.parent)
        except ValueError as error:
            found = f"oxygen_use {values['oxygen_use']:g}, oxphos_share {values['oxphos_share']:g}, leak {values['leak']:g}"
            raise InputError(Problem(f"cell type {self.name}", "numbers", str(error), found)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class HaplotypeRecord:
    """One mtDNA haplotype: whether it impairs expression of the respiratory complexes."""

    name: str
    pathogenic: bool
    about: str
    tag: str
    source: str


@cache
def _load() -> tuple[Mapping[str, CellTypeRecord], Mapping[str, HaplotypeRecord]]:
    from mitoferry.library.cell_types_read import read_types, with_parents

    sources = list(read_sources([data_path("cell_types.yaml")], "mitoferry.cell_types"))
    base = dict(sources[0][1])
    base["haplotypes"] = {name: r for _, content in sources for name, r in (content.get("haplotypes") or {}).items()}
    types: dict[str, CellTypeRecord] = {}
    problems: list[Problem] = []
    for where, content in sources:
        found, wrong = read_types(where, content, base)
        problems += wrong
        problems += [Problem(where, f"types.{name}", "a new name", "a type of this name exists") for name in found if name in types]
        types.update(found)
    problems += with_parents("cell types", types)
    for name, raw in base["haplotypes"].items():
        problems += check_evidence("cell_types.yaml", f"haplotypes.{name}", raw, need=("tag", "source", "about"))
    raise_all(problems)
    haplotypes = {
        n: HaplotypeRecord(name=n, pathogenic=bool(r["pathogenic"]), about=r["about"], tag=r["tag"], source=r["source"])
        for n, r in base["haplotypes"].items()
    }
    return MappingProxyType(types), MappingProxyType(haplotypes)


def load_cell_types() -> dict[str, CellTypeRecord]:
    """All cell types by name.

    Raises:
        InputError: with all problems of the table.
    """
    return dict(_load()[0])


def load_haplotypes() -> dict[str, HaplotypeRecord]:
    """All named mtDNA haplotypes."""
    return dict(_load()[1])


def cell_type(name: str) -> CellTypeRecord:
    """The cell type of that name.

    Raises:
        InputError: there is none; the message names the nearest.
    """
    types = _load()[0]
    if name not in types:
        raise InputError(Problem("cell types", name, "the name of a cell type", repr(name), hint=nearest(name, types)))
    return types[name]


__all__ = [
    "DECIDING", "FIELDS", "OF_A_FEW", "TAGS", "CellTypeRecord", "CellTypeValue", "HaplotypeRecord", "cell_type", "load_cell_types", "load_haplotypes",  # noqa: E501
]  # fmt: skip
