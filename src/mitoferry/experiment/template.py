"""A commented experiment file to start from."""

from __future__ import annotations

import json

TEXT = """\
# yaml-language-server: $schema=./mitoferry-experiment.schema.json
# An experiment of mitoferry. Check it with:  mitoferry check {file}      run it with:  mitoferry run {file}
# Every number has a unit. 'mitoferry parameters', 'mitoferry show celltype NAME' and 'mitoferry show drug NAME' list what is known.
# For completion in an editor:  mitoferry schema > mitoferry-experiment.schema.json
schema: mitoferry/experiment@1
title: {title}
question: Do the donors protect the injured recipients, and is contact needed?
sources: []                     # papers, for the report

well:
  kind: dish                    # dish or block (of tissue); an arm below puts an insert into the dish
  size: 300 um                  # edge of the square; or a list of lengths
  medium: {{height: 2 mm, glucose: 5.5 mM, oxygen: 18 %}}   # 18 % is the gas of a humid incubator

cells:                          # at most 16 populations; the role follows from the name, or give role: donor
  recipient: {{type: huvec, count: 80}}                      # count, or density: 1e5 1/cm^2
  donor:
    type: bm_msc
    count: 40
    added: 4 h                  # seeded when the injury is over
    label: {{genetic: mito_dsred}}   # or tracker: mitotracker_red, which leaks

injury:                         # every time is counted from time zero
  - {{do: oxygen_glucose_deprivation, from: 0 h, until: 4 h}}

# treat:                        # treatments of all arms; those of one arm stand in the arm
#   - {{drug: nac, dose: 5 mM, from: 0 h, until: 4 h, on: recipient}}
#   - {{gene: miro1, change: knockdown, on: donor}}
#   - {{medium: {{glucose: 1 mM}}, from: 8 h}}
#   - {{wash: true, from: 12 h}}
#   - {{take_out: donor, at: 20 h}}   # sorted out; also efficiency: 98 %, losses: 1 %
#   - {{mitochondria: {{type: bm_msc, per_cell: 100}}, from: 4 h}}     # isolated ones; also vesicles, inject, and graft in a block
# Immune cells (mitoferry list celltypes): killers attack donors of another person, cells: donor: haplotypes: {{allogeneic: 100 %}}

arms:                           # each arm is a patch on what stands above
  recipient_alone: {{without: [injury, donor]}}
  injured_alone: {{without: [donor]}}
  donor_alone: {{without: [recipient]}}
  coculture: {{}}                 # nothing changed
  coculture_transwell: {{well: {{insert: {{pore: 0.4 um}}}}}}
  coculture_cytochalasin_b: {{treat: [{{drug: cytochalasin_b, dose: 350 nM, from: 4 h}}]}}
  # coculture_paracrine_kd: {{treat: [{{gene: paracrine, change: knockdown, on: donor}}]}}   # mitochondria without secreted factors
  # coculture_low_glucose: {{like: coculture, medium: {{glucose: 1 mM}}}}   # builds on another arm

measure:                        # at: list of times, or every: interval
  - {{assay: confocal_mitochondria, of: [recipient, donor], at: [12 h, 18 h, 24 h]}}
  - {{assay: flow_mitochondria, of: [recipient, donor], at: [12 h, 24 h]}}
  - {{assay: nanotube_count, every: 1 h}}
  - {{assay: annexin_pi, of: recipient, at: [4 h, 12 h, 24 h]}}
  - {{assay: atp_luminescence, of: recipient, at: [0 h, 4 h, 24 h]}}

run:
  until: 24 h
  replicates: 3                 # wells per arm; n is the number of wells, never of cells
  seed: 1

expect:                         # what you hold the run against; the report gives a verdict on each
  - {{finding: my-claim-1, observable: apoptosis, of: recipient, arm: coculture, versus: injured_alone, direction: decrease}}
  - {{finding: my-claim-2, observable: mitochondrial_transfer, arm: coculture_transwell, versus: coculture, direction: abolish}}
"""


def new_experiment_text(name: str) -> str:
    """A commented file that passes its checks and can be run as it stands.

    Args:
        name: name of the experiment; becomes its title.
    """
    words = "".join(c if c.isprintable() else " " for c in str(name)).strip()[:200]
    title = json.dumps(words.replace("-", " ").replace("_", " ") or "A new experiment", ensure_ascii=False)
    return TEXT.format(title=title, file=f"{words.replace(' ', '-') or 'experiment'}.yaml")
