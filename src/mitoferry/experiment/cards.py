"""Cards of experiments: what ``mitoferry list`` and ``mitoferry show`` print."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mitoferry.experiment.observables import observable
from mitoferry.experiment.parts import Cells, Injected, Injury, Isolated, Package, Prepared, Treatment, role_of
from mitoferry.experiment.reader import load_experiment
from mitoferry.experiment.schema import WITHIN_ARM, Expect, Experiment, Plan

WIDTH = 100


def title_of(path: Path) -> str:
    """Title of an experiment file, read from its first lines only; "" if it has none there."""
    try:
        with path.open(encoding="utf-8") as stream:
            for _, line in zip(range(40), stream, strict=False):
                if line.startswith("title:"):
                    return line.removeprefix("title:").strip().strip("'\"")
    except (OSError, ValueError):
        pass
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentCard:
    """An experiment in words.

    Attributes:
        name, title, question, notes: as in the file.
        sources: keys of the evidence ("bagheri2020:ref47").
        cells: one line per population.
        injury: one line per injury.
        arms: name and description of each arm.
        measured: one line per assay.
        run: how long and how often.
        findings: one line per finding that the experiment is held against.
    """

    name: str
    title: str
    question: str
    notes: str
    sources: tuple[str, ...]
    cells: tuple[str, ...]
    injury: tuple[str, ...]
    arms: tuple[tuple[str, str], ...]
    measured: tuple[str, ...]
    run: str
    findings: tuple[str, ...]

    def __str__(self) -> str:
        parts = [f"{self.name}: {self.title}"]
        if self.question:
            parts.append(_wrapped(self.question))
        if self.sources:
            parts.append("Sources: " + ", ".join(self.sources))
        parts.append(_block("Cells", self.cells))
        if self.injury:
            parts.append(_block("Injury", self.injury))
        width = max(len(name) for name, _ in self.arms)
        parts.append(_block("Arms", [f"{name:<{width}}  {words}" for name, words in self.arms], hanging=width + 4))
        parts.append(_block("Measured", self.measured))
        parts.append("Run: " + self.run)
        if self.findings:
            parts.append(_block("Held against", self.findings))
        if self.notes:
            parts.append("Notes:\n" + _wrapped(self.notes, "  "))
        return "\n\n".join(parts)


def experiment_card(experiment: Experiment | str | Path) -> ExperimentCard:
    """The card of an experiment, by its name, its path, or as read."""
    e = experiment if isinstance(experiment, Experiment) else load_experiment(experiment)
    base = Plan.model_construct(well=e.well, cells=e.cells, injury=e.injury, treat=e.treat)
    return ExperimentCard(
        name=e.name,
        title=e.title,
        question=e.question or "",
        notes=" ".join((e.notes or "").split()),
        sources=e.sources,
        cells=tuple(cells_text(name, cells) for name, cells in e.cells.items()),
        injury=tuple(action_text(i) for i in e.injury),
        arms=tuple((name, arm_text(e, name, plan, base)) for name, plan in e.plans.items()),
        measured=tuple(_measure_text(e, n) for n in range(len(e.measure))),
        run=f"{e.run.until}, {e.run.replicates} replicate{'s' if e.run.replicates != 1 else ''} (wells) per arm, seed {e.run.seed}",
        findings=tuple(finding_text(x) for x in e.expect),
    )


def experiment_card_text(experiment: Experiment | str | Path) -> str:
    """The card as text for a terminal."""
    return str(experiment_card(experiment))


def cells_text(name: str, cells: Cells) -> str:
    """One population in words."""
    number = f"{cells.count} cells" if cells.count is not None else f"{cells.density or cells.per_volume}"
    words = [f"{name} ({role_of(name, cells)}): {number} of {cells.type}"]
    if cells.added.value > 0:
        words.append(f"added at {cells.added}")
    if cells.label.genetic:
        words.append(f"genetic label {cells.label.genetic}")
    if cells.label.tracker:
        words.append(f"loaded with {cells.label.tracker}")
    if cells.rho0:
        words.append("without mtDNA")
    words += [f"{share} {h}" for h, share in cells.haplotypes.items()]
    return "; ".join([", ".join(words), *([prepared_text(cells.prepared)] if cells.prepared is not None else [])])


def prepared_text(given: Prepared) -> str:
    """A dish of preparation in words."""
    words = [f"prepared before from {given.from_} on in a {'block' if given.well.kind == 'block' else 'dish'} of their own"]
    words += [f"of {given.count} of them"] if given.count is not None else []
    held = [cells_text(name, cells).replace(" (None):", ":", 1) for name, cells in given.cells.items()]
    words += ["with " + " and ".join(held)] if held else []
    parts = [" ".join(words), *map(action_text, given.injury), *map(action_text, given.treat)]
    medium = given.well.medium
    fresh = {key: getattr(medium, key) for key in (*medium.values(), "extras") if getattr(medium, key)}
    parts += ["medium with " + ", ".join(f"{k} {v}" for k, v in fresh.items() if k != "extras")] if set(fresh) - {"extras"} else []
    parts += [f"{drug} {dose} dissolved in it" for drug, dose in medium.extras.items()]
    return "; ".join(parts) + (" (the dish goes on)" if given.goes_on else "")


def action_text(action: Injury | Treatment) -> str:
    """A timed change in words."""
    if isinstance(action, Injury):
        words = [action.do, *([str(action.dose)] if action.dose else [])]
        words += [f"{key} {value}" for key in ("oxygen", "glucose") if (value := getattr(action, key)) is not None]
    elif action.kind == "drug":
        words = [str(action.drug), *([str(action.dose)] if action.dose else [])]
    elif action.kind == "gene":
        words = [str(action.gene), *([action.change] if action.change else []), *([f"to {action.level}"] if action.level else [])]
    elif action.mitochondria is not None:
        words = isolated_words(action.mitochondria)
    elif action.given is not None:
        words = given_words(action.given)
    elif action.kind == "medium" and action.medium is not None:
        words = ["medium with", ", ".join(f"{key} {getattr(action.medium, key)}" for key in action.medium.values())]
    elif action.take_out is not None:
        words = [f"{action.efficiency} of" * (action.efficiency is not None), " and ".join(action.take_out), "taken out"]
        words += [f"(losing {action.losses} of the others)"] if action.losses is not None else []
        return f"{' '.join(w for w in words if w)}, at {action.at}"
    else:
        words = ["fresh medium"]
    end = f" until {action.until}" if action.until is not None else ""
    on = f", on {' and '.join(action.on)}" if action.on else ""
    return f"{' '.join(words)}, {'at' if words == ['fresh medium'] else 'from'} {action.from_}{end}{on}"


def given_words(given: Any) -> list[str]:
    """Vesicles, injected mitochondria or a graft in words."""
    numbers = {key: value for key in ("count", "per_cell", "per_recipient", "dose") if (value := getattr(given, key, None)) is not None}
    number = ", ".join(f"{value} {key.replace('_', ' ')}".removesuffix(" count") for key, value in numbers.items())
    if isinstance(given, Package):
        return [f"{number} vesicles ({given.kind}) of {given.type} with {given.mitochondria} mitochondria each"]
    if isinstance(given, Injected):
        return [f"{number} mitochondria of {given.type} by a needle into each cell of {' and '.join(given.into)}"]
    words = [f"graft '{given.name}' of {given.type} ({number} cells, {given.route})"]
    return [*words, f"[{prepared_text(given.prepared)}]"] if given.prepared is not None else words


def isolated_words(given: Isolated) -> list[str]:
    """Isolated mitochondria in words."""
    number = f"{given.per_cell} mitochondria per cell" if given.per_cell is not None else f"{given.count} mitochondria"
    number = number if given.dose is None else f"{given.dose} mitochondria to the organ"
    words = [f"{number} isolated from {given.type}"]
    words += [f"({given.viability} viable)"] if given.viability is not None else []
    words += [f"by the route {given.route}"] if given.route != "medium" else []
    words += [f"centrifuged for {given.centrifugation}"] if given.centrifugation is not None else []
    return words


def arm_text(e: Experiment, name: str, plan: Plan, base: Plan) -> str:
    """What an arm differs in from the base."""
    words = []
    missing = [p for p in base.cells if p not in plan.cells]
    words += [f"without {p}" for p in missing]
    if base.injury and not plan.injury:
        words.append("without injury")
    elif plan.injury != base.injury:
        words += [action_text(i) for i in plan.injury]
    words += [action_text(t) for t in plan.treat if t not in base.treat]
    words += ["without treatment"] * bool(base.treat and not plan.treat)
    if plan.well.insert is not None and base.well.insert is None:
        words.append(f"{plan.well.insert.holds} on an insert with pores of {plan.well.insert.pore}")
    if plan.well.size != base.well.size:
        words.append(f"well of {plan.well.size}")
    if plan.well.medium != base.well.medium:
        words += [
            f"{k} {getattr(plan.well.medium, k)}"
            for k in plan.well.medium.values()
            if getattr(plan.well.medium, k) != getattr(base.well.medium, k)
        ]
    words += [cells_text(p, c) for p, c in plan.cells.items() if p in base.cells and c != base.cells[p]]
    arm = e.arms.get(name)
    if arm is not None and arm.about:
        words.append(f"({arm.about})")
    return "; ".join(words) or "as above"


def _measure_text(e: Experiment, n: int) -> str:
    m = e.measure[n]
    times = f"every {m.every}" if m.every is not None else "at " + ", ".join(map(str, m.at or ()))
    where = f" in the dish of {m.dish}" if m.dish else ""
    return f"{m.assay}{' of ' + ' and '.join(m.of) if m.of else ''}{where} {times}"


def finding_text(x: Expect) -> str:
    """A finding in words, with a mark on surrogates."""
    seen = observable(x.name)
    versus = f" against {_other_reading(x) if x.versus == WITHIN_ARM else x.versus}" if x.versus else ""
    surrogate = (
        " [surrogate]" if seen is not None and seen.surrogate else " [outside the model]" if seen is not None and seen.outside else ""
    )
    return f"{x.finding}: {x.name} {x.direction} in {x.arm}{versus}{surrogate}"


def _other_reading(x: Expect) -> str:
    """The other reading of a contrast within an arm, in words."""
    a = x.against
    if a is None:
        return "its neutral value"
    words = [a.name or "the same", *([f"of {a.of}"] if a.of else []), *([f"at {a.at}"] if a.at else [])]
    return " ".join(words)


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def _block(title: str, lines: tuple[str, ...] | list[str], hanging: int = 4) -> str:
    indent = " " * hanging
    return "\n".join([f"{title}:", *(textwrap.fill(line, WIDTH, initial_indent="  ", subsequent_indent=indent) for line in lines)])
