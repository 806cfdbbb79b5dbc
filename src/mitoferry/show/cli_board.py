"""The commands of the reproduction board: ``reproduce``, and ``board`` with what is done to one that was run."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

Several = Optional[list[str]]  # noqa: UP045 - typer reads this at run time


def names_in(text: str | None) -> list[str] | None:
    """Names with commas between them, as a list; ``None`` for none."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def reproduce(
    cards: Annotated[Several, typer.Argument(metavar="[CARD]...", help="Keys of cards (mitoferry evidence --cards); default all.")] = None,
    setting: Annotated[
        str, typer.Option(metavar="quick|full", help="quick: 3 wells per arm; full: 8, draws of all parameters, knock-outs.")
    ] = "quick",
    out: Annotated[str, typer.Option(metavar="DIR", help="Folder of the board; one that was stopped goes on there.")] = "board",
    system: Annotated[
        Several, typer.Option(metavar="NAME", help="Only cards of this system (lung, cancer ...); may be given again.")
    ] = None,
    route: Annotated[Several, typer.Option(metavar="NAME", help="Only cards with this route (tnt, ev ...); may be given again.")] = None,
    review: Annotated[Several, typer.Option(metavar="KEY", help="Only cards of this review (bagheri2020, li2025, tnt2020).")] = None,
    wells: Annotated[Optional[int], typer.Option(metavar="N", help="Wells per arm at the values of the library.")] = None,  # noqa: UP045
    draws: Annotated[Optional[int], typer.Option(metavar="N", help="Draws of all parameters from their ranges; 0 = none.")] = None,  # noqa: UP045
    most_draws: Annotated[Optional[int], typer.Option(metavar="N", help="Draws at most, where a verdict stays open.")] = None,  # noqa: UP045
    knock_outs: Annotated[Optional[bool], typer.Option(help="Run again without each route and without paracrine factors.")] = None,  # noqa: UP045
    budget: Annotated[Optional[float], typer.Option(metavar="X", help="Mitochondrion-steps that a card may cost.")] = None,  # noqa: UP045
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of all random numbers.")] = 1,
    workers: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(metavar="N", help="Processes; default one per core. The result does not depend on it."),
    ] = None,
    shard: Annotated[Optional[str], typer.Option(metavar="I/N", help="Only the I-th of N shares, for several machines.")] = None,  # noqa: UP045
    plan: Annotated[bool, typer.Option("--plan", help="Only say what it would run and cost; nothing is run or written.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open the page when done.")] = False,
) -> None:
    """Run the published experiments and hold them against what the papers found: the reproduction board.

    The folder holds board.html (the page), board.json, badge.svg and all runs. Ctrl-C stops cleanly; the same command goes on.
    Examples: mitoferry reproduce --system lung; mitoferry reproduce --setting full --plan;
    mitoferry reproduce --setting full --shard 2/8 --out part-2.
    """
    from pathlib import Path

    from mitoferry.show.board.command import PAGE, board_asked, closing, run_board

    asked = board_asked(
        cards or [], name=setting, systems=system or [], routes=route or [], reviews=review or [], wells=wells, draws=draws,
        most_draws=most_draws, knock_outs=knock_outs, budget=budget, seed=seed, workers=workers, shard=shard,
    )  # fmt: skip
    if plan:
        from mitoferry.show.board.outlook import print_outlook

        print_outlook(asked, workers)
        return
    board = run_board(asked, out=out, workers=workers)
    typer.echo(closing(board, Path(out)))
    if open_:
        typer.launch(str(Path(out) / PAGE))
    if any(card.status == "failed" for card in board.cards):
        raise typer.Exit(1)


board_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Read, compare and put together reproduction boards.")
Place = Annotated[str, typer.Argument(metavar="DIR", help="Folder of a board, or its board.json.")]


@board_app.command("show")
def board_show(
    folder: Place,
    by: Annotated[str, typer.Option(metavar="system|route|mechanism|review", help="How totals are grouped.")] = "system",
    verdict: Annotated[Optional[str], typer.Option(metavar="V", help="List findings with this verdict.")] = None,  # noqa: UP045
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print a board: totals, groups, and what did not come out."""
    from mitoferry.show.board.command import print_board

    print_board(folder, by, verdict, json_)


@board_app.command("judge")
def board_judge(folder: Annotated[str, typer.Argument(metavar="DIR", help="Folder of a board.")]) -> None:
    """Judge the runs of a board again, as far as they are there, and write its page, JSON and badge anew."""
    from mitoferry.show.board.command import closing, judged_again

    typer.echo(closing(*judged_again(folder)))


@board_app.command("robustness")
def board_robustness(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Folder of a board that has run these cards.")],
    cards: Annotated[Several, typer.Argument(metavar="[CARD]...", help="Keys of cards; default all that the board has run.")] = None,
    method: Annotated[str, typer.Option(metavar="oat|morris|sobol", help="One at a time, or a design over all (SALib).")] = "oat",
    tags: Annotated[str, typer.Option(metavar="C,O", help="Tags of the parameters that are moved: M, O, C, S, F.")] = "C",
    parameters: Annotated[str, typer.Option(metavar="PATTERN", help="Only these: part of a name, or with * and ?.")] = "",
    wells: Annotated[Optional[int], typer.Option(metavar="N", help="Wells per arm; default those of the board.")] = None,  # noqa: UP045
    trajectories: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(metavar="R", help="Trajectories of morris (default 6), samples of sobol (default 32)."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Do not screen mechanisms first.")] = False,
    workers: Annotated[Optional[int], typer.Option(metavar="N", help="Processes; default one per core.")] = None,  # noqa: UP045
) -> None:
    """Find verdicts that hinge on a single parameter within its range, and mark them on the board.

    Ctrl-C stops cleanly; the same command goes on. Example: mitoferry board robustness board msc-huvec-ogd --parameters "death.*"
    """
    from mitoferry.show.board.robustness import run_robustness

    run_robustness(
        folder, cards or [], method=method, tags=names_in(tags), pattern=parameters, wells=wells, trajectories=trajectories,
        everything=everything, workers=workers,
    )  # fmt: skip


@board_app.command("conflicts")
def board_conflicts(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Folder of a board.")],
    workers: Annotated[Optional[int], typer.Option(metavar="N", help="Processes; default one per core.")] = None,  # noqa: UP045
) -> None:
    """Run what the reviews contradict each other in under every reading, and show it on the board."""
    from mitoferry.show.board.command import conflicts_run

    typer.echo(conflicts_run(folder, workers))


@board_app.command("diff")
def board_diff(old: Place, new: Place) -> None:
    """Say which verdicts a change mended and which it broke."""
    from mitoferry.show.board.command import difference

    typer.echo(difference(old, new))


@board_app.command("merge")
def board_merge(
    parts: Annotated[list[str], typer.Argument(metavar="DIR...", help="Folders of all shares of one board.")],
    out: Annotated[str, typer.Option(metavar="DIR", help="New folder for the whole.")],
) -> None:
    """Put the shares of a board (reproduce --shard) together and judge the whole."""
    from mitoferry.show.board.command import closing, merged

    typer.echo(closing(*merged(parts, out)))
