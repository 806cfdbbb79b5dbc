"""What a board is: cards, their findings and verdicts, totals. Written as ``board.json`` (format :data:`FORMAT`)."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mitoferry.base.errors import InputError, Problem
from mitoferry.store.atomic import write_json
from mitoferry.studies.board.readings import BoardConflict, conflict_from_plain
from mitoferry.studies.contrast import NAN

FORMAT = "mitoferry/board@1"
BOARD = "board.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedShare:
    """Part of an effect that a route, all transfer or the paracrine factors carried (``carried.py``).

    Attributes:
        carrier: its name; ``words`` for people.
        effect: mean paired difference with everything on.
        without: the same without the carrier.
        share: 1 - without / effect; NaN where the effect is not told apart from zero.
        low, high: 95 % interval of the share over wells (that of the paired loss, over the mean effect).
        verdict: without the carrier.
        arm_mean, versus_mean: of the two arms without the carrier, which may work in both: cells swap mitochondria among themselves.
    """

    carrier: str
    words: str
    effect: float
    without: float
    share: float
    low: float
    high: float
    verdict: str = ""
    arm_mean: float = NAN
    versus_mean: float = NAN


@dataclass(frozen=True, slots=True, kw_only=True)
class OverDraws:
    """A finding over draws of all parameters from their ranges, one well per arm and draw.

    Attributes:
        n: draws.
        verdict, reason: by the rules, with the draws as replicates: the interval covers wells and parameters.
        difference, low, high: mean paired difference over draws and its interval; NaN without a contrast of two arms.
        arm_mean, versus_mean: means of the two arms over draws.
        share_with_sign: share of the draws whose difference has the reported sign.
    """

    n: int
    verdict: str
    reason: str
    difference: float = NAN
    low: float = NAN
    high: float = NAN
    share_with_sign: float = NAN
    arm_mean: float = NAN
    versus_mean: float = NAN


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardFinding:
    """One finding of a card on the board.

    Attributes:
        id, observable, of, arm, versus, direction, note: as on the card.
        basis: "observed" or "derived" (a mechanism or requirement turned into a contrast).
        title_only, comparator_stated: cautions of the card.
        evidence: ids of its records.
        sentence: what was reported, in words.
        verdict, reason: what counts: over draws where there are any, else over wells.
        over_wells: verdict over wells at the values of the library.
        over_draws: over draws of the parameters; ``None`` without.
        surrogate: what the readout stands in for, "" for a direct one.
        contrast: numbers behind the verdict over wells.
        sign_probability: chance that the effect has the reported sign, over what the verdict counts.
        p, q: chance under no effect, and its Benjamini-Hochberg value over the board.
        wells_needed: wells per arm that would tell an effect as large as the one seen; 0 = unknown.
        ceiling: for survival, share of cells reached in time in the arm (mean, low, high).
        doomed: for survival, of the cells that are lost in the other arm: (reached in time in this one, all).
        carried: what carried the effect.
        hinges: parameters on which the verdict hinges within their range.
        why_not: for a finding that does not come out, a paragraph that says why.
        calibrated: what was set by looking at these arms, "" if nothing.
    """

    id: str
    observable: str
    of: str
    arm: str
    versus: str
    direction: str
    sentence: str
    verdict: str
    reason: str
    over_wells: str
    note: str = ""
    basis: str = "observed"
    title_only: bool = False
    comparator_stated: bool = False
    evidence: tuple[str, ...] = ()
    surrogate: str = ""
    contrast: Mapping[str, Any] | None = None
    over_draws: OverDraws | None = None
    sign_probability: float = NAN
    p: float = NAN
    q: float = NAN
    wells_needed: int = 0
    ceiling: tuple[float, float, float] | None = None
    doomed: tuple[int, int] | None = None
    carried: tuple[CarriedShare, ...] = ()
    hinges: tuple[str, ...] = ()
    why_not: str = ""
    calibrated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardCard:
    """One card on the board.

    Attributes:
        key, title, system, milieu, routes, routes_assumed, sources, simulable, simulable_note, title_only: as on the card.
        reviews: reviews that it comes from.
        status: "run", "failed", "over budget", "not simulable", "no file".
        why: a sentence where it was not run or failed.
        question: of the experiment.
        arms: arms of the experiment, name and words.
        borrowed: arms that another card ran: arm -> "card: arm".
        wells: wells per arm at the values of the library.
        draws: draws of the parameters.
        share: share of the file's cells that its wells held.
        seconds: wall time of its runs on one thread.
        mechanisms: processes that its experiment uses.
        handovers: mitochondria that came to cells of another population, by route, per well, in arms with donors.
        conflicts: what the reviews contradict each other in.
        findings: with verdicts.
        run: folder of its base run, relative to the board; "" without.
        picture: arm that a picture would show best, "" without.
        probed: how it was looked for parameters on which verdicts hinge, in words; "" if it was not.
    """

    key: str
    title: str
    system: str
    status: str
    why: str = ""
    question: str = ""
    milieu: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    routes_assumed: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    reviews: tuple[str, ...] = ()
    simulable: str = ""
    simulable_note: str = ""
    title_only: bool = False
    arms: tuple[tuple[str, str], ...] = ()
    borrowed: Mapping[str, str] = field(default_factory=dict)
    wells: int = 0
    draws: int = 0
    share: float = 1.0
    seconds: float = 0.0
    mechanisms: tuple[str, ...] = ()
    handovers: Mapping[str, float] = field(default_factory=dict)
    conflicts: tuple[str, ...] = ()
    findings: tuple[BoardFinding, ...] = ()
    run: str = ""
    picture: str = ""
    probed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A board.

    Attributes:
        created: when (ISO 8601, UTC).
        setting: name and numbers of the setting.
        seed: of the board.
        versions: of mitoferry and of what it runs on; ``model`` is the digest of code and data that decide the numbers.
        tuned: parameter overrides and switches of the experiment files ("card: key = value"); an untuned board has none.
        cards: in the order of the evidence.
        seconds: wall time of all runs together, on one thread each.
        shared_arms: arms that were run once for several cards.
        false_discoveries: findings with a p, those with q below 5 %, and how many of these chance alone would give.
        shuffled: findings of a rise or fall that come out, and how many do with expectations dealt out anew (``shuffled.py``).
        conflicts: contradictions of the reviews under every reading; they count in no total.
    """

    created: str
    setting: Mapping[str, Any]
    seed: int
    versions: Mapping[str, str]
    tuned: tuple[str, ...]
    cards: tuple[BoardCard, ...]
    seconds: float = 0.0
    shared_arms: int = 0
    false_discoveries: Mapping[str, float] = field(default_factory=dict)
    shuffled: Mapping[str, float] = field(default_factory=dict)
    conflicts: tuple[BoardConflict, ...] = ()

    @property
    def findings(self) -> list[tuple[BoardCard, BoardFinding]]:
        """Every finding with its card."""
        return [(card, finding) for card in self.cards for finding in card.findings]

    def totals(self) -> dict[str, int]:
        """Findings by verdict."""
        return dict(Counter(f.verdict for _, f in self.findings))

    def totals_by(self, what: str) -> dict[str, dict[str, int]]:
        """Findings by verdict for each system, route, review or mechanism (a card with two routes counts in both)."""
        found: dict[str, Counter[str]] = {}
        for card, finding in self.findings:
            for name in groups_of(card, what):
                found.setdefault(name, Counter())[finding.verdict] += 1
        return {name: dict(found[name]) for name in sorted(found)}

    def to_plain(self) -> dict[str, Any]:
        """JSON-compatible values, with the totals in front; numbers that are not there are ``None``."""
        head = {"format": FORMAT, "totals": self.totals(), "status": dict(Counter(c.status for c in self.cards))}
        by = {what: self.totals_by(what) for what in ("system", "route", "review", "mechanism")}
        plain: dict[str, Any] = _finite({**head, "totals_by": by, **asdict(self)})
        return plain


