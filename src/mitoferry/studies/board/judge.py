"""From runs to verdicts: each finding of a card over wells and over draws, its ceiling, and what carried it.

The rules are those of ``studies/rules.py``, the same for every finding. Over wells: the wells of the base plate at the values of
the library are the replicates. Over draws: each draw of all parameters from their ranges is one replicate (one well per arm,
with fresh wells), so that the interval covers both the spread between wells and what is not known about the parameters. The
verdict that counts is the one over draws where there are any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from mitoferry.base.errors import InputError, Problem
from mitoferry.experiment.digest import model_digest
from mitoferry.store.paths import COMPLETE
from mitoferry.store.provenance import versions
from mitoferry.studies.board import chance
from mitoferry.studies.board.carried import CARRIERS, came_by_route, carried_by
from mitoferry.studies.board.ceiling import OF_SURVIVAL, ceiling_of, doomed_reached
from mitoferry.studies.board.combined import as_replicates, with_borrowed
from mitoferry.studies.board.model import Board, BoardCard, BoardFinding, OverDraws
from mitoferry.studies.board.plan import RUNS, PlannedCard, experiment_of
from mitoferry.studies.board.setting import Setting
from mitoferry.studies.board.shuffled import shuffled
from mitoferry.studies.board.tuned import tuned
from mitoferry.studies.contrast import NAN
from mitoferry.studies.findings import Finding
from mitoferry.studies.results import Results
from mitoferry.studies.rules import NOT_TESTED

SIGNIFICANT = 0.05


class CardRuns:
    """The runs of a card that are there: base plate with borrowed arms, draws, knock-outs."""

    def __init__(self, planned: PlannedCard, board: Path) -> None:
        self.planned = planned
        self._folder = board / RUNS / planned.key
        self._board = board

    def _runs(self, pattern: str) -> dict[str, Results]:
        return {p.parent.name: Results(p.parent) for p in sorted(self._folder.glob(f"{pattern}/{COMPLETE}"))}

    def base(self) -> Results | None:
        """The base plate, with the arms that other cards ran; ``None`` where it is not there."""
        own = self._runs("base").get("base")
        if own is None:
            return None
        theirs = [(b, self._board / RUNS / b.card / "base") for b in self.planned.borrowed]
        found = [(Results(folder), b.their_arm, b.arm) for b, folder in theirs if (folder / COMPLETE).exists()]
        return with_borrowed(own, found)

    def draws(self) -> list[Results]:
        """One run per draw of the parameters."""
        return list(self._runs("draw-*").values())

    def knock_outs(self) -> dict[str, Results]:
        """Runs without a carrier, by its name."""
        return {k.removeprefix("without-"): r for k, r in self._runs("without-*").items()}

    def seconds(self) -> float:
        """Wall time of these [s]; runs that look for hinges are not counted."""
        runs = [r for pattern in ("base", "draw-*", "without-*") for r in self._runs(pattern).values()]
        return sum(sum(r.manifest.get("timings_s", {}).values()) for r in runs)


@cache
def _paragraphs() -> Mapping[str, str]:
    """Why findings do not come out, by finding: ``experiments/why_not.yaml``, which holds a paragraph per cause.

    Raises:
        InputError: a finding stands under two causes.
    """
    from importlib import resources

    from mitoferry.library.records import read_yaml

    path = Path(str(resources.files("mitoferry").joinpath("experiments", "why_not.yaml")))
    found: dict[str, str] = {}
    for name, cause in read_yaml(path).items():
        for finding in cause["findings"]:
            if finding in found:
                raise InputError(Problem(path.name, f"{name}.findings", "each finding under one cause", f"{finding} twice"))
            found[finding] = " ".join(cause["why"].split())
    return found


def judged_card(
    card: Any, planned: PlannedCard, board: Path, *, failed: str = "", hinges: Mapping[str, Sequence[str]] | None = None, probed: str = "",
) -> BoardCard:  # fmt: skip
    """A card on the board, with whatever of its runs is there.

    Args:
        card: of the evidence.
        planned: what was to be done with it.
        board: folder of the board.
        failed: why its base run failed, "" if it did not.
        hinges: parameters on which verdicts hinge, by finding.
        probed: how these were looked for, in words.
    """
    runs = CardRuns(planned, board)
    base = runs.base() if planned.status == "run" and not failed else None
    common = _described(card)
    if base is None:
        status = "failed" if failed else ("not run" if planned.status == "run" else planned.status)
        why = failed or planned.why or "its run is not there"
        return BoardCard(**common, status=status, why=why, findings=tuple(_untested(f, why) for f in card.expect))
    found = {f.finding: f for f in base.findings()}
    draws = runs.draws()
    over_draws = as_replicates(draws)
    drawn = {f.finding: f for f in over_draws.findings()} if over_draws is not None and len(draws) > 1 else {}
    without = {name: {f.finding: f for f in r.findings()} for name, r in runs.knock_outs().items()}
    experiment = experiment_of(planned.key)
    calibrated = {e.finding: e.calibrated or "" for e in experiment.expect}
    findings = tuple(
        _finding(f, found.get(f.id), drawn.get(f.id), len(draws), {k: v.get(f.id) for k, v in without.items()}, base, calibrated.get(f.id, ""), (hinges or {}).get(f.id, ()))  # noqa: E501
        for f in card.expect
    )  # fmt: skip
    with_donors = [a for a in base.names.arms if base.has_donors(a)] or list(base.names.arms)
    return BoardCard(
        **common, status="run", question=experiment.question or "", arms=_arms(experiment), wells=base.names.replicates, draws=len(draws),
        borrowed={b.arm: f"{b.card}: {b.their_arm}" for b in planned.borrowed}, share=planned.share, seconds=runs.seconds(),
        mechanisms=mechanisms_of(planned.key), handovers=_per_well(base, with_donors), findings=findings,
        run=f"{RUNS}/{planned.key}/base", picture=_pictured(base), probed=probed,
    )  # fmt: skip


def _described(card: Any) -> dict[str, Any]:
    reviews = tuple(dict.fromkeys(s.partition(":")[0] for s in card.sources))
    same = ("key", "title", "system", "milieu", "routes", "routes_assumed", "sources", "simulable", "title_only")
    return {
        **{k: getattr(card, k) for k in same},
        "simulable_note": card.simulable_note or "", "reviews": reviews, "conflicts": (card.conflicts,) if card.conflicts else (),
    }  # fmt: skip


def _arms(experiment: Any) -> tuple[tuple[str, str], ...]:
    from mitoferry.experiment.cards import experiment_card

    return experiment_card(experiment).arms


def mechanisms_of(key: str) -> tuple[str, ...]:
    """Processes that the experiment of a card uses: those that its plate wants and that are not switched off."""
    from mitoferry.experiment.mechanisms import processes
    from mitoferry.experiment.resolve import resolve

    spec = resolve(experiment_of(key))
    return tuple(p.name for p in processes() if p.at_work(spec))


def _pictured(r: Results) -> str:
    """The arm of the card's own run whose picture shows most: the plain one with donors and recipients, else the first."""
    own = [a for a in r.plate_arms if a["name"] in r.manifest_arms]
    both = [a["name"] for a in own if len({p["role"] for p in a["populations"] if p["count"] > 0}) > 1 or a.get("doses") or a.get("grafts")]
    return min(both, key=len) if both else own[0]["name"]


