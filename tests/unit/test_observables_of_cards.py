"""Every observable that the cards of the evidence name can be looked up: it is read by an assay, or outside the model with a reason."""

import pytest

from mitoferry.assays import load_assays
from mitoferry.experiment.observable_table import DIRECT_MARGIN, SURROGATE_MARGIN
from mitoferry.experiment.observables import OBSERVABLES, observable

NAMES = """
    aggregate_clearance airway_injury alveolar_destruction amyloid_beta angiogenesis antitumour_immunity apoptosis arthritis
    astrocyte_activation atp bacterial_clearance barrier_integrity basal_lamina_integrity bioenergetics biogenesis bone_mass
    caf_phenotype cardiac_function cardioprotection cell_connection cell_cycle cell_damage cell_function cell_fusion cell_phenotype
    cognitive_function complex_iv_mtco1 cristae_degeneration cx43_expression cytokine:HGF cytokine:IL-13 cytokine:IL-1beta
    cytokine:IL-33 cytokine:IL-4 cytokine:IL-5 cytokine:IL-6 cytokine:IL-8 cytokine:MCP-1 cytokine:MCP-3 cytokine:RANTES
    cytokine:SDF-1alpha cytokine:TNF-alpha cytokine:Th2 cytokine:VEGF cytokine:eotaxin differentiation dormancy_escape drug_resistance
    electrophysiology electrotonic_coupling embryonic_development emt endothelial_function energy_expenditure engraftment erk_activity
    event_order fat_mass ferroptosis fibrosis filopodia_outgrowth free_mitochondria gap_junction_number gene_expression
    gene_expression:CTLA4 gene_expression:FOXP3 gene_expression:IL2RA gene_expression:T-bet gene_expression:TGF-beta1 glutathione heme
    ho1_expression host_survival hsc_activation immune_rejection immune_tolerance inflammation intercellular_exchange invasion
    ischemia_reperfusion_injury lesion_size leukocyte_expansion lipid_peroxidation locomotor_function lung_function lung_injury
    macrophage_phenotype membrane_potential metabolic_homeostasis metabolic_state metastasis migration milton_oglcnac miro1_expression
    miro1_kif5_binding mitochondria_gap_junction_contact mitochondrial_distribution mitochondrial_dose mitochondrial_fragmentation
    mitochondrial_function mitochondrial_integration mitochondrial_internalization mitochondrial_mass mitochondrial_motility
    mitochondrial_proteome mitochondrial_secretion mitochondrial_stability mitochondrial_swelling mitochondrial_transfer
    mitochondrion_lysosome_fusion mitophagy mortality mtdna_content mtdna_heteroplasmy mtdna_transfer net_formation neural_function
    neurological_function neuroplasticity nfkb_tnfaip2_signalling organelle_transfer osteoclastogenesis oxphos oxygen_consumption pain
    paracrine_secretion patient_outcome phagocytosis pi3k_activity proliferation pyroptosis radiosensitivity reprogramming
    rescue_capacity ros safety spare_respiratory_capacity stress_resistance surfactant_secretion survival synaptic_integrity
    tamm_horsfall_expression tau th17_differentiation th1_differentiation therapeutic_effect thermogenesis tissue_function
    tissue_regeneration tlr_signalling tnfaip2_expression tnt_diameter tnt_number tnt_origin tnt_stage tnt_structure
    transfer_destination transfer_onset treg_activation trial_status tumour_growth tumour_immunogenicity tunnel_length
    ve_cadherin_expression white_matter_integrity wound_healing
"""
OF_CARDS = NAMES.split()
NOT_OF_CELLS = {
    "aggregate_clearance", "amyloid_beta", "basal_lamina_integrity", "electrophysiology", "electrotonic_coupling", "emt", "fat_mass",
    "gene_expression", "host_survival", "mortality", "neuroplasticity", "patient_outcome", "reprogramming", "safety", "tau",
    "tissue_function", "trial_status",
}  # fmt: skip


@pytest.mark.parametrize("name", OF_CARDS)
def test_every_observable_of_the_cards_is_known(name):
    """Fault seen to fail it: ``cell_fusion`` taken out of the table."""
    seen = observable(name)
    assert seen is not None
    if seen.outside:
        assert (seen.assay, seen.readout, seen.surrogate) == ("", "", "")
        assert len(seen.outside) > 20
        return
    readout = next(r for r in load_assays()[seen.assay].readouts if r.name == seen.readout)
    assert not readout.truth, "what no instrument sees is no evidence"
    assert seen.of in ("recipient", "donor", "well")
    assert seen.statistic in ("last", "mean", "max")
    assert seen.good in (-1, 0, 1)


def test_the_list_is_that_of_the_cards():
    assert len(OF_CARDS) == len(set(OF_CARDS)) == 166


def test_what_is_outside_is_decided_name_by_name():
    """A new observable outside the model has to be added here on purpose; what the model can read is not among them."""
    assert {name for name, o in OBSERVABLES.items() if o.outside} == NOT_OF_CELLS


def test_margins_are_stated_once():
    for o in OBSERVABLES.values():
        if not o.outside:
            assert o.margin == (SURROGATE_MARGIN if o.surrogate else DIRECT_MARGIN), o.name


def test_names_are_unique_and_only_contrasts_in_themselves_are_neutral():
    from mitoferry.experiment.observable_table import TABLE

    assert len({o.name for o in TABLE}) == len(TABLE)
    assert {o.name: o.neutral for o in TABLE if o.neutral is not None} == {"tnt_origin": 0.5, "event_order": 0.0}