def groups_of(card: BoardCard, what: str) -> Iterable[str]:
    """Names of the groups of a kind ("system", "route", "review", "mechanism") in which a card counts."""
    return {"system": (card.system,), "route": card.routes, "review": card.reviews, "mechanism": card.mechanisms}[what]


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_board(board: Board, folder: Path) -> Path:
    """Write ``board.json``."""
    write_json(folder / BOARD, board.to_plain())
    return folder / BOARD


def read_board(path: str | Path) -> Board:
    """A board from its folder or file.

    Raises:
        InputError: there is none, or one of another format.
    """
    place = Path(path)
    place = place / BOARD if place.is_dir() else place
    try:
        plain = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        hint = "mitoferry reproduce writes one."
        raise InputError(Problem(ascii(str(path))[1:-1], BOARD, "the folder or file of a board", str(error)[:120], hint=hint)) from error
    found = plain.get("format") if isinstance(plain, dict) else None
    if found != FORMAT:
        raise InputError(Problem(ascii(str(path))[1:-1], "format", FORMAT, ascii(str(found)), hint="Run the board again."))
    return board_from_plain(plain)


def board_from_plain(plain: Mapping[str, Any]) -> Board:
    """The board that :meth:`Board.to_plain` wrote."""
    cards = tuple(_card(c) for c in plain["cards"])
    conflicts = tuple(conflict_from_plain(c) for c in plain.get("conflicts", ()))
    keys = ("created", "setting", "seed", "versions", "seconds", "shared_arms", "false_discoveries", "shuffled")
    return Board(**{k: plain[k] for k in keys}, tuned=tuple(plain["tuned"]), cards=cards, conflicts=conflicts)


_LISTS = ("milieu", "routes", "routes_assumed", "sources", "reviews", "mechanisms", "conflicts")


def _card(c: Mapping[str, Any]) -> BoardCard:
    lists: dict[str, Any] = {k: tuple(c[k]) for k in _LISTS}
    arms: Any = tuple((name, words) for name, words in c["arms"])
    return BoardCard(**{**c, **lists, "arms": arms, "findings": tuple(_finding(f) for f in c["findings"])})


def _finding(f: Mapping[str, Any]) -> BoardFinding:
    def number(x: Any) -> float:
        return NAN if x is None else float(x)

    draws = f["over_draws"]
    if draws is not None:
        over = ("difference", "low", "high", "share_with_sign", "arm_mean", "versus_mean")
        draws = OverDraws(**{**draws, **{k: number(draws.get(k)) for k in over}})
    numbers = ("effect", "without", "share", "low", "high", "arm_mean", "versus_mean")
    carried = tuple(CarriedShare(**{**c, **{k: number(c.get(k)) for k in numbers}}) for c in f["carried"])
    ceiling = None if f["ceiling"] is None else tuple(number(x) for x in f["ceiling"])
    doomed = None if f["doomed"] is None else tuple(int(x) for x in f["doomed"])
    plain: dict[str, Any] = {k: number(f[k]) for k in ("sign_probability", "p", "q")}
    lists: dict[str, Any] = {k: tuple(f[k]) for k in ("evidence", "hinges")}
    return BoardFinding(**{**f, **plain, **lists, "over_draws": draws, "carried": carried, "ceiling": ceiling, "doomed": doomed})


__all__ = ["Board", "BoardCard", "BoardFinding", "CarriedShare", "OverDraws", "board_from_plain", "groups_of", "read_board", "write_board"]