def _per_well(r: Results, arms: Sequence[str]) -> dict[str, float]:
    """Mitochondria that came to cells of another population, by route, per well of these arms."""
    wells = max(len(arms) * r.names.replicates, 1)
    return {route: round(n / wells, 3) for route, n in came_by_route(r, arms).items()}


def _card_facts(f: Any) -> dict[str, Any]:
    """What the card says of a finding, as the board shows it."""
    same = {k: getattr(f, k) for k in ("id", "observable", "arm", "direction", "basis", "title_only", "comparator_stated", "evidence")}
    return {**same, "versus": f.versus or "", "note": f.note or ""}


def _untested(f: Any, why: str) -> BoardFinding:
    facts = _card_facts(f)
    asked = {k: facts[k] for k in ("observable", "arm", "versus", "direction")}
    sentence = Finding(finding=f.id, of="", verdict=NOT_TESTED, reason=why, **asked).sentence
    words = _paragraphs().get(f.id, "")
    return BoardFinding(**facts, of="", sentence=sentence, verdict=NOT_TESTED, over_wells=NOT_TESTED, reason=why, why_not=words)


def _finding(
    f: Any, wells: Finding | None, draws: Finding | None, n_draws: int, without: Mapping[str, Finding | None], base: Results,
    calibrated: str, hinges: Sequence[str],
) -> BoardFinding:  # fmt: skip
    if wells is None:
        return _untested(f, "the experiment file does not hold this finding")
    counts = draws if draws is not None else wells
    ceiling = doomed = None
    if f.observable in OF_SURVIVAL and f.arm in base.names.arms and base.has_foreign(f.arm):
        x = ceiling_of(base, f.arm, wells.of or "recipient")
        ceiling = None if x is None else (x.mean, x.low, x.high)
        doomed = doomed_reached(base, f.arm, wells.versus, wells.of or "recipient") if wells.versus in base.names.arms else None
    carried = [carried_by(CARRIERS[name], wells, other) for name, other in without.items() if other is not None]
    over = None
    if draws is not None:
        c = draws.contrast
        shown = ("difference", "low", "high", "arm_mean", "versus_mean")
        numbers = {} if c is None or not c.versus else {k: getattr(c, k) for k in shown}
        sign = chance.share_with_sign(c, f.direction) if c is not None else NAN
        over = OverDraws(n=n_draws, verdict=draws.verdict, reason=draws.reason, share_with_sign=sign, **numbers)
    c = wells.contrast
    return BoardFinding(
        **_card_facts(f), of=wells.of, sentence=wells.sentence, verdict=counts.verdict, reason=counts.reason, over_wells=wells.verdict,
        surrogate=wells.surrogate, contrast=None if c is None else c.as_dict(), over_draws=over,
        sign_probability=chance.sign_probability(counts.contrast, f.direction) if counts.contrast is not None else NAN,
        p=counts.p, wells_needed=chance.wells_needed(c) if c is not None else 0, ceiling=ceiling, doomed=doomed,
        carried=tuple(x for x in carried if x is not None), hinges=tuple(hinges), why_not=_paragraphs().get(f.id, ""),
        calibrated=calibrated,
    )  # fmt: skip


