"""Parts of the experiment file: quantities, well, populations, injuries, treatments, and the patches of arms.

Models forbid unknown keys and are frozen. Names of cell types and drugs are checked later (check.py), against the library.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, create_model, field_validator, model_validator

from mitoferry.experiment.quantities import Amount, In, wrong

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
Text = Annotated[str, StringConstraints(max_length=20_000)]
Time = Annotated[Amount, In("s", high=3.2e8, example="4 h")]
Duration = Annotated[Amount, In("s", high=3.2e8, above=True, example="24 h")]
Length = Annotated[Amount, In("um", high=1e6, above=True, example="600 um")]
Share = Annotated[Amount, In("1", high=1.0, example="80 %")]
Dose = Annotated[Amount, In("", example="350 nM")]
Factor = Annotated[Amount, In("1", high=1e6, example="0.3")]
Many = Annotated[Amount, In("1", high=1e18, above=True, example="1e7")]
Density = Annotated[Amount, In("1/cm^2", high=1e9, above=True, example="5e4 1/cm^2")]
PerVolume = Annotated[Amount, In("1/mL", high=1e12, above=True, example="3e7 1/mL")]
Volume = Annotated[Amount, In("mL", high=1e6, above=True, example="0.2 mL")]
Millimolar = Annotated[Amount, In("mM", high=1e3, example="5.5 mM")]
Micromolar = Annotated[Amount, In("uM", high=1e5, example="100 uM")]
Oxygen = Annotated[Amount, In("uM", high=1100.0, species="oxygen", example="18 %")]
Cytokine = Annotated[Amount, In("ng/mL", high=1e6, example="10 ng/mL")]
Count = Annotated[int, Field(ge=0, le=50_000_000, strict=True)]


def as_list(value: Any) -> Any:
    """One value where a list may stand."""
    return value if isinstance(value, list) else [value]


Names = Annotated[tuple[str, ...], BeforeValidator(as_list)]


class Model(BaseModel):
    """Base of all parts of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Substances(Model):
    """Concentrations of the medium."""

    oxygen: Oxygen | None = None
    glucose: Millimolar | None = None
    lactate: Millimolar | None = None
    calcium: Millimolar | None = None
    atp: Micromolar | None = None
    adp: Micromolar | None = None
    h2o2: Micromolar | None = None
    tnf_alpha: Cytokine | None = None
    il_1beta: Cytokine | None = None
    il_4: Cytokine | None = None
    il_5: Cytokine | None = None
    il_6: Cytokine | None = None
    il_8: Cytokine | None = None
    il_10: Cytokine | None = None
    il_13: Cytokine | None = None
    il_17: Cytokine | None = None
    il_33: Cytokine | None = None
    mcp_1: Cytokine | None = None
    mcp_3: Cytokine | None = None
    rantes: Cytokine | None = None
    eotaxin: Cytokine | None = None
    hgf: Cytokine | None = None
    vegf: Cytokine | None = None
    sdf_1: Cytokine | None = None
    tgf_beta: Cytokine | None = None
    interferon_1: Cytokine | None = None
    interferon_gamma: Cytokine | None = None
    extracellular_hmgb1: Cytokine | None = None
    prostaglandin_e2: Cytokine | None = None
    tsg_6: Cytokine | None = None

    def values(self) -> dict[str, float]:
        """Those that are given, in the engine's units."""
        return {name: getattr(self, name).value for name in Substances.model_fields if getattr(self, name) is not None}


class Medium(Substances):
    """Medium above the cells; ``extras`` are drugs dissolved in it from the start, by name."""

    height: Length = Amount("2 mm", 2000.0, "um")
    extras: dict[str, Dose] = Field(default_factory=dict)


class Insert(Model):
    """A porous membrane that carries one population above the others."""

    pore: Length = Amount("0.4 um", 0.4, "um")
    holds: str = Field("donor", description="population or role that sits on the insert")


