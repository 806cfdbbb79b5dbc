"""The library: every record has unit, tag and source; parameters, cell types, agents; refusals."""

import dataclasses
import importlib
import itertools
import math
import types

import pytest

from mitoferry.assays import seahorse
from mitoferry.base.errors import InputError
from mitoferry.core.nodes import NODE, NODES
from mitoferry.core.plate_spec import CellTypeNumbers
from mitoferry.core.schema import CYTOKINES, SPECIES
from mitoferry.library import cell_types, interventions, parameters, records, units
from mitoferry.library.interventions_read import read_intervention
from mitoferry.library.scaling import energetics_parameters

AGENTS = [a for load in (interventions.load_drugs, interventions.load_genes, interventions.load_injuries) for a in load().values()]
NEEDED_TYPES = [
    "bm_msc",
    "ipsc_msc",
    "wj_msc",
    "ad_msc",
    "fibroblast",
    "melas_fibroblast",
    "huvec",
    "corneal_epithelium",
    "nucleus_pulposus",
]
NEEDED_DRUGS = [
    "cytochalasin_b",
    "latrunculin",
    "nocodazole",
    "vincristine",
    "annexin_v",
    "nac",
    "rotenone",
    "antimycin_a",
    "oligomycin",
    "fccp",
    "two_dg",
    "galactose",
    "etbr",
    "cocl2",
    "h2o2",
    "tnf_alpha",
    "il_1beta",
    "carbenoxolone",
    "gap26",
    "ml_141",
    "everolimus",
    "dynasore",
    "bafilomycin",
    "mdivi_1",
    "dpi",
    "melatonin",
    "uridine",
    "zvad",
    "ikk_inhibitor",
    "tnt_inhibitor",
]
NEEDED_GENES = [
    "tnfaip2_kd",
    "miro1_kd",
    "miro1_oe",
    "cx43_kd",
    "cx43_oe",
    "parkin_ko",
    "mfn2_kd",
]
NEEDED_INJURIES = [
    "oxygen_glucose_deprivation",
    "hypoxia",
    "glucose_deprivation",
    "rotenone",
    "h2o2_bolus",
    "il_1beta",
    "tnf_alpha",
]


# ------------------------------------------------------------------ parameters
def test_every_parameter_has_a_known_unit():
    for record in parameters.load_parameters().values():
        assert units.is_known(record.unit), f"{record.name}: {record.unit}"
        assert record.about
        assert record.source


@pytest.mark.parametrize(
    "broken",
    [
        {"tag": None},
        {"tag": "X"},
        {"source": ""},
        {"unit": None},
        {"unit": 1},
        {"value": "3"},
        {"value": 9.0},
        {"value": True},
        {"range": [2.0, 1.0]},
        {"range": [0.0, 2.0], "distribution": "loguniform"},
        {"distribution": "normal"},
        {"about": None},
        {"value": float("nan")},
        {"unti": "h"},
    ],
)
def test_a_broken_record_is_refused(broken):
    good = {
        "value": 1.0,
        "unit": "h",
        "range": [0.5, 2.0],
        "distribution": "loguniform",
        "tag": "C",
        "source": "modelling choice",
        "about": "x",
    }
    record, problems = parameters.read_record("here.yaml", "a.b", good)
    assert record is not None
    assert not problems
    record, problems = parameters.read_record("here.yaml", "a.b", {**good, **broken})
    assert record is None
    assert problems


def test_values_and_overrides():
    some = parameters.values_for("seeding", overrides={"seeding.mass_cv": 0.2})
    assert some["mass_cv"] == 0.2
    assert "well_cv" in some
    with pytest.raises(InputError, match=r"seeding\.mass_cv"):
        parameters.values_for("seeding", overrides={"seeding.mass_cw": 0.2})
    with pytest.raises(InputError, match="Did you mean"):
        parameters.require("seeding.mass_vc")


def test_find():
    assert {r.name for r in parameters.find("seeding.*")} == {r.name for r in parameters.find("seeding.")}
    assert parameters.find("no such thing anywhere") == []


