"""The whole of a board: plan, run, knock out, draw, judge, write; and boards of several machines put together.

Rounds: (1) the base plate of every card; (2) knock-outs of what carried mitochondria, and the first draws of the parameters;
(3) further draws for cards with an open verdict over wells, as many as these say that it takes. The wells of round 1 alone
decide how many draws are made, and verdicts over draws use the draws alone, so that looking first costs no error rate.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mitoferry.base.errors import InputError, Problem
from mitoferry.evidence import conflicts
from mitoferry.experiment.digest import model_digest
from mitoferry.store.atomic import write_json
from mitoferry.studies.board.carried import carriers_of, flowing, knock_out_jobs, may_be_carried
from mitoferry.studies.board.conflicts import conflict_jobs, judged_conflicts
from mitoferry.studies.board.hinges import HINGES, ROBUSTNESS, read_hinges, read_probed
from mitoferry.studies.board.judge import CardRuns, assembled, judged_card
from mitoferry.studies.board.model import Board, BoardCard, write_board
from mitoferry.studies.board.plan import RUNS, Job, PlannedCard, draw_jobs, known_cards, plan_cards, shard_of, spec_of
from mitoferry.studies.board.setting import SETTINGS, Setting
from mitoferry.studies.board.work import Done, failure, finished, run_jobs
from mitoferry.studies.rules import UNDECIDED

ASKED = "asked.json"
ASKED_FORMAT = "mitoferry/board-asked@1"
SPARE = 1.2  # draws spread more than wells at one set of parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a board was asked for; kept in its folder, so that it can go on and be put together with others.

    Attributes:
        setting: how thorough.
        seed: of the random numbers.
        cards: keys of all cards of the whole board.
        shard: (i, n): this folder holds the i-th of n shares.
        model: digest of the code and data that decide the numbers.
        created: when it was begun.
    """

    setting: Setting
    seed: int
    cards: tuple[str, ...]
    shard: tuple[int, int] = (1, 1)
    model: str = field(default_factory=model_digest)
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


@dataclass(frozen=True, slots=True)
class Round:
    """Jobs of one round, for who shows progress."""

    title: str
    jobs: tuple[Job, ...]


Begin = Callable[[Round], Callable[[Done], None]]


def claim(folder: Path, asked: Asked) -> Asked:
    """Claim a folder for a board, or find the board that was begun there; one that is asked for more goes on as that.

    Returns:
        What is asked for, begun when the board was.

    Raises:
        InputError: the folder holds something else, or a board that was asked for otherwise, or by another model.
    """
    path = folder / ASKED
    shown = ascii(str(folder))[1:-1]
    if not path.exists():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            found = "a file" if not folder.is_dir() else "a folder that holds other files"
            raise InputError(Problem("--out", shown, "a new or empty folder, or the folder of a board", found, hint="Choose another."))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_json(path, {"format": ASKED_FORMAT, **_plain(asked)})
        except OSError as error:
            raise InputError(Problem("--out", shown, "a folder that can be written to", error.strerror or str(error))) from error
        return asked
    before = read_asked(folder)
    further = goes_further(before.setting, asked.setting)
    if further:
        before = replace(before, setting=asked.setting)
    wrong = [
        Problem(shown, name, f"what this board was begun with ({_short(getattr(before, name))})", _short(getattr(asked, name)), hint=hint)
        for name, hint in (
            ("setting", "Give the same options, or ask for knock-outs or first draws besides (same wells and budget), or another --out."),
            ("seed", "Give the same seed, or another --out."),
            ("cards", "Name the same cards, or another --out."),
            ("shard", "Every share has a folder of its own."),
            ("model", "The code or the library changed since: begin a new board in another --out, then compare the two."),
        )
        if getattr(before, name) != getattr(asked, name)
    ]
    if wrong:
        raise InputError(wrong)
    if further:
        write_json(path, {"format": ASKED_FORMAT, **_plain(before)})
    return before


def goes_further(before: Setting, now: Setting) -> bool:
    """Whether a board can go on with a setting that asks for more than the one it was begun with.

    Knock-outs, and draws where there were none, can be asked for later: what was run is part of both. Wells and budget make other
    plates. A number of draws stays as it was fixed: more of them for a verdict that came out open would be optional stopping.
    """
    draws = (before.draws, before.most_draws)
    more_draws = not before.draws and now.draws > 0
    same_draws = draws == (now.draws, now.most_draws)
    knocked_out = now.knock_outs or not before.knock_outs
    further = more_draws or (now.knock_outs and not before.knock_outs)
    return (before.wells, before.budget) == (now.wells, now.budget) and (more_draws or same_draws) and knocked_out and further


