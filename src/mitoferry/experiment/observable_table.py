"""The table of observables: every observable of the evidence's cards with the assay, readout and statistic that measure it here.

``margin`` is the relative difference below which two arms count as equal: 0.1 for a direct reading, 0.15 for one that stands in for
something that the model does not have (a surrogate, which says so wherever it is shown). What the model has nothing for is declared
outside, with the reason: a finding on it is not tested. Nothing here sets a value.
"""

# ruff: noqa: E501
from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Observable:
    """How one observable is read.

    Attributes:
        name: as on the cards.
        assay, readout: what is measured; "" for one outside the model.
        of: role that is compared; "well" for the whole well.
        statistic: "last" (latest reading up to the default time), "mean" or "max" over the readings of ``window``.
        time: hours after the donors are added at which it is read; 0 = end of the run.
        window: readings at times after the last donor is added ("coculture") or all ("run").
        margin: relative difference below which two arms count as equal (no_change, restore, abolish).
        surrogate: what it stands in for, "" for a direct reading.
        good: +1 if more is better for the cell, -1 if less is, 0 if neither; used by "restore".
        neutral: value without a contrast inside an arm (half of the tubes, no order of events), for ``versus: within_arm``
            without ``against``; None where the reading holds no contrast by itself.
        outside: why the model has no such readout, "" where it has one.
        always: above zero in every living cell, so that *present* means: more than in the arm without donors.
    """

    name: str
    assay: str
    readout: str
    of: str = "recipient"
    statistic: str = "last"
    time: float = 0.0
    window: str = "coculture"
    margin: float = 0.1
    surrogate: str = ""
    good: int = 0
    neutral: float | None = None
    outside: str = ""
    always: bool = False


DIRECT_MARGIN, SURROGATE_MARGIN = 0.1, 0.15


def _direct(name: str, assay: str, readout: str, **more: Any) -> Observable:
    return Observable(name=name, assay=assay, readout=readout, margin=DIRECT_MARGIN, **more)


def _stand_in(name: str, assay: str, readout: str, words: str, **more: Any) -> Observable:
    return Observable(name=name, assay=assay, readout=readout, margin=SURROGATE_MARGIN, surrogate=words, **more)