def test_records_are_exactly_the_fields_of_the_processes():
    """Every field of every process's Parameters has a record and vice versa, for the processes that exist."""
    by_process = {}
    for name in parameters.load_parameters():
        process, field = name.split(".", 1)
        by_process.setdefault(process, set()).add(field)
    for process, fields in by_process.items():
        try:
            module = importlib.import_module(f"mitoferry.processes.{process}")
        except ModuleNotFoundError:
            continue
        if process != "seeding" and hasattr(module, "Parameters"):
            assert fields == set(module.Parameters._fields), process


def test_other_packages_add_records(monkeypatch):
    class Point:
        name = "mine"

        @staticmethod
        def load():
            return lambda: {
                "mine.rate": {
                    "value": 1.0,
                    "unit": "1/h",
                    "range": [0, 2],
                    "distribution": "uniform",
                    "tag": "C",
                    "source": "mine",
                    "about": "x",
                }
            }

    monkeypatch.setattr(records.plugins, "points", lambda group: [Point] if group == "mitoferry.parameters" else [])
    parameters._load.cache_clear()
    try:
        assert parameters.values_for("mine") == {"rate": 1.0}
    finally:
        monkeypatch.undo()
        parameters._load.cache_clear()
    assert parameters.values_for("mine") == {}


# ------------------------------------------------------------------ cell types
def test_cell_types_are_complete():
    known = cell_types.load_cell_types()
    assert set(NEEDED_TYPES) <= set(known)
    for t in known.values():
        assert set(t.values) == set(cell_types.FIELDS)
        for v in t.values.values():
            assert v.tag in records.TAGS
            assert v.source
            assert units.is_known(v.unit)
            assert v.range[0] <= v.value <= v.range[1]
        assert t.about
        assert t.species
        assert math.isclose(sum(t.haplotypes.values()), 1.0)


@pytest.mark.parametrize("name", sorted(cell_types.load_cell_types()))
def test_numbers_of_every_type_are_usable(name):
    record = cell_types.cell_type(name)
    n = record.numbers()
    assert isinstance(n, CellTypeNumbers)
    assert all(math.isfinite(x) and x >= 0 for k, x in dataclasses.asdict(n).items() if k != "name")
    assert n.demand > 0
    assert n.glycolysis > 0
    assert 0 < n.cytosol < n.volume
    assert 0 < n.leak_factor <= max(1.0, record.value("leak"))
    if n.oxygen_use > 0:
        assert n.nonmito < n.oxygen_use * 1000 / 60
    else:
        assert n.nonmito == n.oxphos_share == 0.0


@pytest.mark.parametrize("name", sorted(cell_types.load_cell_types()))
def test_virtual_seahorse_of_every_type(name):
    """At rest a cell keeps its ATP; what it respires is near its oxygen use, and nothing without mtDNA or mitochondria."""
    record = cell_types.cell_type(name)
    energetics = seahorse.CellEnergetics.of_type(record.numbers(), rho0=record.rho0)
    test = seahorse.virtual_seahorse(energetics, energetics_parameters(), titration=(10.0, 20.0))
    basal = test.phases["basal"]
    assert 2.7 < basal.atp < 3.25
    if record.value("mtdna") == 0.0:
        assert basal.ocr == test.spare == 0.0
        assert test.phases["oligomycin"].atp > 2.7
    else:
        assert 150 < basal.psi < 181
        assert 0.85 < basal.ocr / record.value("oxygen_use") < (2.2 if record.value("oxphos_share") < 0.4 else 1.5)
        assert test.spare > 0
    if record.rho0:
        assert 55 < basal.psi < 68


