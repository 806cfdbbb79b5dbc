"""Cytokines and immune numbers in the experiment file: what is taken, and what is refused in clear words."""

import pytest

from mitoferry.base.errors import InputError
from mitoferry.experiment.reader import parse_experiment
from mitoferry.experiment.resolve import resolve

FILE = """\
schema: mitoferry/experiment@1
title: A few cells
well: {{kind: dish, size: 100 um, medium: {{{medium}}}}}
cells:
  recipient: {{type: alveolar_macrophage, count: 2, overrides: {{{overrides}}}}}
treat: [{treat}]
run: {{until: 1 h, replicates: 1}}
measure: [{{assay: elisa, at: [1 h]}}]
"""


def parse(medium="il_13: 10 ng/mL", treat="", overrides="cycle_time: 0"):
    return parse_experiment(FILE.format(medium=medium, treat=treat, overrides=overrides), "file.yaml", name="file")


def test_cytokines_of_the_medium_and_of_treatments():
    spec = resolve(parse(treat="{medium: {il_4: 2000 pg/mL}, from: 10 min}, {drug: tgf_beta, dose: 5 ng/mL}, {wash: true, from: 30 min}"))
    assert spec.arms[0].medium["il_13"] == 10.0
    assert {(a.key, a.value, a.start) for a in spec.arms[0].actions if a.kind == "medium"} == {("il_4", 2.0, 600.0), ("tgf_beta", 5.0, 0.0)}
    assert spec.dissolves("il_4")
    assert not spec.dissolves("il_5")


def test_immune_numbers_of_a_type_may_be_replaced():
    assert resolve(parse(overrides="sting_level: 0.3")).arms[0].populations[0].cell_type.sting_level == 0.3


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"medium": "il_13: 10 mM"}, "il_13"),
        ({"medium": "il_13: -1 ng/mL"}, "il_13"),
        ({"medium": "il_99: 1 ng/mL"}, "il_99"),
        ({"treat": "{medium: {il_4: lots}}"}, "il_4"),
        ({"treat": "{drug: il_4, dose: 3 uM}"}, "dose"),
        ({"treat": "{drug: mcc_950}"}, "mcc950"),
        ({"overrides": "sting: 1"}, "sting_level"),
    ],
)
def test_what_cannot_be_is_refused_with_its_key(wrong, said):
    with pytest.raises(InputError, match=said):
        parse(**wrong)
