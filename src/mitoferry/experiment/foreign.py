"""Whether killer cells can know the mitochondria that they meet as foreign: a warning for files in which they cannot.

Donors of another person whose mtDNA the file does not call ``allogeneic`` (or by a name of its own) are, to ``immune_attack``, the killers'
own. That is right for cells of one person and for killing by STING, and easily forgotten otherwise.
"""

from __future__ import annotations

from mitoferry.core.plate_spec import Arm, PlateSpec
from mitoferry.experiment.plate import known_haplotypes


def unseen_donors(spec: PlateSpec) -> list[str]:
    """One text per set of arms in which killer cells meet donors or doses of which nothing is foreign to them."""
    found: dict[tuple[str, ...], list[str]] = {}
    if spec.switches.get("immune_attack") == "off":
        return []
    for arm in spec.arms:
        killers = _killers_that_see_nothing(arm, spec)
        if killers:
            found.setdefault(killers, []).append(arm.name)
    return [
        f"arm{'s' if len(arms) > 1 else ''} {', '.join(arms)}: {' and '.join(killers)} can kill, but no mtDNA of the donors is foreign to "
        "them, so that they attack by STING only; write 'haplotypes: {allogeneic: 100 %}' for cells of another person"
        for killers, arms in found.items()
    ]


def _killers_that_see_nothing(arm: Arm, spec: PlateSpec) -> tuple[str, ...]:
    killers = [p for p in arm.populations if p.count > 0 and p.cell_type.attacker > 0.0]
    given = [p for p in arm.populations if p.count > 0 and p.role == "donor" and p not in killers] + [d.source for d in arm.doses]
    if not given:
        return ()
    blind = []
    for killer in killers:
        known = known_haplotypes(killer, spec)
        if not any(share > 0.0 and not known >> k & 1 for p in arm.sources for k, share in enumerate(p.haplotypes)):
            blind.append(killer.name)
    return tuple(blind)
