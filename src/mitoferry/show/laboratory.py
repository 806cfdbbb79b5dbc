"""The Python interface, and what the command line prints: load an experiment, run it, look at it.

>>> import mitoferry as mf
>>> r = mf.load("msc-huvec-ogd").run(replicates=3, seed=1)   # doctest: +SKIP
>>> r.table()                                                # doctest: +SKIP
"""

from __future__ import annotations

import importlib
import json
import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mitoferry.base.errors import InputError, MitoferryError, MitoferryWarning, Problem


class Experiment:
    """An experiment that was read and checked; :meth:`run` runs it.

    Attributes:
        name: name of the experiment.
        definition: its content, checked (``mitoferry.experiment.schema.Experiment``).
    """

    def __init__(self, definition: Any, *, source: str, overrides: Mapping[str, str]) -> None:
        self.definition = definition
        self.source = source
        self.overrides = dict(overrides)

    @property
    def name(self) -> str:
        """Name: that of the file."""
        return str(self.definition.name)

    @property
    def arms(self) -> list[str]:
        """Names of the arms."""
        return list(self.definition.arms) or ["base"]

    def with_changes(self, **changes: Any) -> Experiment:
        """A copy with keys changed; dots are written as double underscores: ``cells__donor__count=30``."""
        overrides = self.overrides | {k.replace("__", "."): str(v) for k, v in changes.items()}
        return load(self.source, overrides=overrides)

    def resolve(self, *, replicates: int | None = None, seed: int | None = None, arms: Sequence[str] | None = None) -> Any:
        """The plate as numbers (``mitoferry.core.plate_spec.PlateSpec``)."""
        from mitoferry.experiment.resolve import resolve

        return resolve(self.definition, replicates=replicates, seed=seed, arms=[arms] if isinstance(arms, str) else arms)

    def run(
        self,
        *,
        replicates: int | None = None,
        seed: int | None = None,
        arms: Sequence[str] | None = None,
        out: str | Path | None = None,
        threads: int | None = None,
        backend: str = "auto",
        progress: bool = True,
        command: str = "",
    ) -> Any:
        """Run all arms, or those named, and all replicates.

        Args:
            replicates: wells per arm; default what the file says.
            seed: seed of all random numbers.
            arms: names of the arms to run, default all. A well gives the same bytes whether or not other arms run.
            out: new folder for the results; default ``runs/<name>-<n>``.
            threads: threads of the CPU backend; the result does not depend on it.
            backend: "auto", "reference", "cpu" or "cuda".
            progress: show progress (a bar in terminals and notebooks).
            command: what the user typed, for the manifest.

        Returns:
            :class:`mitoferry.show.results.ShownResults`: tables, contrasts, findings, plots.

        Raises:
            InputError: bad options, a plate too large for this machine, or a folder that may not be used.
        """
        from mitoferry.backends.choose import choose_backend
        from mitoferry.experiment.estimate import refuse_unless_it_fits
        from mitoferry.show.live import watching
        from mitoferry.store.paths import check_new_folder, next_folder
        from mitoferry.studies.run import Finish, start_run

        spec = self.resolve(replicates=replicates, seed=seed, arms=arms)
        folder = next_folder(self.name) if out is None else out
        check_new_folder(folder)
        engine = choose_backend(backend, threads=threads)
        refuse_unless_it_fits(spec, folder=folder, on_device=engine.memory_left())
        with watching(self.name, spec.until, show=progress) as report:
            path = start_run(
                spec, folder, engine, experiment=self.definition.model_dump(mode="json"), report=report, command=command,
                finish=Finish(finish_run, prepare_to_finish),
            )  # fmt: skip
        return open_run(path)

    def __repr__(self) -> str:
        return f"<experiment {self.name}: {self.definition.title}; {len(self.arms)} arms>"

    def _repr_html_(self) -> str:
        import html

        arms = ", ".join(html.escape(a) for a in self.arms)
        return f"<b>{html.escape(self.name)}</b><br>{html.escape(self.definition.title)}<br><small>arms: {arms}</small>"


def experiments() -> list[str]:
    """Names of the experiments that come with mitoferry."""
    from mitoferry.experiment.reader import shipped

    return sorted(shipped())