_CELLS = (
    _direct("mitochondrial_transfer", "confocal_mitochondria", "positive_fraction", statistic="mean"),
    _direct("mitochondrial_internalization", "confocal_mitochondria", "transferred_per_cell"),
    _direct("mtdna_transfer", "mtdna_qpcr", "donor_share"),
    _direct("mtdna_content", "mtdna_qpcr", "copies_per_cell"),
    _direct("mtdna_heteroplasmy", "heteroplasmy", "heteroplasmy", good=-1),
    _direct("tnt_number", "nanotube_count", "tubes_per_cell", of="well", statistic="mean"),
    _direct("tnt_origin", "nanotube_count", "begun_fraction", of="well", statistic="mean", neutral=0.5),
    _direct("tunnel_length", "nanotube_count", "mean_length", of="well", statistic="mean"),
    _direct("gap_junction_number", "gap_junctions", "plaques_per_cell", statistic="mean"),
    _stand_in("event_order", "event_order", "order", "share of cells that have received before they make, less those that make first; cells of one time, not one cell followed", statistic="mean", neutral=0.0),
    _direct("filopodia_outgrowth", "filopodia_count", "filopodia_per_cell", statistic="mean"),
    _direct("apoptosis", "annexin_pi", "apoptotic_fraction", good=-1),
    _direct("survival", "annexin_pi", "viable_fraction", good=1),
    _direct("cell_damage", "annexin_pi", "permeable_fraction", good=-1),
    _direct("proliferation", "cell_count", "live", good=1),
    _direct("membrane_potential", "tmrm", "tmrm", good=1),
    _direct("atp", "atp_luminescence", "atp_per_cell", good=1),
    _direct("ros", "dcf", "dcf", statistic="mean", good=-1),
    _direct("oxygen_consumption", "seahorse", "basal", good=1, always=True),
    _direct("oxphos", "seahorse", "atp_linked", good=1, always=True),
    _direct("bioenergetics", "seahorse", "atp_linked", good=1, always=True),
    _direct("mitochondrial_function", "seahorse", "maximal", good=1, always=True),
    _direct("spare_respiratory_capacity", "seahorse", "spare", good=1),
    _direct("metabolic_state", "seahorse", "lactate", always=True),
    Observable(name="nfkb_tnfaip2_signalling", assay="immunoblot", readout="tnfaip2", statistic="mean", window="run"),
    Observable(name="tnfaip2_expression", assay="immunoblot", readout="tnfaip2", of="donor", statistic="mean", window="run"),
    Observable(name="ho1_expression", assay="immunoblot", readout="ho1", statistic="mean", window="run"),
    Observable(name="heme", assay="immunoblot", readout="heme", statistic="max", window="run"),
    Observable(name="erk_activity", assay="immunoblot", readout="erk", statistic="mean", window="run"),
    Observable(name="pi3k_activity", assay="immunoblot", readout="akt", statistic="mean", window="run"),
    Observable(name="milton_oglcnac", assay="immunoblot", readout="o_glcnac", statistic="mean", window="run"),
    Observable(name="miro1_expression", assay="immunoblot", readout="miro1", of="donor", statistic="mean", window="run"),
    Observable(name="cx43_expression", assay="immunoblot", readout="cx43", statistic="mean", window="run"),
    Observable(name="biogenesis", assay="immunoblot", readout="pgc1a", statistic="mean", window="run"),
    Observable(name="mitochondrial_motility", assay="mitochondrial_motility", readout="moving_share", statistic="mean", window="run"),
    _direct("mitochondrial_mass", "mitochondrial_mass", "mass_per_cell", good=1),
    _stand_in("endothelial_function", "seahorse", "atp_linked", "ATP-linked respiration of the endothelial cells that live; no barrier, tone or vessel is modelled", good=1),
    _stand_in("cell_function", "seahorse", "atp_linked", "ATP-linked respiration of the cells that live", good=1),
    _stand_in("rescue_capacity", "annexin_pi", "viable_fraction", "share of recipients alive", good=1),
    _stand_in("cardiac_function", "organ", "ejection_fraction", "an ejection fraction that is a map of the share of cells that live and have ATP (15 % + 45 % H(f)); no heart is modelled", good=1),
    _stand_in("cardioprotection", "organ", "ejection_fraction", "an ejection fraction that is a map of the share of cells that live and have ATP; no heart is modelled", good=1),
    _stand_in("lesion_size", "organ", "lesion_size", "a lesion that is a map of the share of cells that live and have ATP (1 - H(f)) in one block of tissue", good=-1),
    _stand_in("ischemia_reperfusion_injury", "organ", "lesion_size", "a lesion that is a map of the share of cells that live and have ATP (1 - H(f)) in one block of tissue", good=-1),
    _stand_in("neurological_function", "organ", "neurological_score", "a score that is a map of the share of cells that live and have ATP (18 H(f)); no circuit or behaviour is modelled", good=1),
    _stand_in("locomotor_function", "organ", "neurological_score", "a score that is a map of the share of cells that live and have ATP (18 H(f)); no circuit or behaviour is modelled", good=1),
    _stand_in("lung_function", "organ", "compliance", "a compliance that is a map of the share of cells that live and have ATP (0.3 + 0.7 f); no breath is modelled", good=1),
    _stand_in("lung_injury", "organ", "wall_thickness", "a thickness of the alveolar wall that is a map of the share of cells that live and have ATP (3 - 2 f)", good=-1),
    _stand_in("tumour_growth", "organ", "tumour_size", "volume of the living cancer cells of one block or dish; no vessels or metastases are modelled"),
    _direct("cell_connection", "cell_connections", "connected_fraction"),
    _direct("cell_fusion", "cell_fusion_count", "hybrid_fraction", of="well"),
    _direct("tnt_diameter", "nanotube_count", "mean_diameter", of="well", statistic="mean"),
    _direct("tnt_structure", "nanotube_count", "rarer_class_fraction", of="well", statistic="mean"),
    _stand_in("tnt_stage", "nanotube_count", "open_fraction", "share of the tubes that are open-ended, the last stage of a tube here", of="well", statistic="mean"),
    _stand_in("organelle_transfer", "nanotube_count", "cargo_per_thick_tube", "mitochondria inside thick tubes, for all organelles", of="well", statistic="mean"),
    _stand_in("miro1_kif5_binding", "mitochondrial_motility", "moving_share", "share of mitochondria on a track, which Miro1 and its motors hold there; the bond is not modelled by itself", of="donor", statistic="mean", window="run"),
    _stand_in("mitochondria_gap_junction_contact", "gap_junctions", "swallowed_with_mitochondrion", "annular vesicles of gap junctions that hold a mitochondrion"),
    _direct("transfer_onset", "confocal_mitochondria", "positive_fraction", time=3.0),
    _direct("intercellular_exchange", "mitochondria_exchange", "holding_fraction", of="well"),
    _direct("transfer_destination", "mitochondria_outside", "taken_fraction", of="donor"),
    _direct("mitochondrial_secretion", "mitochondria_outside", "secreted_per_cell", of="donor", statistic="mean"),
    _direct("free_mitochondria", "mitochondria_outside", "free", of="well", statistic="mean"),
    _direct("mitochondrial_stability", "mitochondria_outside", "functional_fraction", of="well", statistic="mean", good=1),
    _direct("mitochondrial_integration", "arrival_fates", "integrated_fraction"),
    _direct("mitochondrion_lysosome_fusion", "arrival_fates", "degraded_fraction"),
    _direct("mitochondrial_dose", "arrival_fates", "held_per_cell"),
    _direct("mitochondrial_distribution", "arrival_fates", "reached_fraction"),
    _direct("mitochondrial_swelling", "electron_microscopy", "swollen_fraction", good=-1),
    _stand_in("cristae_degeneration", "electron_microscopy", "cristae_lost_fraction", "share of mitochondria damaged beyond a gate; cristae are part of one number for all damage", good=-1),
    _direct("complex_iv_mtco1", "mitochondrial_proteins", "complex_3_4"),
    _stand_in("mitochondrial_proteome", "mitochondrial_proteins", "proteome_per_cell", "complexes of the respiratory chain for all mitochondrial proteins"),
    _stand_in("thermogenesis", "seahorse", "leak", "respiration that goes on under oligomycin; see also the heat of calorimetry", of="donor"),
    _direct("energy_expenditure", "calorimetry", "oxygen_use", of="well"),
)  # fmt: skip
_IMMUNITY = (
    _direct("cytokine:HGF", "elisa", "hgf", of="well"),
    _direct("cytokine:IL-13", "elisa", "il_13", of="well"),
    _direct("cytokine:IL-1beta", "elisa", "il_1beta", of="well"),
    _direct("cytokine:IL-33", "elisa", "il_33", of="well"),
    _direct("cytokine:IL-4", "elisa", "il_4", of="well"),
    _direct("cytokine:IL-5", "elisa", "il_5", of="well"),
    _direct("cytokine:IL-6", "elisa", "il_6", of="well"),
    _direct("cytokine:IL-8", "elisa", "il_8", of="well"),
    _direct("cytokine:MCP-1", "elisa", "mcp_1", of="well"),
    _direct("cytokine:MCP-3", "elisa", "mcp_3", of="well"),
    _direct("cytokine:RANTES", "elisa", "rantes", of="well"),
    _direct("cytokine:SDF-1alpha", "elisa", "sdf_1", of="well"),
    _direct("cytokine:TNF-alpha", "elisa", "tnf_alpha", of="well"),
    _direct("cytokine:VEGF", "elisa", "vegf", of="well"),
    _direct("cytokine:eotaxin", "elisa", "eotaxin", of="well"),
    _direct("cytokine:IL-10", "elisa", "il_10", of="well"),
    _direct("cytokine:IL-17", "elisa", "il_17", of="well"),
    _direct("cytokine:TGF-beta", "elisa", "tgf_beta", of="well"),
    _direct("cytokine:IFN-gamma", "elisa", "interferon_gamma", of="well"),
    _direct("cytokine:IFN-I", "elisa", "interferon_1", of="well"),
    _direct("cytokine:HMGB1", "elisa", "extracellular_hmgb1", of="well"),
    _stand_in("cytokine:Th2", "elisa", "il_13", "IL-13 of the medium for the type 2 cytokines IL-4, IL-5 and IL-13", of="well"),
    _stand_in("inflammation", "elisa", "inflammatory_index", "geometric mean of eleven cytokines of inflammation in the medium; no tissue swells", of="well", good=-1, always=True),
    _stand_in("arthritis", "elisa", "inflammatory_index", "inflammatory cytokines in the medium; no joint is modelled", of="well", good=-1),
    _stand_in("paracrine_secretion", "elisa", "hgf", "HGF in the medium for all trophic factors", of="well"),
    _direct("macrophage_phenotype", "macrophage_phenotype", "polarisation"),
    _direct("macrophage_activation", "macrophage_phenotype", "m1_fraction"),
    _direct("phagocytosis", "phagocytosis", "bait_rate"),
    _direct("gene_expression:FOXP3", "t_cell_phenotype", "foxp3"),
    _direct("gene_expression:T-bet", "t_cell_phenotype", "tbet"),
    _direct("gene_expression:CTLA4", "t_cell_phenotype", "ctla4"),
    _direct("gene_expression:IL2RA", "t_cell_phenotype", "il2ra"),
    _stand_in("gene_expression:TGF-beta1", "elisa", "tgf_beta", "TGF-beta in the medium, not its message", of="well"),
    _direct("treg_activation", "t_cell_phenotype", "foxp3"),
    _direct("th1_differentiation", "t_cell_phenotype", "tbet"),
    _direct("th17_differentiation", "t_cell_phenotype", "ror_gamma_t"),
    _direct("net_formation", "immune_signalling", "trap_fraction", good=-1),
    _direct("pyroptosis", "immune_signalling", "pyroptotic_fraction", good=-1),
    _direct("tlr_signalling", "immune_signalling", "tlr9"),
    _direct("immune_rejection", "immune_signalling", "attacked_fraction", good=-1),
    _stand_in("immune_tolerance", "elisa", "il_10", "IL-10 of the medium, which regulatory T cells and M2 macrophages secrete; no graft and no priming is modelled", of="well", good=1),
    _stand_in("tumour_immunogenicity", "immune_signalling", "sting", "STING of the tumour cells, which makes them visible to killer cells", good=0),
    _stand_in("antitumour_immunity", "immune_signalling", "attacked_fraction", "share of tumour cells that touching killer cells have killed", good=0),
    _stand_in("bacterial_clearance", "phagocytosis", "bait_rate", "bait that a phagocyte would engulf per hour, offered to it as in a dish; no bacterium is modelled", good=1),
    _stand_in("astrocyte_activation", "immunoblot", "nfkb", "NF-kB activity of the astrocytes", of="donor", statistic="mean", window="run"),
    _stand_in("caf_phenotype", "immunoblot", "nfkb", "NF-kB activity of the stromal cells, which drives an inflammatory activation; no marker of activated fibroblasts is modelled", of="donor", statistic="mean", window="run", always=True),
    _stand_in("fibrosis", "elisa", "tgf_beta", "TGF-beta in the medium; no matrix is laid down", of="well", good=-1),
    _stand_in("hsc_activation", "cell_cycle", "s_phase_fraction", "share of blood stem cells that make DNA"),
    _stand_in("leukocyte_expansion", "cell_count", "live", "living blood stem cells and their daughters; they do not become leukocytes here"),
)  # fmt: skip
_EFFECTS = (
    _direct("ferroptosis", "death_modes", "ferroptosis_fraction", good=-1),
    _direct("lipid_peroxidation", "lipid_peroxidation", "oxidised_ratio", good=-1),
    _direct("differentiation", "differentiation", "committed_fraction"),
    _direct("osteoclastogenesis", "differentiation", "osteoclast_fraction"),
    _direct("cell_cycle", "cell_cycle", "s_phase_fraction"),
    _direct("angiogenesis", "tube_formation", "tube_length", good=1),
    _direct("migration", "migration", "speed"),
    _direct("mitochondrial_fragmentation", "mitochondrial_morphology", "fragmentation_index", good=-1),
    _direct("mitophagy", "mitochondrial_morphology", "mitophagy", statistic="mean", always=True),
    _stand_in("wound_healing", "migration", "speed", "speed of crawling; no scratch is closed", good=1),
    _stand_in("engraftment", "cell_count", "live", "grafted cells that are there and alive; that they take up their work is not modelled", of="donor", good=1),
    _stand_in("drug_resistance", "annexin_pi", "viable_fraction", "share of cells under the drug that live; no series of doses"),
    _stand_in("radiosensitivity", "annexin_pi", "apoptotic_fraction", "share of irradiated cells in apoptosis; no colonies are counted"),
    _stand_in("glutathione", "lipid_peroxidation", "glutathione", "antioxidant capacity; glutathione itself is not modelled", good=1),
    _stand_in("therapeutic_effect", "annexin_pi", "viable_fraction", "share of the treated cells alive; no organ and no patient is modelled", good=1),
    _stand_in("stress_resistance", "annexin_pi", "viable_fraction", "share of the stressed cells alive", good=1),
    _stand_in("tissue_regeneration", "cell_count", "live", "number of living cells of the tissue; no tissue is built", good=1),
    _stand_in("embryonic_development", "cell_count", "live", "number of living cells that a zygote has come to; no embryo is modelled", good=1),
    _stand_in("airway_injury", "organ", "wall_thickness", "a thickness of the alveolar wall that is a map of the share of cells that live and have ATP; no airway is modelled", good=-1),
    _stand_in("alveolar_destruction", "organ", "lesion_size", "a lesion that is a map of the share of cells that live and have ATP; no alveolus is modelled", good=-1),
    _stand_in("cognitive_function", "organ", "neurological_score", "a score that is a map of the share of cells that live and have ATP; no circuit or behaviour is modelled", good=1),
    _stand_in("neural_function", "working_cells", "working_fraction", "share of neurons that live and have ATP; they do not fire here", good=1),
    _stand_in("synaptic_integrity", "working_cells", "working_fraction", "share of neurons that live and have ATP; no synapse is modelled", good=1),
    _stand_in("white_matter_integrity", "annexin_pi", "viable_fraction", "share of brain cells alive; no fibre tract is modelled", good=1),
    _stand_in("pain", "working_cells", "failing_fraction", "share of sensory neurons that have died or lack ATP; no nociception is modelled", good=-1),
    _stand_in("barrier_integrity", "working_cells", "working_fraction", "share of endothelial cells that live and have ATP; no junction or leak is modelled", good=1),
    _stand_in("surfactant_secretion", "working_cells", "working_fraction", "share of alveolar cells that live and have the ATP that secretion needs; no surfactant is modelled", good=1),
    _stand_in("metabolic_homeostasis", "working_cells", "working_fraction", "share of cells that live and have ATP", good=1, always=True),
    _stand_in("cell_phenotype", "differentiation", "committed_fraction", "share of cells committed to another lineage; no other change of phenotype is modelled"),
    _stand_in("tamm_horsfall_expression", "differentiation", "committed_fraction", "share of cells committed to another lineage; the protein is not modelled"),
    _stand_in("ve_cadherin_expression", "differentiation", "other_score", "score of the other lineage, endothelial on this card; the protein is not modelled"),
    _stand_in("bone_mass", "differentiation", "no_osteoclast_fraction", "share of precursors that have not become osteoclasts; no bone is modelled", good=1),
    _stand_in("invasion", "migration", "speed", "speed of crawling; no matrix is crossed"),
    _stand_in("metastasis", "migration", "speed", "speed of crawling; no cell leaves for another organ"),
    _stand_in("dormancy_escape", "cell_cycle", "s_phase_fraction", "share of cells that make DNA"),
)  # fmt: skip
_OUTSIDE = {
    "aggregate_clearance": "no protein aggregates in the model; lysosomes act on mitochondria only",
    "amyloid_beta": "amyloid-beta is not in the model, and nothing of what is stands for it",
    "tau": "tau is not in the model, and nothing of what is stands for it",
    "basal_lamina_integrity": "no basal lamina and no protease that breaks it down is in the model",
    "gene_expression": "the expression of genes as a whole is not in the model; single proteins are (immunoblot)",
    "emt": "no programme of epithelial or mesenchymal genes is in the model; crawling alone is no transition",
    "reprogramming": "no cell goes back to a progenitor in the model: differentiation runs one way",
    "neuroplasticity": "no neurite or synapse grows or is remodelled in the model",
    "fat_mass": "no fat is stored over days in the model; a run holds hours of some cells",
    "host_survival": "no animal lives or dies in the model",
    "patient_outcome": "no patient is in the model",
    "mortality": "no patient is in the model",
    "safety": "no patient is in the model",
    "trial_status": "whether a trial was run is no property of cells",
    "tissue_function": "results pooled over many organs and studies are no single experiment",
    "electrophysiology": "no action potential and no ion channel of an excitable membrane is in the model",
    "electrotonic_coupling": "no current passes between cells in the model",
}

TABLE: tuple[Observable, ...] = (
    *_CELLS,
    *_IMMUNITY,
    *_EFFECTS,
    *(Observable(name=name, assay="", readout="", outside=why) for name, why in _OUTSIDE.items()),
)
