"""The command line. Everything but typer is imported inside the commands, so that ``--help`` answers at once."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Optional

import typer

from mitoferry.show.cli_bench import bench
from mitoferry.show.cli_board import board_app, names_in, reproduce

app = typer.Typer(
    name="mitoferry",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="A virtual laboratory for mitochondrial transfer between cells.\n\n"
    "Start with:  mitoferry list            what can be run\n\n"
    "             mitoferry show NAME       question, arms and sources of an experiment\n\n"
    "             mitoferry run NAME        run it and write a report\n\n"
    "             mitoferry new my-study    a commented file of your own to start from\n\n"
    "             mitoferry explain NAME    a mechanism: equation, numbers, what acts on it\n\n"
    "             mitoferry evidence        what the reviews report, and the experiments made from it",
)

Experiment = Annotated[
    str, typer.Argument(metavar="EXPERIMENT", help="Name of a shipped experiment (mitoferry list) or path of a YAML file.")
]
Folder = Annotated[str, typer.Argument(metavar="DIR", help="Folder of a run.")]
Sets = Annotated[
    Optional[list[str]],  # noqa: UP045 - typer reads this at run time
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change one key of the experiment or one parameter; may be given again. Example: --set cells.donor.count=30",
    ),
]
Replicates = Annotated[Optional[int], typer.Option(metavar="N", help="Wells per arm; default: what the file says.")]  # noqa: UP045
Seed = Annotated[Optional[int], typer.Option(metavar="N", help="Seed of all random numbers; default: what the file says.")]  # noqa: UP045
Threads = Annotated[Optional[int], typer.Option(metavar="N", help="Threads; default: all cores. The result does not depend on it.")]  # noqa: UP045
Backend = Annotated[str, typer.Option(metavar="auto|reference|cpu|cuda", help="What computes: plain Python (slow), Numba, or a GPU.")]


Arms = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="A,B", help="Only these arms, with commas between them; default all. The others are noted as left out."),
]


def _print(text: str = "") -> None:
    typer.echo(text)


def _warn(text: str) -> None:
    typer.echo(text, err=True)


@app.command()
def run(
    experiment: Experiment,
    out: Annotated[Optional[str], typer.Option(metavar="DIR", help="New folder for the results; default runs/NAME-N.")] = None,  # noqa: UP045
    replicates: Replicates = None,
    seed: Seed = None,
    arms: Arms = None,
    set_: Sets = None,
    threads: Threads = None,
    backend: Backend = "auto",
    open_: Annotated[bool, typer.Option("--open", help="Open the report when done.")] = False,
) -> None:
    """Run an experiment: all arms and replicates as one plate, then a report.

    The folder holds report.html, table.parquet (every reading of every well), events.parquet (every hand-over),
    run.zarr (states), summary.json and manifest.json. Ctrl-C stops cleanly; mitoferry resume goes on.
    """
    from mitoferry.show.laboratory import run_experiment

    results = run_experiment(
        experiment,
        out=out,
        replicates=replicates,
        seed=seed,
        arms=names_in(arms),
        overrides=set_ or [],
        threads=threads,
        backend=backend,
        command=" ".join(sys.argv[1:]),
    )
    _finish(results, open_)


@app.command()
def resume(folder: Folder, threads: Threads = None, backend: Backend = "auto") -> None:
    """Go on with a run that was stopped or killed; it ends in the same results as if it had not been."""
    from mitoferry.show.laboratory import resume_experiment

    _finish(resume_experiment(folder, threads=threads, backend=backend), False)


def _finish(results: Any, open_: bool) -> None:
    from mitoferry.show.laboratory import closing_text

    _print(closing_text(results))
    if open_:
        typer.launch(str(results.path / "report.html"))


@app.command("list")
def list_(
    kind: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(metavar="[KIND]", help="mechanisms, celltypes, drugs, injuries, genes, tissues, assays or experiments."),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the experiments that come with mitoferry, or everything of another kind, one line each."""
    from mitoferry.show.lists import list_text

    _print(list_text(kind, json_))


@app.command()
def explain(
    mechanism: Annotated[str, typer.Argument(metavar="MECHANISM", help="Name of a mechanism (mitoferry list mechanisms).")],
    effect: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="EXPERIMENT", help="Run this experiment with and without the mechanism; say which verdicts turn."),
    ] = None,
    replicates: Annotated[int, typer.Option(metavar="N", min=1, help="With --effect: wells per arm of both runs.")] = 3,
) -> None:
    """Explain a mechanism: equation, responses, parameters with sources, what acts on it, how to leave it out."""
    if effect is not None:
        from mitoferry.show.effect import effect_text

        _print(effect_text(mechanism, effect, replicates=replicates))
        return
    from mitoferry.show.explain import explain_text

    _print(explain_text(mechanism, curves=(sys.stdout.encoding or "").lower().startswith("utf")))


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An experiment; or 'celltype NAME', 'drug NAME', 'gene NAME' ...")],
    what: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(metavar="[NAME]", help="Name of the cell type, drug, gene, injury, assay, haplotype or tissue."),
    ] = None,
) -> None:
    """Show the card of an experiment, or of a cell type, drug, gene, injury, assay or haplotype."""
    from mitoferry.show.cards import show_text

    _print(show_text(name, what))


