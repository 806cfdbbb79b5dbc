"""What a record and a card of the evidence are. Light dataclasses; ``check.py`` holds the files against these types.

Fields that are not given in a file are ``None`` or empty: the reviews did not say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

Kind = Literal["experiment", "mechanism", "quantity", "clinical", "method", "question"]
Milieu = Literal["in_vitro", "in_vivo", "clinical", "none"]
Direction = Literal["increase", "decrease", "abolish", "restore", "no_change", "present", "absent", "unidirectional", "bidirectional"]
Expected = Literal[Direction, "withheld"]
Route = Literal[
    "tnt", "ev", "gap_junction", "cell_fusion", "free_mitochondria", "dendritic_network", "synaptosome", "phagocytosis", "artificial",
    "unspecified",
]  # fmt: skip
System = Literal[
    "adipose", "basic", "bone", "cancer", "cardiac", "chemotherapy", "clinical", "cornea_eye", "embryo", "immune", "inflammation",
    "ischemia", "kidney", "lung", "mitochondrial_disease", "neuro", "oxidative_stress", "transplantation",
]  # fmt: skip
Simulable = Literal["direct", "surrogate", "not_simulable"]
WITHIN_ARM = "within_arm"


class Strict:
    """Pydantic checks these types without conversions, and takes no unknown key."""

    __slots__ = ()
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}


def _words(*parts: str | None) -> str:
    return ", ".join(p for p in parts if p)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value(Strict):
    """A number that a review gives; two numbers are the ends of a range."""

    number: int | float | tuple[int | float, int | float]
    unit: str | None = None
    at: str | None = None

    def __str__(self) -> str:
        ends = self.number if isinstance(self.number, tuple) else (self.number,)
        text = " to ".join(f"{x:g}" for x in ends) + (f" {self.unit}" if self.unit else "")
        return f"{text} ({self.at})" if self.at else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Donor(Strict):
    """Donor cells of a record, as far as the review says."""

    cell: str | None = None
    species: str | None = None
    tissue: str | None = None
    preparation: str | None = None

    def __str__(self) -> str:
        return _words(self.cell, self.species, self.tissue, self.preparation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient(Strict):
    """Recipient cells of a record, as far as the review says."""

    cell: str | None = None
    species: str | None = None
    state: str | None = None

    def __str__(self) -> str:
        return _words(self.cell, self.species, self.state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manipulation(Strict):
    """What was changed, how, by which agent; ``on`` (of cards only): in which cells."""

    target: str
    change: str
    agent: str | None = None
    on: Literal["donor", "recipient", "both", "medium"] | None = None

    def __str__(self) -> str:
        return f"{self.target}: {self.change}" + (f" ({self.agent})" if self.agent else "") + (f" on {self.on}" if self.on else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Strict):
    """One finding of a review in our own words.

    Attributes:
        id: review and running number ("bagheri2020-087").
        study: number of the citation inside the review ("bagheri2020:ref47"), or the review's own text ("bagheri2020:text").
        where: section or table of the review.
        kind: experiment, mechanism, quantity, clinical, method or question.
        milieu: in_vitro, in_vivo, clinical or none.
        donor, recipient: cells, as far as given.
        stressor: what injures.
        route: ways of transfer that it is about.
        manipulation: what was changed on purpose.
        observable: what was seen or measured.
        comparator: against what; None where the review does not say.
        direction: of the outcome; None for open questions and the like.
        value: a number, where there is one.
        statement: the finding in one sentence.
        mechanism_terms: molecules and processes that it names.
    """

    id: str
    study: str
    where: str
    kind: Kind
    milieu: tuple[Milieu, ...]
    observable: str
    statement: str
    route: tuple[Route, ...] = ()
    mechanism_terms: tuple[str, ...] = ()
    donor: Donor = Donor()
    recipient: Recipient = Recipient()
    stressor: str | None = None
    manipulation: tuple[Manipulation, ...] = ()
    comparator: str | None = None
    direction: Direction | None = None
    value: Value | None = None

    @property
    def review(self) -> str:
        """Key of the review ("bagheri2020")."""
        return self.id.rpartition("-")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardCell(Strict):
    """A population of a card; where there are several, the second is the other donor or leg that ``note`` speaks of."""

    cell: str
    species: str | None = None
    note: str | None = None

    def __str__(self) -> str:
        return " ".join(p for p in (self.species, self.cell) if p) + (f" ({self.note})" if self.note else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardInjury(Strict):
    """Who is injured, by what."""

    target: Literal["donor", "recipient", "both", "none"]
    agent: str | None = None
    note: str | None = None

    def __str__(self) -> str:
        return f"{self.agent} on {self.target}" + (f" ({self.note})" if self.note else "") if self.agent else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardArm(Strict):
    """An arm of a card.

    Attributes:
        name: name that the experiment file uses too.
        cells: who is in it, in words.
        injury: whether the injury of the card is applied.
        manipulation: what else is changed.
        basis: "source": named or read in the review; "natural_control": a control added here.
        note: a remark.
    """

    name: str
    cells: str
    injury: bool
    basis: Literal["source", "natural_control"]
    manipulation: Manipulation | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFinding(Strict):
    """What was expected of which reading, in which arm, against which.

    Attributes:
        id: key of the card and a number ("msc-huvec-ogd#5").
        observable: what is read.
        arm: arm in which.
        versus: arm that it is compared with; "within_arm": with another reading of the same arm; None: a claim of presence or direction.
        direction: of the outcome; "withheld": kept back for blind checks.
        at: time, where given.
        value: number, where given.
        evidence: ids of records.
        comparator_stated: whether the review itself names the arm that is compared with.
        basis: "observed", or "derived" from a claim about a mechanism.
        title_only: known from the title of a cited paper only.
        note: a remark.
    """

    id: str
    observable: str
    arm: str
    direction: Expected
    comparator_stated: bool
    basis: Literal["observed", "derived"]
    title_only: bool
    versus: str | None = None
    at: str | None = None
    value: Value | None = None
    evidence: tuple[str, ...] = ()
    note: str | None = None

    @property
    def card(self) -> str:
        """Key of the card."""
        return self.id.rpartition("#")[0]

    def __str__(self) -> str:
        against = {None: "", WITHIN_ARM: ", within the arm"}.get(self.versus, f" against {self.versus}")
        return f"{self.id}: {self.observable} {self.direction} in {self.arm}{against}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card(Strict):
    """One experimental system of the reviews: cells, injury, arms, and what was found.

    Attributes:
        key: short name; the experiment file has the same.
        title: in our own words.
        system: field of biology.
        milieu: in_vitro, in_vivo, clinical.
        sources: citations, as ``Record.study``.
        evidence: ids of records.
        donor, recipient: cells; none, one or several.
        injury: what injures whom.
        routes: ways of transfer.
        routes_assumed: those that were filled in because the review names none.
        arms: arms with natural controls.
        expect: findings.
        conflicts: where the reviews disagree.
        physics_needed: what a simulation of it must hold; ``physics.json`` maps these terms to mechanisms.
        simulable: "direct", "surrogate" (something stands in for a part) or "not_simulable".
        simulable_note: what stands in, or why not.
        title_only: the card rests on a cited title only.
        biophysics_rows: rows of the table of systems from which the design of the model was made.
    """

    key: str
    title: str
    system: System
    milieu: tuple[Milieu, ...]
    sources: tuple[str, ...]
    injury: CardInjury
    arms: tuple[CardArm, ...]
    expect: tuple[CardFinding, ...]
    physics_needed: tuple[str, ...]
    simulable: Simulable
    title_only: bool
    evidence: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    routes_assumed: tuple[Route, ...] = ()
    donor: tuple[CardCell, ...] = ()
    recipient: tuple[CardCell, ...] = ()
    conflicts: str | None = None
    simulable_note: str | None = None
    biophysics_rows: tuple[int, ...] = ()

    def arm(self, name: str | None) -> CardArm | None:
        """The arm of that name; None if there is none."""
        return next((a for a in self.arms if a.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Physics(Strict):
    """Mechanisms that a term of ``physics_needed`` stands for; where there are none, ``note`` says why."""

    term: str
    mechanisms: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Concept(Strict):
    """Words for one thing ("CX43", "connexin 43", "GJA1"), and the mechanisms that a change of it acts on.

    What is ``broad`` (contact of cells, oxygen) touches much; of its mechanisms only those count that the card in question needs.
    """

    words: tuple[str, ...]
    mechanisms: tuple[str, ...] = ()
    broad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Review(Strict):
    """A review that the records paraphrase."""

    key: str
    about: str
    citation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictReading(Strict):
    """One of the readings between which the reviews leave the choice.

    Attributes:
        letter: "a", "b" ...; findings of the experiment whose id goes on with it after "#" belong to it.
        words: what is claimed.
        records: ids of the records that say so.
        needs: what would have to be true for it.
    """

    letter: str
    words: str
    records: tuple[str, ...]
    needs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict(Strict):
    """Something in which the reviews contradict each other or themselves; the experiment of the same name runs every reading.

    Attributes:
        key: name, also of the experiment ("conflict-direction").
        title: the question.
        cards: keys of the cards that are touched.
        readings: two or more.
        note: a remark.
    """

    key: str
    title: str
    cards: tuple[str, ...]
    readings: tuple[ConflictReading, ...]
    note: str | None = None