class Well(Model):
    """Geometry and medium of a well."""

    kind: Literal["dish", "insert", "block"] = "dish"
    size: Length | Annotated[tuple[Length, ...], Field(min_length=2, max_length=3)] = Amount("600 um", 600.0, "um")
    periodic: bool = True
    voxel: Length = Amount("20 um", 20.0, "um")
    insert: Insert | None = None
    medium: Medium = Field(default_factory=Medium)
    template: str | None = Field(None, description="tissue of the library (mitoferry list tissues) that fills in what is not given here")
    perfusion: Factor | None = Field(None, description="flow of blood through a block, 1 = normal; substances of the medium come with it")
    clearance: Factor | None = Field(None, description="loss of extracellular nucleotides in a block, 1 = normal")
    haemoglobin: Factor | None = Field(None, description="oxygen that blood carries over what is dissolved in it, 1 = none; default 1")
    washout: Duration | None = Field(None, description="half-life of free mitochondria by the flow through a block")
    organ: Volume | None = Field(None, description="volume of the organ that the block is a part of; 'dose' counts what the organ gets")

    @field_validator("size", mode="plain", json_schema_input_type=str | list[str])
    @classmethod
    def _size(cls, value: Any) -> Any:
        one = In("um", high=1e6, above=True, example="600 um")
        if not isinstance(value, (list, tuple)):
            return one.parse(value)
        if len(value) not in (2, 3):
            raise wrong("one length, or two or three in a list", value)
        return tuple(one.parse(v) for v in value)

    def extent(self) -> tuple[float, float, float]:
        """Size in x, y, z [um]; a dish is 20 um deep unless three lengths are given."""
        if isinstance(self.size, Amount):
            edge = self.size.value
            return (edge, edge, edge if self.kind == "block" else 20.0)
        lengths = [s.value for s in self.size]
        return (lengths[0], lengths[1], lengths[2] if len(lengths) > 2 else 20.0)


class Label(Model):
    """How mitochondria are told apart by a microscope: a genetic label stays, a tracker dye leaks."""

    genetic: str | None = None
    tracker: str | None = None


