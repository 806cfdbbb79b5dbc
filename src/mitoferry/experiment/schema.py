"""The experiment file: what may stand in it. Version ``mitoferry/experiment@1``.

The base (well, cells, injury, treat) describes one well; every arm is a patch on it. The parts are in parts.py.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, StringConstraints, field_validator, model_validator

from mitoferry.experiment.parts import (
    Cells,
    CellsPatch,
    Duration,
    Injury,
    InjuryPatch,
    MediumPatch,
    Model,
    Name,
    Names,
    Text,
    Time,
    Treatment,
    Well,
    WellPatch,
    as_list,
)
from mitoferry.experiment.quantities import Amount, In, wrong

SCHEMA = "mitoferry/experiment@1"
MAX_ARMS, MAX_ACTIONS, MAX_MEASUREMENTS, MAX_TIMES = 200, 100, 100, 2000


class Measure(Model):
    """An assay at given times."""

    assay: str
    of: Names | None = Field(None, description="populations; without it the assay's own default")
    dish: Name | None = Field(None, description="a population: read in the dish in which it is prepared, not in the wells of the arms")
    at: Annotated[tuple[Time, ...], BeforeValidator(as_list), Field(max_length=MAX_TIMES)] | None = None
    every: Duration | None = None
    from_: Time | None = Field(None, alias="from")
    until: Time | None = None
    options: dict[str, float | str] = Field(default_factory=dict, max_length=50)

    @model_validator(mode="after")
    def _when(self) -> Measure:
        if (self.at is None) == (self.every is None):
            raise wrong("either at or every", "both" if self.at else "neither", "as in 'at: [24 h]' or 'every: 1 h'")
        if self.at is not None and (self.from_ is not None or self.until is not None):
            raise wrong("from and until only with every", "at with from or until")
        return self


class Clocks(Model):
    """Steps of the loop."""

    macro: Duration = Amount("60 s", 60.0, "s")
    mitochondria: Duration = Amount("300 s", 300.0, "s")
    quality: Duration = Amount("600 s", 600.0, "s")


class Run(Model):
    """How long, how often, with which random numbers."""

    until: Duration
    replicates: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 3
    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)] = 1
    clocks: Clocks = Field(default_factory=Clocks)
    save_every: Duration | None = None
    detail: Names | None = Field(None, description="arms of which one well is saved mitochondrion by mitochondrion at every saved time")
    checkpoint_every: Annotated[Amount, In("s", low=1.0, high=1e6, example="30 s")] = Amount("30 s", 30.0, "s")


WITHIN_ARM = "within_arm"


class Against(Model):
    """The other reading of the same arm; what is not named is that of the finding."""

    observable: str | None = None
    readout: str | None = None
    of: str | None = None
    at: Time | None = None

    @model_validator(mode="after")
    def _names(self) -> Against:
        if self.observable is not None and self.readout is not None:
            raise wrong("one of readout and observable", "both")
        if not any(getattr(self, key) is not None for key in ("observable", "readout", "of", "at")):
            raise wrong("at least one of observable, readout, of, at", "none", "as in 'against: {at: 4 h}'")
        return self

    @property
    def name(self) -> str | None:
        """Name of its observable, None for that of the finding."""
        return self.observable or self.readout


class Expect(Model):
    """A finding that the experiment is held against. Names are those of the cards of the evidence."""

    finding: Annotated[str, StringConstraints(max_length=120)]
    readout: str | None = None
    observable: str | None = None
    of: str | None = None
    arm: str
    versus: str | None = None
    against: Against | None = Field(None, description="with versus: within_arm, the other reading of the same arm")
    from_: str | None = Field(None, alias="from", description="where the flow comes from; default donor")
    to: str | None = Field(None, description="where the flow goes; default recipient")
    direction: Literal[
        "increase", "decrease", "abolish", "restore", "no_change", "present", "absent", "unidirectional", "bidirectional", "withheld"
    ]
    at: Time | None = None
    note: Text | None = None
    calibrated: Text | None = Field(None, description="what was set by looking at these arms; agreement is then no evidence")

    @model_validator(mode="after")
    def _names(self) -> Expect:
        if (self.readout is None) == (self.observable is None):
            raise wrong("one of readout and observable", "both" if self.readout else "neither")
        return self

    @property
    def name(self) -> str:
        """Name of the observable."""
        return self.observable or self.readout or ""


class Arm(Model):
    """A patch on the base. What is not named stays as it is."""

    about: Text | None = None
    like: str | None = Field(None, description="another arm to start from instead of the base")
    without: Names = Field((), description="populations, names of injuries, or 'injury' and 'treat' for all of them")
    well: WellPatch | None = None
    medium: MediumPatch | None = Field(None, description="short for well.medium")
    cells: dict[str, CellsPatch] = Field(default_factory=dict)
    injury: Any = Field(None, description="a list replaces the injuries; a mapping by name changes them")
    treat: Annotated[list[Treatment], Field(max_length=MAX_ACTIONS)] = Field(default_factory=list)

    @field_validator("injury", mode="plain", json_schema_input_type=list[Injury] | dict[str, InjuryPatch])
    @classmethod
    def _injury(cls, value: Any) -> Any:
        if value is not None and not isinstance(value, (list, dict)):
            raise wrong("a list of injuries, or a mapping of changes by the injury's name", value)
        return value


class Haplotype(Model):
    """What a haplotype of mtDNA does."""

    pathogenic: bool = False


class Plan(Model):
    """One arm after its patches: everything that describes its wells."""

    well: Well = Field(default_factory=Well)
    cells: dict[Name, Cells]
    injury: Annotated[list[Injury], Field(max_length=MAX_ACTIONS)] = Field(default_factory=list)
    treat: Annotated[list[Treatment], Field(max_length=MAX_ACTIONS)] = Field(default_factory=list)


class Experiment(Plan):
    """An experiment file.

    ``plans`` holds each arm with its patches applied, in the order of the file; an experiment without arms has one,
    called "base". ``source`` is where it came from.
    """

    schema_: Literal["mitoferry/experiment@1"] = Field(alias="schema")
    title: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    question: Text | None = None
    sources: Annotated[tuple[str, ...], BeforeValidator(as_list)] = ()
    notes: Text | None = None
    cells: Annotated[dict[Name, Cells], Field(min_length=1, max_length=16)]
    haplotypes: dict[str, Haplotype] = Field(default_factory=dict)
    arms: Annotated[dict[Name, Arm | None], Field(max_length=MAX_ARMS)] = Field(default_factory=dict)
    measure: Annotated[list[Measure], Field(max_length=MAX_MEASUREMENTS)] = Field(default_factory=list)
    run: Run
    expect: Annotated[list[Expect], Field(max_length=500)] = Field(default_factory=list)
    parameters: dict[str, float | str] = Field(default_factory=dict)
    switches: dict[str, str] = Field(default_factory=dict)

    _name: str = PrivateAttr("experiment")
    _where: str = PrivateAttr("")
    _text: str = PrivateAttr("")
    _overrides: dict[str, Any] = PrivateAttr(default_factory=dict)
    _plans: dict[str, Plan] = PrivateAttr(default_factory=dict)

    @property
    def name(self) -> str:
        """Short name: the file's name without its ending."""
        return self._name

    @property
    def where(self) -> str:
        """File that it was read from."""
        return self._where

    @property
    def text(self) -> str:
        """The file as read."""
        return self._text

    @property
    def overrides(self) -> dict[str, Any]:
        """Changes of the file that were asked for: path to value."""
        return self._overrides

    @property
    def plans(self) -> dict[str, Plan]:
        """Arm name to the arm after its patches."""
        return self._plans


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the experiment file, for editors."""
    schema = Experiment.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA, **schema, "title": "mitoferry experiment"}