def assembled(cards: Sequence[BoardCard], setting: Setting, *, seed: int, created: str = "", model: str = "") -> Board:
    """The board of judged cards, with false discovery rate over all their findings; ``model`` is the digest of what ran them."""
    ids = [(i, k) for i, card in enumerate(cards) for k in range(len(card.findings))]
    q = chance.q_values([cards[i].findings[k].p for i, k in ids]) if ids else []
    by_card: dict[int, list[BoardFinding]] = {}
    for (i, k), value in zip(ids, q, strict=True):
        by_card.setdefault(i, []).append(replace(cards[i].findings[k], q=value))
    done = tuple(replace(card, findings=tuple(by_card.get(i, ()))) for i, card in enumerate(cards))
    known = [f for card in done for f in card.findings if f.p == f.p]
    found = [f for f in known if f.q <= SIGNIFICANT]
    return Board(
        created=created or datetime.now(UTC).isoformat(timespec="seconds"), setting=asdict(setting), seed=seed,
        versions={**versions(), "model": model or model_digest()},
        tuned=tuple(tuned(c.key for c in done if c.status == "run")), cards=done, seconds=sum(c.seconds for c in done),
        shared_arms=sum(len(c.borrowed) for c in done),
        false_discoveries={"tested": len(known), "q below 5 %": len(found), "expected by chance": round(SIGNIFICANT * len(found), 2)},
        shuffled=asdict(shuffled([f for card in done for f in card.findings])),
    )  # fmt: skip


__all__ = ["CardRuns", "assembled", "judged_card", "mechanisms_of"]