def test_rows_of_the_specification_are_types_of_their_own():
    names = set(cell_types.load_cell_types())
    assert len(names) >= 71
    assert {"a549_rho0", "cell_143b_rho0", "cell_4t1_rho0", "b16_rho0", "prostate_cancer", "hepatocellular_carcinoma", "skov3",
            "adenoid_cystic_carcinoma", "vascular_smooth_muscle", "airway_smooth_muscle", "uc_msc", "t_cell", "t_cell_activated", "nk_cell",
            "nkt_cell", "hsc", "cd34", "macrophage_m1", "macrophage_m2", "platelet", "erythrocyte", "zygote", "oocyte",
            "myeloid_precursor", "osteoclast_precursor"} <= names  # fmt: skip


def test_ids_are_used_for_one_kind_of_cell():
    shared = {"CL:0000134", "CL:0002551", "CL:0002131"}  # stromal cells without an id of their own, MELAS fibroblast, neonatal heart
    ids = [r.ontology for r in cell_types.load_cell_types().values() if r.ontology not in (*shared, "")]
    assert len(ids) == len(set(ids)) > 45
    lines = [r for r in cell_types.load_cell_types().values() if r.ontology.startswith("CVCL_")]
    assert all(not r.rho0 for r in lines)


def test_a_line_without_mtdna_keeps_the_set_points_of_its_parent():
    line, parent = cell_types.cell_type("a549_rho0"), cell_types.cell_type("a549")
    n, whole = line.numbers(), parent.numbers()
    assert line.rho0
    assert not parent.rho0
    assert line.value("mtdna") == line.value("oxygen_use") == 0.0
    assert n.mtdna == parent.value("mtdna")
    assert line.numbers({"mtdna": 700.0}).mtdna == 700.0
    assert n.demand == whole.demand
    assert n.glycolysis > 1.9 * whole.glycolysis
    assert n.nonmito == 0.0


def test_uncoupling_protein_raises_the_leak():
    brown = cell_types.cell_type("brown_adipocyte")
    assert brown.numbers().leak_factor == 5.0
    assert brown.numbers().demand < brown.numbers({"leak": 1.0}).demand
    with pytest.raises(InputError, match="leaves some"):
        brown.numbers({"leak": 50.0})


@pytest.mark.parametrize("overrides", [{"oxygen_use": 4.0}, {"oxphos_share": 1.5}])
def test_numbers_that_contradict_each_other_are_refused(overrides):
    with pytest.raises(InputError, match="oxphos_share"):
        cell_types.cell_type("a549_rho0").numbers(overrides)


def test_what_is_measured_and_what_is_not():
    assert set(cell_types.cell_type("huvec").unmeasured()) == set(cell_types.DECIDING)
    assert set(cell_types.cell_type("huvec").unmeasured({"cx43": 1})) == set(cell_types.DECIDING) - {"cx43"}
    assert cell_types.cell_type("fibroblast").unmeasured() == {}
    assert cell_types.cell_type("fibroblast").unmeasured({"mitochondria": 300})
    assert cell_types.cell_type("alveolar_type_2").unmeasured()  # its volume is measured, which decides little


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"ontology": "CL:57"}, "CL:0000057"),
        ({"ontolgy": "CL:0000057"}, "Did you mean ontology"),
        ({"rho0_of": "a548"}, "Did you mean a549"),
        ({"rho0_of": "a549_rho0"}, "with mtDNA"),
        ({"rho0_of": "a549"}, "0 for mtdna"),
    ],
)
def test_a_broken_type_is_refused(monkeypatch, broken, said):
    row = {**dict.fromkeys(cell_types.FIELDS, 1.0), "oxphos_share": 0.5}
    content = {"types": {"mine": {"about": "mine", "species": "human", "values": row, **broken}}}
    point = types.SimpleNamespace(name="mine", load=lambda: content)
    monkeypatch.setattr(records.plugins, "points", lambda group: [point] if group == "mitoferry.cell_types" else [])
    cell_types._load.cache_clear()
    try:
        with pytest.raises(InputError, match=said):
            cell_types.load_cell_types()
    finally:
        cell_types._load.cache_clear()


def test_numbers_with_overrides():
    t = cell_types.cell_type("bm_msc")
    assert t.numbers({"speed": 5.0}).speed == 5.0
    assert t.numbers({"oxygen_use": 10.0}).demand > t.numbers().demand
    with pytest.raises(InputError, match="speed"):
        t.numbers({"sped": 5.0})
    with pytest.raises(InputError, match="0 or more"):
        t.numbers({"speed": -5.0})