def _plain(asked: Asked) -> dict[str, Any]:
    plain = asdict(asked)
    plain["setting"]["budget"] = None if math.isinf(asked.setting.budget) else asked.setting.budget
    return plain


def _short(value: Any) -> str:
    text = f"{len(value)} cards: {', '.join(value)}" if isinstance(value, tuple) and value and isinstance(value[0], str) else str(value)
    return text if len(text) <= 90 else text[:87] + "..."


def read_asked(folder: Path) -> Asked:
    """What a board was asked for.

    Raises:
        InputError: no board was begun there.
    """
    path = folder / ASKED
    shown = ascii(str(folder))[1:-1]
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain.pop("format") != ASKED_FORMAT:
            raise ValueError("another format")
        lists: dict[str, Any] = {"cards": tuple(plain["cards"]), "shard": tuple(plain["shard"])}
        budget = plain["setting"]["budget"]
        setting = Setting(**{**plain["setting"], "budget": math.inf if budget is None else float(budget)})
        return Asked(**{**plain, **lists, "setting": setting})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            Problem(shown, ASKED, "the folder of a board", str(error)[:100], hint="mitoferry reproduce begins one.")
        ) from error


def read_asked_of_this_model(folder: Path) -> Asked:
    """What a board was asked for, if more may be run for it.

    Raises:
        InputError: no board was begun there, or one of another model.
    """
    asked = read_asked(folder)
    if asked.model != model_digest():
        hint = "The code or the library changed since: begin a new board in another folder."
        raise InputError(Problem(ascii(str(folder))[1:-1], "model", "a board of this model", "one of another", hint=hint))
    return asked


def rounds(folder: Path, *, workers: int, begin: Begin | None = None) -> Callable[[str, Sequence[Job]], None]:
    """A function that runs one round of jobs of a board: its title, and the jobs; without jobs nothing happens."""

    def run(title: str, jobs: Sequence[Job]) -> None:
        if jobs:
            tell = begin(Round(title, tuple(jobs))) if begin is not None else None
            run_jobs(jobs, folder, workers=workers, tell=tell)

    return run


def plan_of(asked: Asked) -> list[PlannedCard]:
    """The plan of the folder's share of the board; arms are shared between cards of the same share only."""
    whole = plan_cards(asked.cards, asked.setting, seed=asked.seed)
    if asked.shard == (1, 1):
        return whole
    mine = shard_of(whole, *asked.shard)
    return plan_cards(mine, asked.setting, seed=asked.seed)


def reproduce(folder: Path, asked: Asked, *, workers: int, begin: Begin | None = None) -> Board:
    """Run a board, or go on with it; returns it judged and written.

    Args:
        folder: of the board; new, or one in which the same board was begun.
        asked: what is asked for.
        workers: processes, one thread each.
        begin: called at the start of each round; gives a function that is told of each job that ends.

    Raises:
        InputError: bad folder, or an unknown card.
        InterruptedRunError: Ctrl-C; what is finished stays.
    """
    asked = claim(folder, asked)
    planned = plan_of(asked)
    run = rounds(folder, workers=workers, begin=begin)
    run("cards", [c.job for c in planned if c.job is not None])
    if asked.setting.knock_outs or asked.setting.draws:
        run("knock-outs and draws", _second(planned, asked, folder))
        run("more draws where a verdict is open", _third(planned, asked, folder))
    if len(asked.cards) == len(known_cards()) and asked.shard[0] == 1:  # the whole field, not a part of it
        run("conflicts", conflict_jobs(asked.setting.wells, seed=asked.seed))
    return judge(folder, asked, planned)


def run_conflicts(folder: Path, *, workers: int, begin: Begin | None = None) -> Board:
    """Run the conflicts of the reviews under every reading for a board that was begun, and judge it again.

    Raises:
        InputError: no board was begun there, or one of another model.
        InterruptedRunError: Ctrl-C; what is finished stays.
    """
    asked = read_asked_of_this_model(folder)
    rounds(folder, workers=workers, begin=begin)("conflicts", conflict_jobs(asked.setting.wells, seed=asked.seed))
    return judge(folder, asked)


def judge(folder: Path, asked: Asked, planned: Sequence[PlannedCard] | None = None) -> Board:
    """The board from the runs that are there, written as ``board.json``."""
    known = known_cards()
    planned = plan_of(asked) if planned is None else planned
    hinges, probed = read_hinges(folder), read_probed(folder)
    judged: list[BoardCard] = []
    for p in planned:
        failed = failure(p.job, folder) if p.job is not None else ""
        judged.append(judged_card(known[p.key], p, folder, failed=failed, hinges=hinges, probed=probed.get(p.key, "")))
    board = replace(assembled(judged, asked.setting, seed=asked.seed, model=asked.model), conflicts=judged_conflicts(folder))
    write_board(board, folder)
    return board


