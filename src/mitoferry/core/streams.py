"""The registry of random streams: one number per use, never reused, never renumbered.

A new use takes the next free number; a retired one stays listed. The number is part of the counter of the generator,
so changing it changes results.
"""

from __future__ import annotations

SEEDING = 1  # positions, counts and between-cell variation of seeded cells
SEEDING_MITOCHONDRIA = 2
WELL_EFFECTS = 3  # between-well random effects
MOTION = 10
MECHANICS = 11
CONTACT_LOSS = 12
MTDNA_REPLICATION = 20
MTDNA_TURNOVER = 21
FUSION = 22
FUSION_EXCHANGE = 23
FISSION = 24
DAMAGE_ROUNDING = 25
EXPRESSION_ROUNDING = 26
MITOPHAGY = 27
BIOGENESIS = 28
INHIBITOR_ROUNDING = 29
PORE = 30
PARTITION = 31
DIVISION = 32
NANOTUBE_SEARCH = 40
NANOTUBE_CAPTURE = 41
NANOTUBE_CLOCKS = 42
NANOTUBE_LOADING = 43
NANOTUBE_TRANSIT = 44
NANOTUBE_BREAK = 45
DISLODGEMENT = 46
NANOTUBE_CHOICE = 47
ARRIVAL_FATE = 50
DEATH = 60
EXECUTION = 61
PROLIFERATION = 62
DYE = 70
FREE_MITOCHONDRIA = 80
FREE_UPTAKE = 81
ASSAY_FLOW = 100
ASSAY_COUNT = 101
ASSAY_SEAHORSE = 102
ASSAY_QPCR = 103
ASSAY_INTENSITY = 104
BOOTSTRAP = 120