class Cells(Model):
    """One population."""

    type: str
    count: Count | None = None
    density: Density | None = None
    per_volume: PerVolume | None = Field(None, description="cells per volume of a block")
    added: Time = Amount("0 h", 0.0, "s")
    role: Literal["recipient", "donor"] | None = None
    label: Label = Field(default_factory=Label)
    rho0: bool = False
    haplotypes: dict[str, Share] = Field(default_factory=dict, max_length=4)
    overrides: dict[str, Amount | float | str] = Field(default_factory=dict, max_length=50)
    prepared: Prepared | None = Field(None, description="a dish of their own in which the cells are until they are added")

    @model_validator(mode="after")
    def _one_number(self) -> Cells:
        given = [k for k in ("count", "density", "per_volume") if getattr(self, k) is not None]
        if len(given) > 1:
            raise wrong("either count or density", "both" if given == ["count", "density"] else " and ".join(given))
        if not given:
            raise wrong("a count or a density", "neither", "as in 'count: 100'")
        if sum(h.value for h in self.haplotypes.values()) > 1.0 + 1e-9:
            raise wrong("shares of haplotypes that add up to at most 100 %", ", ".join(str(h) for h in self.haplotypes.values()))
        return self

    @field_validator("overrides", mode="plain", json_schema_input_type=dict[str, str | float])
    @classmethod
    def _overrides(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise wrong("a mapping of numbers of the cell type", value)
        for item in value.values():
            if isinstance(item, bool) or not isinstance(item, (str, int, float)):
                raise wrong("a number, with its unit if it has one", item)
        return dict(value)


class Timed(Model):
    """What all timed changes share."""

    from_: Time = Field(Amount("0 h", 0.0, "s"), alias="from")
    until: Time | None = None
    on: Names | None = Field(None, description="donor, recipient, both, medium, or names of populations")
    note: Text | None = None


class Injury(Timed):
    """An injury of the library with its dose; ``oxygen`` and ``glucose`` replace the record's levels."""

    do: str
    dose: Dose | None = None
    oxygen: Oxygen | None = None
    glucose: Millimolar | None = None


class Given(Model):
    """What all mitochondria and cells that are given share: what they are."""

    type: str = Field(description="cell type")
    label: Label = Field(default_factory=Label)
    rho0: bool = False
    haplotypes: dict[str, Share] = Field(default_factory=dict, max_length=4)

    @model_validator(mode="after")
    def _shares(self) -> Given:
        if sum(h.value for h in self.haplotypes.values()) > 1.0 + 1e-9:
            raise wrong("shares of haplotypes that add up to at most 100 %", ", ".join(str(h) for h in self.haplotypes.values()))
        return self

    def one_of(self, *keys: str) -> None:
        """Exactly one of these keys must be given."""
        given = [k for k in keys if getattr(self, k) is not None]
        if len(given) != 1:
            two = len(keys) == 2
            found = ("both" if two else " and ".join(given)) if given else "neither" if two else "none of them"
            named = " and ".join(keys) if two else ", ".join(keys)
            raise wrong(f"one of {named}", found, f"as in '{keys[0]}: 100'")

    def cells(self) -> Cells:
        """The cells that they come from: donors, so that qPCR can tell their mtDNA apart."""
        return Cells(type=self.type, count=0, role="donor", label=self.label, rho0=self.rho0, haplotypes=self.haplotypes)


class Microtunnels(Model):
    """Artificial microtunnels (Sendai virus envelopes) between donor and recipient cells."""

    donor: Names = Field(("donor",), description="populations or role that give")
    recipient: Names = Field(("recipient",), description="populations or role that receive")
    length: Annotated[Amount, In("um", low=1.0, high=50.0, example="5 um")] = Amount("5 um", 5.0, "um")
    mitochondria: Annotated[int, Field(ge=1, le=1000, strict=True)] = Field(1, description="how many each tunnel passes at most")


class Sited(Given):
    """What can be put at a site of a block."""

    site: Length | Annotated[tuple[Length, ...], Field(min_length=3, max_length=3)] | None = Field(
        None, description="place in the block, three lengths; default: its centre"
    )
    spread: Length | None = Field(None, description="standard deviation about the site; without it all over the block")

    @field_validator("site", mode="plain", json_schema_input_type=list[str] | None)
    @classmethod
    def _site(cls, value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, (list, tuple)) or len(value) != 3:
            raise wrong("three lengths in a list", value)
        return tuple(In("um", high=1e6, example="60 um").parse(v) for v in value)


class Isolated(Sited):
    """Isolated mitochondria that are added to the medium, injected at a site of a block, or given from outside it."""

    per_cell: Factor | None = Field(None, description="mitochondria per cell seeded in the well")
    count: Count | None = Field(None, description="mitochondria per well")
    dose: Many | None = Field(None, description="mitochondria given to the organ, of which the block gets its share by volume")
    route: Literal["medium", "injection", "intravenous", "intracoronary", "intranasal"] = "medium"
    viability: Share | None = Field(None, description="share with potential when added; default: parameter isolated_mitochondria.viability")
    centrifugation: Duration | None = Field(None, description="time in the centrifuge after they are added; dish only")
    washout: Duration | None = Field(None, description="half-life of those that are free, by the flow through a block; block only")

    @model_validator(mode="after")
    def _one_number(self) -> Isolated:
        self.one_of(*(("per_cell", "count") if self.dose is None else ("per_cell", "count", "dose")))
        return self


class Package(Given):
    """Vesicles with mitochondria, put into the medium."""

    kind: Literal["microvesicle", "mitovesicle", "exopher", "apoptotic_body"] = "mitovesicle"
    count: Count | None = Field(None, description="vesicles per well")
    per_cell: Factor | None = Field(None, description="vesicles per cell seeded in the well")
    mitochondria: Annotated[int, Field(ge=1, le=16, strict=True)] = Field(1, description="in each vesicle")
    viability: Share | None = Field(None, description="share with potential when added; default: parameter vesicle_packages.viability")

    @model_validator(mode="after")
    def _one_number(self) -> Package:
        self.one_of("per_cell", "count")
        return self


class Injected(Given):
    """Isolated mitochondria that a needle puts into cells."""

    count: Annotated[Amount, In("1", high=1e6, above=True, example="100")] = Field(description="mitochondria per cell, on average")
    into: Names = Field(("recipient",), description="populations or roles")
    viability: Share | None = Field(None, description="share with potential; default: parameter isolated_mitochondria.viability")


class Grafted(Sited):
    """Cells that are grafted into a block; the graft is a population of its own."""

    name: Name = Field("graft", description="name of the population, for measure and treat")
    count: Count | None = Field(None, description="cells offered to the block")
    per_recipient: Factor | None = Field(None, description="cells offered per recipient seeded in the block")
    dose: Many | None = Field(None, description="cells given to the organ, of which the block is offered its share by volume")
    route: Literal["local", "intravenous"] = "local"
    overrides: dict[str, Amount | float | str] = Field(default_factory=dict, max_length=50)
    prepared: Prepared | None = Field(None, description="a dish of their own in which the cells are until they are grafted")

    @field_validator("overrides", mode="plain", json_schema_input_type=dict[str, str | float])
    @classmethod
    def _overrides(cls, value: Any) -> Any:
        return Cells._overrides(value)

    @model_validator(mode="after")
    def _one_number(self) -> Grafted:
        self.one_of("count", "per_recipient", "dose")
        return self

    def cells(self) -> Cells:
        """The grafted cells as a population of donors."""
        return super().cells().model_copy(update={"overrides": self.overrides, "prepared": self.prepared})


KINDS = ("drug", "gene", "medium", "wash", "mitochondria", "vesicles", "inject", "graft", "microtunnels", "take_out")


class Treatment(Timed):
    """A drug, a gene change, new medium, a wash, mitochondria (isolated, in vesicles, by a needle), a graft, microtunnels, taking out."""

    drug: str | None = None
    dose: Dose | None = None
    gene: str | None = None
    change: str | None = None
    level: Factor | None = Field(None, description="what is left of the gene's product, 1 = all")
    medium: Substances | None = None
    wash: bool | None = None
    mitochondria: Isolated | None = None
    microtunnels: Microtunnels | None = None
    vesicles: Package | None = None
    inject: Injected | None = None
    graft: Grafted | None = None
    take_out: Names | None = Field(None, description="populations or roles whose cells leave the well (sorting, beads, trypsin)")
    at: Time | None = Field(None, description="when cells are taken out")
    efficiency: Share | None = Field(None, description="share of them that leaves; default: parameter cell_removal.efficiency")
    losses: Share | None = Field(None, description="share of all other cells of the well that is lost with them; default none")

    @model_validator(mode="after")
    def _one_kind(self) -> Treatment:
        kinds = [k for k in KINDS if getattr(self, k) is not None]
        if len(kinds) != 1:
            raise wrong("exactly one of " + ", ".join(KINDS), " and ".join(kinds) or "none of them")
        if self.wash is False:
            raise wrong("wash: true", False)
        if self.dose is not None and self.drug is None:
            raise wrong("a dose only with a drug", self.dose.text)
        if (self.change is not None or self.level is not None) and self.gene is None:
            raise wrong("change and level only with a gene", self.change or str(self.level))
        if self.on is not None and self.microtunnels is not None:
            raise wrong("microtunnels without on", ", ".join(self.on), "microtunnels have keys donor and recipient")
        if self.on is not None and self.mitochondria is not None:
            raise wrong("mitochondria without on", ", ".join(self.on), "mitochondria in the medium reach every cell")
        if self.on is not None and kinds[0] in ("vesicles", "inject", "graft"):
            raise wrong(f"{kinds[0]} without on", ", ".join(self.on), "inject: {into: ...} names cells" if self.inject is not None else "")
        if self.until is not None and kinds[0] in ("inject", "graft"):
            raise wrong(f"{kinds[0]} without until", self.until.text, "it is given once")
        return self

    @model_validator(mode="after")
    def _taken_out(self) -> Treatment:
        if self.take_out is None:
            only = next((k for k in ("at", "efficiency", "losses") if getattr(self, k) is not None), None)
            if only is not None:
                raise wrong(f"{only} only with take_out", str(getattr(self, only)), "other treatments begin 'from' a time")
            return self
        if not self.take_out:
            raise wrong("at least one population or role in take_out", "none", "as in 'take_out: donor'")
        if self.at is None:
            raise wrong("take_out with the time 'at'", "none", "as in '{take_out: donor, at: 24 h}'")
        given = next((k for k in ("from", "until", "on") if (k if k != "from" else "from_") in self.model_fields_set), None)
        if given is not None:
            raise wrong(f"take_out without {given}", f"'{given}'", "cells leave once, 'at' a time, and take_out names them")
        return self

    @property
    def given(self) -> Given | None:
        """The mitochondria or cells that it brings, if it brings any."""
        return self.mitochondria or self.vesicles or self.inject or self.graft

    @property
    def kind(self) -> str:
        """Which of :data:`KINDS` it is."""
        return next(k for k in KINDS if getattr(self, k) is not None)


class Prepared(Model):
    """A dish in which a population is prepared before it is put into its well: that population, and all that is done to it there."""

    from_: Time = Field(Amount("0 h", 0.0, "s"), alias="from", description="when the population is put into the dish")
    count: Count | None = Field(None, description="cells of the population in the dish; default: as many as are put into the well")
    well: Well = Field(default_factory=Well)
    cells: dict[Name, Cells] = Field(default_factory=dict, max_length=15, description="other populations of the dish")
    injury: Annotated[list[Injury], Field(max_length=100)] = Field(default_factory=list)
    treat: Annotated[list[Treatment], Field(max_length=100)] = Field(default_factory=list)
    goes_on: bool = Field(False, description="whether the rest of the dish is kept and simulated on when the cells have been taken")


Cells.model_rebuild()
Grafted.model_rebuild()
Treatment.model_rebuild()


def role_of(name: str, cells: Cells) -> str | None:
    """Role of a population: given, or read from its name ("recipient", "donor_b"); None if neither says."""
    if cells.role is not None:
        return cells.role
    return next((role for role in ("recipient", "donor") if role in name.lower()), None)


def _patch_of(model: type[Model], name: str, **replaced: Any) -> Any:
    """The same model with every key optional, for arms."""
    fields: dict[str, Any] = {}
    for key, info in model.model_fields.items():
        annotation = replaced.get(key, info.rebuild_annotation())
        fields[key] = (annotation | None, Field(None, alias=info.alias, description=info.description))
    return create_model(name, __base__=Model, **fields)


MediumPatch = _patch_of(Medium, "MediumPatch")
InsertPatch = _patch_of(Insert, "InsertPatch")
SizePatch = str | int | float | list[str | int | float]
WellPatch = _patch_of(Well, "WellPatch", size=SizePatch, medium=MediumPatch, insert=InsertPatch)
LabelPatch = _patch_of(Label, "LabelPatch")
_OVERRIDES = dict[str, float | str]
DishCellsPatch = _patch_of(Cells, "DishCellsPatch", label=LabelPatch, overrides=_OVERRIDES, prepared=Any)
_OthersPatch: Any = dict[str, DishCellsPatch | None]  # type: ignore[valid-type]
PreparedPatch = _patch_of(Prepared, "PreparedPatch", well=WellPatch, cells=_OthersPatch)
CellsPatch = _patch_of(Cells, "CellsPatch", label=LabelPatch, overrides=_OVERRIDES, prepared=PreparedPatch)
InjuryPatch = _patch_of(Injury, "InjuryPatch")