def _second(planned: Sequence[PlannedCard], asked: Asked, folder: Path) -> list[Job]:
    jobs: list[Job] = []
    for p in planned:
        base = CardRuns(p, folder).base() if p.job is not None and finished(p.job, folder) else None
        if base is None or p.job is None:
            continue
        arms = arms_of_findings(base)
        effects = [f.finding for f in base.findings() if may_be_carried(f, base)] if asked.setting.knock_outs else []
        if effects:
            carriers = carriers_of(flowing(base, base.names.arms), spec_of(p.job))
            jobs += knock_out_jobs(p.job, carriers, arms_of_findings(base, effects))
        if asked.setting.draws:
            jobs += draw_jobs(p.job, 0, asked.setting.draws, seed=asked.seed, arms=arms)
    return jobs


def _third(planned: Sequence[PlannedCard], asked: Asked, folder: Path) -> list[Job]:
    jobs: list[Job] = []
    if not asked.setting.draws:
        return jobs
    known = known_cards()
    for p in planned:
        if p.job is None or not finished(p.job, folder):
            continue
        judged = judged_card(known[p.key], p, folder)
        wanted = [f.wells_needed for f in judged.findings if f.over_wells == UNDECIDED and f.wells_needed]
        most = min(max((round(SPARE * n) for n in wanted), default=0), asked.setting.most_draws)
        base = CardRuns(p, folder).base()
        if most > asked.setting.draws and base is not None:
            jobs += draw_jobs(p.job, asked.setting.draws, most, seed=asked.seed, arms=arms_of_findings(base))
    return jobs


def arms_of_findings(base: Any, findings: Sequence[str] | None = None) -> list[str]:
    """Arms that the findings of a card compare, all or those named, and the controls that rules look up (uninjured, without donors)."""
    from mitoferry.studies.findings import HEALTHY_ARMS, INJURED_ALONE

    asked = [e for e in base.experiment.get("expect") or () if findings is None or (e.get("finding") or e.get("id")) in findings]
    named = {a for e in asked for a in (e.get("arm"), e.get("versus"))}
    controls = {*HEALTHY_ARMS, *INJURED_ALONE}
    chosen = [a for a in base.names.arms if a in named or a in controls]
    without = [a for a in base.names.arms if not base.has_donors(a)]
    return chosen if any(a in chosen for a in without) or not without else [*chosen, without[0]]


def merge(parts: Sequence[Path], out: Path) -> Board:
    """Put the shares of a board together into a new folder, and judge the whole.

    Args:
        parts: folders of the shares; all of the same board, each once.
        out: new folder.

    Raises:
        InputError: shares of different boards, one twice, or one that is missing.
    """
    asked = [read_asked(p) for p in parts]
    first = asked[0]
    problems = []
    for path, a in zip(parts, asked, strict=True):
        for name in ("setting", "seed", "cards", "model"):
            if getattr(a, name) != getattr(first, name):
                problems.append(Problem(str(path), name, f"as in {parts[0]} ({_short(getattr(first, name))})", _short(getattr(a, name))))
    n = first.shard[1]
    have = sorted(a.shard[0] for a in asked)
    if not problems and (have != list(range(1, n + 1)) or any(a.shard[1] != n for a in asked)):
        found = ", ".join(f"{a.shard[0]}/{a.shard[1]}" for a in asked)
        problems.append(Problem("board merge", "shards", f"each of the {n} shares once", found))
    if problems:
        raise InputError(problems)
    whole = Asked(setting=first.setting, seed=first.seed, cards=first.cards, model=first.model, created=first.created)
    claim(out, whole)
    planned: list[PlannedCard] = []
    write_json(out / HINGES, {k: v for path in parts for k, v in read_hinges(path).items()})
    for path, a in zip(parts, asked, strict=True):
        if (path / ROBUSTNESS).is_dir():
            shutil.copytree(path / ROBUSTNESS, out / ROBUSTNESS, dirs_exist_ok=True)
        mine = plan_of(a)
        planned += mine
        for key in (*(card.key for card in mine), *(c.key for c in conflicts())):
            if (path / RUNS / key).is_dir():
                shutil.copytree(path / RUNS / key, out / RUNS / key, dirs_exist_ok=True)
    order = {key: k for k, key in enumerate(whole.cards)}
    return judge(out, whole, sorted(planned, key=lambda c: order[c.key]))


__all__ = [
    "SETTINGS", "Asked", "Begin", "Round", "arms_of_findings", "claim", "goes_further", "judge", "merge", "plan_of", "read_asked",
    "read_asked_of_this_model", "reproduce", "rounds", "run_conflicts",
]  # fmt: skip
