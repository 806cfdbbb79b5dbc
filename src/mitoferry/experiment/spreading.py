"""How far cells spread on the bottom of a dish: the outline that neighbours and filopodia meet.

A round cell of volume V has the radius R of its type; on a surface it spreads to a disc of mean height h,

    R_s = max(R, sqrt(V/(pi h))),

so that a stromal cell of 4 pL and 3 um covers 1300 um^2 and not 300. Cells that lie too close for that share the room:
all discs of a surface shrink by one factor until they cover ``COVERED`` of it, none below its round radius. Cells of a
block and types of height 0 (blood cells) stay round. The room is reckoned with all cells that the arm seeds, also later.

Volumes, fluxes and rates of a cell do not depend on how it lies.
"""

from __future__ import annotations

import math

from mitoferry.core.plate_spec import Arm, CellTypeNumbers

COVERED = 0.9  # of a surface, at most, by cells that still spread


def spread_radius(cell_type: CellTypeNumbers) -> float:
    """Radius [um] of a cell that has all the room it wants."""
    if cell_type.height <= 0.0:
        return cell_type.radius
    return max(cell_type.radius, math.sqrt(1000.0 * cell_type.volume / (math.pi * cell_type.height)))


def outlines(arm: Arm) -> list[float]:
    """Radius [um] of the cells of each population of an arm, in its geometry."""
    if arm.geometry.kind == "block":
        return [p.cell_type.radius for p in arm.populations]
    wide = [spread_radius(p.cell_type) for p in arm.populations]
    area = arm.geometry.size[0] * arm.geometry.size[1]
    covered: dict[int, float] = {}
    for p, r in zip(arm.populations, wide, strict=True):
        covered[p.layer] = covered.get(p.layer, 0.0) + p.count * math.pi * r * r
    shrink = {layer: math.sqrt(min(1.0, COVERED * area / taken)) if taken > 0.0 else 1.0 for layer, taken in covered.items()}
    return [max(p.cell_type.radius, shrink[p.layer] * r) for p, r in zip(arm.populations, wide, strict=True)]