def test_melas_fibroblast_carries_the_mutation():
    assert cell_types.cell_type("melas_fibroblast").haplotypes["m.3243A>G"] == 0.8
    assert cell_types.load_haplotypes()["m.3243A>G"].pathogenic
    assert not cell_types.load_haplotypes()["wild_type"].pathogenic


def test_unknown_cell_type_names_the_nearest():
    with pytest.raises(InputError, match="huvec"):
        cell_types.cell_type("huvecs")


# ------------------------------------------------------------------ agents
def test_the_agents_of_the_four_experiments_are_there():
    assert set(NEEDED_DRUGS) <= set(interventions.load_drugs())
    assert set(NEEDED_GENES) <= set(interventions.load_genes())
    assert set(NEEDED_INJURIES) <= set(interventions.load_injuries())


@pytest.mark.parametrize("agent", AGENTS, ids=lambda a: f"{a.category}-{a.name}")
def test_agent_records(agent):
    assert units.is_known(agent.unit)
    assert agent.effects(), "an agent at its usual dose does something"
    for r in agent.responses:
        assert r.tag in records.TAGS
        assert r.source
        assert r.kind != "node" or r.key in NODE
        assert r.kind not in ("medium", "boundary") or r.key in SPECIES + CYTOKINES
    for e in agent.effects():
        assert math.isfinite(e.value)
        assert e.value >= 0.0


@pytest.mark.parametrize("agent", AGENTS, ids=lambda a: f"{a.category}-{a.name}")
def test_responses_are_monotone_and_zero_dose_is_rest(agent):
    doses = [agent.dose_range[1] * 10**-k for k in (8, 5, 4, 3, 2, 1, 0.5, 0)]
    for r in agent.responses:
        values = [r.value(c) for c in doses]
        steps = [b - a for a, b in itertools.pairwise(values)]
        assert all(s >= 0 for s in steps) or all(s <= 0 for s in steps)
        if r.kind == "node" and r.form not in ("set", "fixed"):
            assert r.value(0.0) == NODES[NODE[r.key]].rest
            assert math.isclose(r.value(doses[0]), NODES[NODE[r.key]].rest, abs_tol=0.02)
    if all(r.kind == "node" and r.form != "set" for r in agent.responses):
        assert agent.effects(0.0) == []


def test_cytochalasin_has_two_regimes():
    drug = interventions.intervention("drug", "cytochalasin_b")
    low = {e.key: e.value for e in drug.effects("350 nM")}
    high = {e.key: e.value for e in drug.effects("10 uM")}
    assert low["actin"] < 0.3
    assert low["actin_break"] < 1.05
    assert low["endocytosis"] > 0.95
    assert high["actin_break"] > 4
    assert high["endocytosis"] < 0.2


def test_half_dose_is_half():
    drug = interventions.intervention("drug", "cytochalasin_b")
    assert drug.responses[0].value(0.1) == 0.5


def test_dose_texts():
    drug = interventions.intervention("drug", "cytochalasin_b")
    assert drug.dose_from("350 nM") == 0.35
    assert drug.dose_from(None) == drug.dose
    assert interventions.intervention("injury", "hypoxia").dose_from("1 %") == units.OXYGEN_UM_PER_PERCENT
    for bad in ("3 h", "-1 uM", "3", "much"):
        with pytest.raises(ValueError, match="wanted"):
            drug.dose_from(bad)
    assert drug.warnings(500.0)
    assert not drug.warnings(0.35)


def test_oxygen_glucose_deprivation_ends_with_fresh_medium():
    effects = {(e.kind, e.key): e for e in interventions.intervention("injury", "oxygen_glucose_deprivation").effects("0 uM")}
    assert effects["boundary", "oxygen"].value == 0.0
    assert effects["medium", "glucose"].at == "start"
    assert effects["wash", ""].at == "end"


