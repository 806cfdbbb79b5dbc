"""All assays by name: ours, and those of other packages."""

from __future__ import annotations

from mitoferry.assays import (
    annexin_pi,
    arrival_fates,
    atp_luminescence,
    calorimetry,
    cell_connections,
    cell_count,
    cell_fates,
    cell_fusion_count,
    electron_microscopy,
    elisa,
    event_order,
    filopodia_count,
    flow_mitochondria,
    gap_junctions,
    immune_signalling,
    immunoblot,
    macrophage_phenotype,
    membrane_potential,
    mitochondria_exchange,
    mitochondria_outside,
    mitochondrial_mass,
    mitochondrial_motility,
    mitochondrial_proteins,
    mtdna_qpcr,
    nanotube_count,
    organ,
    phagocytosis_count,
    reactive_oxygen_dyes,
    seahorse_well,
    t_cell_phenotype,
    tube_formation,
    working_cells,
)
from mitoferry.assays.base import Assay
from mitoferry.base import plugins
from mitoferry.base.errors import MitoferryError

ENTRY_POINT_GROUP = "mitoferry.assays"
BUILT_IN: tuple[Assay, ...] = (
    flow_mitochondria.FLOW,
    flow_mitochondria.CONFOCAL,
    nanotube_count.NANOTUBES,
    filopodia_count.FILOPODIA,
    gap_junctions.GAP_JUNCTIONS,
    event_order.EVENT_ORDER,
    membrane_potential.TMRM,
    membrane_potential.JC1,
    atp_luminescence.ATP,
    reactive_oxygen_dyes.DCF,
    reactive_oxygen_dyes.MITOSOX,
    annexin_pi.ANNEXIN,
    annexin_pi.TUNEL,
    cell_count.COUNT,
    cell_count.STATE,
    mtdna_qpcr.QPCR,
    mtdna_qpcr.HETEROPLASMY,
    seahorse_well.SEAHORSE,
    immunoblot.IMMUNOBLOT,
    organ.ORGAN,
    elisa.ELISA,
    macrophage_phenotype.MACROPHAGE_PHENOTYPE,
    t_cell_phenotype.T_CELL_PHENOTYPE,
    phagocytosis_count.PHAGOCYTOSIS,
    immune_signalling.IMMUNE_SIGNALLING,
    mitochondrial_mass.MASS,
    mitochondrial_motility.MOTILITY,
    cell_fates.PEROXIDATION,
    cell_fates.SENESCENCE,
    cell_fates.DIFFERENTIATION,
    cell_fates.CYCLE,
    cell_fates.MODES,
    cell_fates.MORPHOLOGY,
    tube_formation.TUBES,
    tube_formation.MIGRATION,
    cell_connections.CONNECTIONS,
    cell_fusion_count.FUSION,
    mitochondria_outside.OUTSIDE,
    mitochondria_exchange.EXCHANGE,
    arrival_fates.ARRIVALS,
    electron_microscopy.MICROSCOPY,
    mitochondrial_proteins.PROTEINS,
    working_cells.WORKING,
    calorimetry.CALORIMETRY,
)


def load_assays() -> dict[str, Assay]:
    """All assays by name; those of other packages come by entry points of the group ``mitoferry.assays``.

    Raises:
        MitoferryError: an entry point gives something else than an assay, or a name that is taken.
    """
    assays = {assay.name: assay for assay in BUILT_IN}
    for point in plugins.points(ENTRY_POINT_GROUP):
        assay = point.load()
        if not isinstance(assay, Assay):
            raise MitoferryError(
                f"entry point {point.name!r} of group {ENTRY_POINT_GROUP} gave {type(assay).__name__}, wanted a mitoferry.assays.base.Assay"
            )
        if assay.name in assays:
            raise MitoferryError(f"entry point {point.name!r} of group {ENTRY_POINT_GROUP}: an assay named {assay.name!r} exists already")
        assays[assay.name] = assay
    return assays