def _choice(words: str) -> Any:
    return typer.Option(metavar="A,B", help=words)


@app.command()
def evidence(
    name: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(metavar="[NAME]", help="A record, finding, card, experiment, mechanism or parameter; without it, a table."),
    ] = None,
    about: Annotated[Optional[str], typer.Option(metavar="WORDS", help="All of these words; CX43 finds connexin 43, too.")] = None,  # noqa: UP045
    route: Annotated[Optional[str], _choice("tnt, ev, gap_junction, cell_fusion, free_mitochondria ...")] = None,  # noqa: UP045
    review: Annotated[Optional[str], _choice("bagheri2020, li2025 or tnt2020.")] = None,  # noqa: UP045
    study: Annotated[Optional[str], _choice("A citation inside a review, as bagheri2020:ref47.")] = None,  # noqa: UP045
    kind: Annotated[Optional[str], _choice("experiment, mechanism, quantity, clinical, method or question; of records.")] = None,  # noqa: UP045
    observable: Annotated[Optional[str], _choice("What was seen, as apoptosis or tnt_number.")] = None,  # noqa: UP045
    direction: Annotated[Optional[str], _choice("increase, decrease, present, withheld ...")] = None,  # noqa: UP045
    system: Annotated[Optional[str], _choice("Of the card: ischemia, lung, neuro, cancer, cardiac ...")] = None,  # noqa: UP045
    milieu: Annotated[Optional[str], _choice("in_vitro, in_vivo, clinical or none.")] = None,  # noqa: UP045
    simulable: Annotated[Optional[str], _choice("Of the card: direct, surrogate or not_simulable.")] = None,  # noqa: UP045
    card: Annotated[Optional[str], _choice("Of this card only.")] = None,  # noqa: UP045
    cards: Annotated[bool, typer.Option("--cards", help="A table of cards of experiments instead of records.")] = False,
    findings: Annotated[bool, typer.Option("--findings", help="A table of the findings of cards instead of records.")] = False,
    uses: Annotated[bool, typer.Option("--uses", help="With NAME: read its experiment files, too, for what runs in them.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Check the data files as a whole.")] = False,
    limit: Annotated[Optional[int], typer.Option(metavar="N", min=1, help="Rows at most; default 25, in JSON all.")] = None,  # noqa: UP045
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Search what three reviews report, and follow it to experiments and mechanisms.

    mitoferry evidence --about CX43 --route gap_junction:  records of both

    mitoferry evidence --cards --system cardiac:  cards of experiments on the heart

    mitoferry evidence --findings --direction withheld:  outcomes kept back for blind checks

    mitoferry evidence bagheri2020-087:  a record with its cards, experiments and mechanisms

    mitoferry evidence msc-huvec-ogd:  a card with its arms and findings

    mitoferry evidence nanotube_search:  cards and findings that touch a mechanism
    """
    from mitoferry.show.evidence import asked_text

    asked = {
        "route": route, "review": review, "study": study, "kind": kind, "observable": observable, "direction": direction,
        "system": system, "milieu": milieu, "simulable": simulable, "card": card,
    }  # fmt: skip
    choices = {"about": about or None} | {key: names_in(value) for key, value in asked.items()}
    _print(asked_text(name, choices, cards=cards, findings=findings, uses=uses, check=check, limit=limit, as_json=json_))


@app.command()
def check(experiment: Experiment, set_: Sets = None) -> None:
    """Check an experiment file and report every problem at once; exit code 2 if there are any."""
    from mitoferry.show.laboratory import check_text

    _print(check_text(experiment, set_ or []))


@app.command()
def estimate(
    experiment: Experiment,
    replicates: Replicates = None,
    arms: Arms = None,
    set_: Sets = None,
    effect: Annotated[Optional[float], typer.Option(metavar="D", help="Difference to be seen, in the unit of the readout.")] = None,  # noqa: UP045
    sd: Annotated[Optional[float], typer.Option(metavar="S", help="Standard deviation between wells of that readout.")] = None,  # noqa: UP045
    power: Annotated[float, typer.Option(metavar="P", help="Chance to see the difference.")] = 0.8,
) -> None:
    """Estimate time, memory and disk of a run before it starts, and how many wells an effect needs."""
    from mitoferry.show.laboratory import estimate_text

    _print(estimate_text(experiment, set_ or [], replicates, effect, sd, power, names_in(arms)))


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the experiment; NAME.yaml is written.")],
    out: Annotated[Optional[str], typer.Option(metavar="FILE", help="Write here instead.")] = None,  # noqa: UP045
) -> None:
    """Write a commented experiment file to start from. Never overwrites."""
    from mitoferry.show.laboratory import write_new

    _print(write_new(name, out))


@app.command()
def report(
    folder: Folder,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    movie: Annotated[Optional[str], typer.Option(metavar="ARM", help="Also write a movie of one well of this arm.")] = None,  # noqa: UP045
) -> None:
    """Write the report of a finished run again, and a movie of a well on request."""
    from mitoferry.show.laboratory import rebuild_report

    path = rebuild_report(folder, movie)
    _print(str(path))
    if open_:
        typer.launch(str(path))


@app.command()
def contrast(
    folder: Folder,
    observable: Annotated[
        str,
        typer.Argument(
            metavar="OBSERVABLE", help="Observable of the cards (apoptosis, mitochondrial_transfer ...) or a readout of the table."
        ),
    ],
    arm: Annotated[str, typer.Option("--arm", metavar="A", help="Arm.")],
    versus: Annotated[str, typer.Option("--versus", metavar="B", help="Arm that it is compared with, or within_arm.")],
    of: Annotated[Optional[str], typer.Option(metavar="POPULATION", help="Population; default: that of the observable.")] = None,  # noqa: UP045
    at: Annotated[Optional[str], typer.Option(metavar="TIME", help='Time, as "24 h"; default: the last reading.')] = None,  # noqa: UP045
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare an observable between two arms: difference over wells, interval, effect size. n is the number of wells."""
    from mitoferry.show.laboratory import contrast_text

    _print(contrast_text(folder, observable, arm, versus, of, at, json_))