def load(name_or_path: str | Path, *, overrides: Mapping[str, str] | Sequence[str] = ()) -> Experiment:
    """Read and check an experiment.

    Args:
        name_or_path: name of a shipped experiment, or path of a YAML file.
        overrides: changes of keys of the file or of parameters, ``{"cells.donor.count": "30"}`` or
            ``["cells.donor.count=30"]``.

    Raises:
        InputError: with every problem of the file at once.
    """
    from mitoferry.experiment.overrides import parse_assignments
    from mitoferry.experiment.reader import load_experiment

    changes = dict(overrides) if isinstance(overrides, Mapping) else parse_assignments(overrides)
    return Experiment(load_experiment(name_or_path, overrides=changes), source=str(name_or_path), overrides=changes)


def open_run(folder: str | Path) -> Any:
    """The results in the folder of a finished run."""
    from mitoferry.show.results import ShownResults

    return ShownResults(folder)


def prepare_to_finish() -> None:
    """Import what :func:`finish_run` needs: half a second, while the tables of the run are still written."""
    for library in ("scipy.special", "pandas", "jinja2", "PIL.WebPImagePlugin", "mitoferry.show.report", "mitoferry.show.results"):
        importlib.import_module(library)


def finish_run(folder: Path) -> None:
    """Write summary and report into the folder of a run whose tables are complete."""
    from mitoferry.show.report import write_report
    from mitoferry.show.results import ShownResults
    from mitoferry.show.sections.pictures import Drawing
    from mitoferry.store.atomic import write_json

    results = ShownResults(folder)
    drawing = Drawing(results)
    write_json(folder / "summary.json", results.summary())
    write_report(results, drawing)


# ---------------------------------------------------------------------- texts of the command line
def run_experiment(
    name: str,
    *,
    out: str | None,
    replicates: int | None,
    seed: int | None,
    arms: Sequence[str] | None,
    overrides: Sequence[str],
    threads: int | None,
    backend: str,
    command: str,
) -> Any:
    """What ``mitoferry run`` does; returns the results."""
    experiment = load(name, overrides=overrides)
    return experiment.run(replicates=replicates, seed=seed, arms=arms, out=out, threads=threads, backend=backend, command=command)


def resume_experiment(folder: str, *, threads: int | None = None, backend: str = "auto") -> Any:
    """What ``mitoferry resume`` does; returns the results."""
    from mitoferry.backends.choose import choose_backend
    from mitoferry.show.live import watching
    from mitoferry.studies.run import Finish, resume_run, spec_of

    spec = spec_of(folder)
    with watching(spec.name, spec.until, show=True) as report:
        finish = Finish(finish_run, prepare_to_finish)
        path = resume_run(folder, choose_backend(backend, threads=threads), report=report, finish=finish)
    return open_run(path)


def closing_text(results: Any) -> str:
    """What the command line says when a run has ended: findings, and where everything is."""
    lines = [str(results)]
    findings = results.findings()
    if findings:
        lines.append("findings:")
        width = max(len(f.verdict) for f in findings)
        lines += [f"  {f.verdict:<{width}}  {f.sentence}" for f in findings]
    lines.append(f"report:  {results.path / 'report.html'}")
    return "\n".join(lines)


def check_text(name: str, overrides: Sequence[str]) -> str:
    """One line for a file without problems; warns of cell types of which nothing that matters is measured, of killers that see nothing,
    and of surrogates that are read where they mean nothing (a note below the line for shipped files, which say that they are surrogates).

    Raises:
        InputError: with all problems otherwise.
    """
    experiment = load(name, overrides=overrides)
    spec = experiment.resolve()
    _warn_of_types(experiment.definition)
    from mitoferry.experiment.estimate import refuse_unless_it_fits
    from mitoferry.experiment.foreign import unseen_donors
    from mitoferry.experiment.misplaced import misplaced
    from mitoferry.experiment.reader import shipped

    for text in unseen_donors(spec):
        warnings.warn(text, MitoferryWarning, stacklevel=2)
    elsewhere = misplaced(experiment.definition)
    notes = elsewhere if name in shipped() else []
    for text in elsewhere[len(notes) :]:
        warnings.warn(text, MitoferryWarning, stacklevel=2)
    refuse_unless_it_fits(spec)
    cells = sum(p.rows for a in spec.arms for p in a.populations) * spec.replicates
    dishes = f" and {len(spec.dishes)} dishes of preparation" if spec.dishes else ""
    wells = f"{len(spec.main_arms)} arms{dishes} x {spec.replicates} replicates"
    line = f"{name}: no problems. {wells}, {cells} cells, {spec.until / 3600:g} h."
    return "\n".join([line, *(f"note: {text}" for text in notes)])