def test_unknown_agent_names_the_nearest():
    with pytest.raises(InputError, match="cytochalasin_b"):
        interventions.intervention("drug", "cytochalasine_b")
    with pytest.raises(InputError, match="There is a gene"):
        interventions.intervention("drug", "tnfaip2_kd")


def test_a_node_that_does_not_exist_is_refused():
    """Planted fault: a drug on a read-out instead of a node."""
    raw = {
        "about": "x",
        "dose": {"unit": "uM", "usual": 1.0, "range": [0, 2]},
        "effects": [{"node": "apoptosis", "form": "inhibition", "half": 1.0, "tag": "C", "source": "x"}],
    }
    agent, problems = read_intervention("here.yaml", "drug", "cheat", raw)
    assert agent is None
    assert "apoptosis" in str(problems[0])
    raw["effects"][0]["node"] = "caspase"
    assert read_intervention("here.yaml", "drug", "honest", raw)[0] is not None


@pytest.mark.parametrize(
    "broken",
    [
        {"form": "magic"},
        {"half": 0.0},
        {"half": "1 uM"},
        {"tag": "Z"},
        {"source": ""},
        {"medium": "oxygen"},
        {"at": "start"},
        {"range": [2.0, 1.0]},
        {"hlaf": 1.0},
    ],
)
def test_a_broken_effect_is_refused(broken):
    effect = {"node": "actin", "form": "inhibition", "half": 1.0, "tag": "C", "source": "modelling choice"}
    raw = {"about": "x", "dose": {"unit": "uM", "usual": 1.0, "range": [0, 2]}, "effects": [effect]}
    assert read_intervention("here.yaml", "drug", "x", raw)[0] is not None
    agent, problems = read_intervention("here.yaml", "drug", "x", {**raw, "effects": [{**effect, **broken}]})
    assert agent is None
    assert problems


@pytest.mark.parametrize("broken", [{"dose": 3}, {"about": None}, {"on": "all"}, {"onset": -1}, {"effects": []}, {"effcets": 1}])
def test_a_broken_agent_is_refused(broken):
    effect = {"node": "actin", "form": "inhibition", "half": 1.0, "tag": "C", "source": "modelling choice"}
    raw = {"about": "x", "dose": {"unit": "uM", "usual": 1.0, "range": [0, 2]}, "effects": [effect], **broken}
    agent, problems = read_intervention("here.yaml", "drug", "x", raw)
    assert agent is None
    assert problems


def test_other_packages_add_cell_types_and_drugs(monkeypatch):
    row = dict.fromkeys(cell_types.FIELDS, 1.0)
    added = {"mitoferry.cell_types": {"types": {"my_cell": {"about": "mine", "species": "human", "values": {**row, "oxphos_share": 0.5}}}}}
    added["mitoferry.drugs"] = {
        "my_drug": {
            "about": "mine",
            "dose": {"unit": "uM", "usual": 1.0, "range": [0, 2]},
            "effects": [{"node": "actin", "form": "inhibition", "half": 1.0, "tag": "C", "source": "mine"}],
        }
    }

    class Point:
        name = "mine"

        def __init__(self, content):
            self.load = lambda: content

    monkeypatch.setattr(records.plugins, "points", lambda group: [Point(added[group])] if group in added else [])
    cell_types._load.cache_clear()
    interventions._load.cache_clear()
    try:
        assert cell_types.cell_type("my_cell").value("speed") == 1.0
        assert cell_types.cell_type("my_cell").values["speed"].source
        assert interventions.intervention("drug", "my_drug").effects("1 uM")[0].value == 0.5
        added["mitoferry.cell_types"]["types"]["my_cell"]["values"]["sped"] = 2.0
        cell_types._load.cache_clear()
        with pytest.raises(InputError, match="Did you mean speed"):
            cell_types.load_cell_types()
    finally:
        monkeypatch.undo()
        cell_types._load.cache_clear()
        interventions._load.cache_clear()
    assert "my_cell" not in cell_types.load_cell_types()