@app.command()
def parameters(
    pattern: Annotated[str, typer.Argument(metavar="[PATTERN]", help="Part of a name, or words of its description.")] = "",
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List parameters with value, unit, range, tag and source."""
    from mitoferry.show.cards import parameters_text

    _print(parameters_text(pattern, json_))


@app.command()
def schema() -> None:
    """Print the JSON Schema of the experiment file, for editors."""
    import json

    from mitoferry.experiment.schema import json_schema

    _print(json.dumps(json_schema(), indent=2))


app.command()(reproduce)
app.add_typer(board_app, name="board")
app.command()(bench)


export = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Write parts of the model in standard formats of other programs.")
app.add_typer(export, name="export")


@export.command("sbml")
def export_sbml(
    cell_type: Annotated[str, typer.Option("--cell-type", metavar="NAME", help="Cell type (mitoferry show celltype).")],
    out: Annotated[Optional[str], typer.Option(metavar="FILE", help="Write here; default: print it.")] = None,  # noqa: UP045
    set_: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--set", metavar="PARAMETER=VALUE", help="Change a parameter (energetics.adp_half) or a number of the cell type."),
    ] = None,
) -> None:
    """Write the energetics of a cell as SBML Level 3, with units, ranges, tags and sources. Never overwrites."""
    from mitoferry.show.laboratory import write_sbml

    _print(write_sbml(cell_type, out, set_ or []))


@app.command()
def doctor(
    prune: Annotated[bool, typer.Option("--prune", help="Delete compiled kernels of other versions from the cache.")] = False,
) -> None:
    """Say what this machine offers: Python, libraries, cores, memory, GPU, caches."""
    from mitoferry.show.doctor import doctor_text, prune_kernels

    _print(prune_kernels() if prune else doctor_text())


@app.command()
def version() -> None:
    """Print the version."""
    from mitoferry import __version__

    _print(__version__)


def main() -> None:
    """Entry point: errors that a user can act on are printed without a traceback."""
    import atexit
    import gc
    import warnings

    from mitoferry.base.errors import MitoferryError

    gc.set_threshold(100_000, 20, 20)  # libraries and readings are many objects and hardly any cycles: half a second of a run less
    atexit.register(gc.freeze)  # nor is anything sought for in the hundred thousands of objects that go with the process: as much
    warnings.showwarning = lambda message, *_, **__: _warn(f"mitoferry: warning: {message}")
    try:
        code = app(standalone_mode=False)  # typer gives the code of an Exit, and 130 after Ctrl-C, instead of raising
        sys.exit(code if isinstance(code, int) else 0)
    except MitoferryError as error:
        _warn(f"mitoferry: {error}")
        sys.exit(error.exit_code)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except typer.Abort:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except Exception as error:
        show = getattr(error, "show", None)  # a click exception; typer may carry its own copy of click
        exit_code = getattr(error, "exit_code", None)
        if show is None or not isinstance(exit_code, int):
            raise
        show()
        sys.exit(exit_code)


if __name__ == "__main__":
    main()