def _warn_of_types(definition: Any) -> None:
    """One warning per cell type whose deciding numbers are none of them measured; numbers that the file gives do not count."""
    from mitoferry.experiment.prepared import dishes_in
    from mitoferry.library.cell_types import cell_type
    from mitoferry.show.cell_card import unmeasured_text

    given: dict[str, set[str]] = {}
    plans = [p for plan in definition.plans.values() for p in (plan, *(dish.plan for dish in dishes_in(plan)))]
    for cells in (c for plan in plans for c in plan.cells.values()):
        names = set(cells.overrides)
        given[cells.type] = given[cells.type] & names if cells.type in given else names
    for name, names in given.items():
        text = unmeasured_text(cell_type(name), names)
        if text:
            warnings.warn(text, MitoferryWarning, stacklevel=3)


def estimate_text(
    name: str,
    overrides: Sequence[str],
    replicates: int | None,
    effect: float | None,
    sd: float | None,
    power: float,
    arms: Sequence[str] | None = None,
) -> str:
    """Time, memory and disk of a run, and the wells that an effect needs."""
    from mitoferry.experiment.estimate import estimate, machine_speed, wells_needed

    lines = [str(estimate(load(name, overrides=overrides).resolve(replicates=replicates, arms=arms), speed=machine_speed()))]
    if (effect is None) != (sd is None):
        missing = "--sd" if sd is None else "--effect"
        raise InputError(Problem("command line", missing, "a number: the effect and its spread between wells go together", "nothing"))
    if effect is not None and sd is not None:
        n = wells_needed(effect, sd, power=power)
        lines.append(f"wells per arm to see a difference of {effect:g} with a spread of {sd:g} between wells (power {power:g}): {n}")
    return "\n".join(lines)


def write_new(name: str, out: str | None) -> str:
    """Write a commented starting file; returns what to do next."""
    from mitoferry.experiment.template import new_experiment_text

    path = Path(out or f"{name}.yaml")
    _write_fresh(path, lambda: new_experiment_text(name))
    return f"wrote {path}\nedit it, then:  mitoferry check {path}   and   mitoferry run {path}"


def _write_fresh(path: Path, text: Callable[[], str]) -> None:
    """Write a file that must not exist yet."""
    if path.exists():
        raise InputError(
            Problem(str(path), "file", "a name that is not taken", "an existing file", hint="Give another name or --out FILE.")
        )
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text())
    except OSError as error:
        raise InputError(Problem(str(path), "file", "a place that can be written to", error.strerror or str(error))) from error


def write_sbml(cell_type: str, out: str | None, sets: Sequence[str]) -> str:
    """Write the energetics of a cell type as SBML to ``out``; returns what was done, or the SBML itself without ``out``.

    Raises:
        InputError: no such cell type or parameter, a value that is no number, or a file that exists.
    """
    from mitoferry.library.energetics_sbml import energetics_sbml

    numbers: dict[str, dict[str, float]] = {"parameters": {}, "overrides": {}}
    for text in sets:
        name, _, value = text.partition("=")
        try:
            numbers["parameters" if "." in name else "overrides"][name.strip()] = float(value)
        except ValueError:
            raise InputError(Problem("--set", name, "PARAMETER=VALUE with a number in the unit of the library", repr(text))) from None
    content = energetics_sbml(cell_type, **numbers)
    if out is None:
        return content.rstrip()
    _write_fresh(Path(out), lambda: content)
    return f"wrote {out}"


def rebuild_report(folder: str, movie: str | None) -> Path:
    """Write the report of a finished run again, with a movie of one well of ``movie`` if asked."""
    from mitoferry.show.movie import write_movie
    from mitoferry.show.report import write_report

    results = open_run(folder)
    path: Path = write_report(results)
    return write_movie(results, arm=movie) if movie else path


def contrast_text(folder: str, observable: str, arm: str, versus: str, of: str | None, at: str | None, as_json: bool) -> str:
    """A contrast in words or JSON."""
    c = open_run(folder).contrast(observable, of=of, arm=arm, versus=versus, at=at)
    return json.dumps(c.as_dict(), indent=2) if as_json else str(c)


def wrapped(text: str, indent: str = "") -> str:
    """Text in lines of at most 100 characters."""
    return textwrap.fill(text, 100, initial_indent=indent, subsequent_indent=indent)


__all__ = ["Experiment", "MitoferryError", "experiments", "load", "open_run"]
