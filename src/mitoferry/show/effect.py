"""What the findings of an experiment owe to one mechanism: the experiment with it and without it, on the same random numbers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from mitoferry.base.errors import InputError, Problem
from mitoferry.experiment.mechanisms import mechanism, processes
from mitoferry.show.cell_card import wrapped

REPLICATES = 3


def effect_text(name: str, experiment: str, *, replicates: int = REPLICATES, threads: int | None = None, progress: bool = True) -> str:
    """Run an experiment with a mechanism and without it, and say which verdicts turn.

    Args:
        name: of the mechanism.
        experiment: name of a shipped experiment or path of a file.
        replicates: wells per arm of both runs; the same seed, so that wells are paired.
        threads: of the CPU backend.
        progress: show a bar for each of the two runs.

    Raises:
        InputError: no such mechanism or experiment, the experiment has no findings, or the mechanism is not at work in it.
    """
    from mitoferry.show.laboratory import load

    m = mechanism(name)
    given = load(experiment)
    if not given.definition.expect:
        raise InputError(Problem(experiment, "expect", "an experiment with findings to hold the runs against", "none"))
    spec = given.resolve(replicates=replicates)
    process = next(p for p in processes() if p.name == m.name)
    if not process.at_work(spec):
        why = "switched off by the file" if spec.switches.get(m.name) == "off" else "left out, since nothing there needs it"
        hint = f"mitoferry explain {m.name} lists those in which it runs"
        raise InputError(Problem(experiment, f"switches.{m.name}", "an experiment in which it is at work", why, hint=hint))
    with tempfile.TemporaryDirectory(prefix="mitoferry-effect-") as folder:
        both = [
            _findings(load(experiment, overrides=changes), Path(folder) / place, title, replicates, threads, progress)
            for place, title, changes in (
                ("with", f"{given.name} with {m.name}", {}),
                ("without", f"{given.name} without {m.name}", {f"switches.{m.name}": "off"}),
            )
        ]
    return compared(m.name, given.name, replicates, *both)


def _findings(experiment: Any, folder: Path, title: str, replicates: int, threads: int | None, progress: bool) -> list[Any]:
    from mitoferry.backends.choose import choose_backend
    from mitoferry.experiment.estimate import refuse_unless_it_fits
    from mitoferry.show.laboratory import open_run
    from mitoferry.show.live import watching
    from mitoferry.studies.run import start_run

    spec = experiment.resolve(replicates=replicates)
    refuse_unless_it_fits(spec, folder=folder)
    with watching(title, spec.until, show=progress) as report:
        path = start_run(
            spec, folder, choose_backend("auto", threads=threads), experiment=experiment.definition.model_dump(mode="json"), report=report
        )
    return list(open_run(path).findings())


def compared(name: str, experiment: str, replicates: int, with_it: list[Any], without: list[Any]) -> str:
    """The two lists of findings, which belong to each other one by one, in words: first those whose verdict turns."""
    pairs = list(zip(with_it, without, strict=True))
    turned = [(a, b) for a, b in pairs if a.verdict != b.verdict]
    same = [(a, b) for a, b in pairs if a.verdict == b.verdict]
    lines = [f"{experiment} with and without {name}, {replicates} wells per arm, same random numbers:"]
    lines.append(f"{len(turned)} of {len(pairs)} verdicts turn" + (":" if turned else "."))
    for a, b in turned:
        lines.append(wrapped(f"{a.sentence}: {a.verdict} with it, {b.verdict} without", "  ", "    "))
        lines.append(wrapped(f"with: {a.reason}", "    ", "      "))
        lines.append(wrapped(f"without: {b.reason}", "    ", "      "))
    if same:
        lines.append("the same either way:")
        lines += [wrapped(f"{a.sentence}: {a.verdict}", "  ", "    ") for a, _ in same]
    if replicates <= REPLICATES:
        lines.append(
            wrapped(f"{replicates} wells per arm decide little: a verdict may turn by chance. More with --replicates N.", "", "  ")
        )
    return "\n".join(lines)
