"""One registry: every observable of the evidence's cards to the assay, readout and statistic that measure it here.

A finding is looked up by observable, arm and versus; this table says what is then compared. ``margin`` is the relative
difference below which two arms count as equal. A readout that stands in for something that the model does not have (the
function of an endothelium) is a surrogate and says so wherever it is shown. Nothing here sets a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from mitoferry.base.errors import InputError, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class AssayInfo:
    """What an experiment file needs to know of an assay.

    Attributes:
        name: name in experiment files.
        about: what it measures.
        of: populations measured unless the file says otherwise: a role, or "well".
        readouts: names of the numbers that it gives.
        options: names of the options that it takes.
        settings: checks options and fills in defaults.
    """

    name: str
    about: str
    of: str
    readouts: tuple[str, ...]
    options: tuple[str, ...] = ()
    settings: Callable[[Mapping[str, Any]], Any] | None = None

    def problems(self, options: Mapping[str, Any]) -> list[Problem]:
        """What is wrong with options given in a file."""
        try:
            if self.settings is not None:
                self.settings(options)
        except InputError as error:
            return error.problems
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Observable:
    """How one observable is read.

    Attributes:
        name: as on the cards.
        assay, readout: what is measured.
        of: role that is compared; "well" for the whole well.
        statistic: "last" (latest reading up to the default time), "mean" or "max" over the readings of ``window``.
        time: hours after the donors are added at which it is read; 0 = end of the run.
        window: readings at times after the last donor is added ("coculture") or all ("run").
        margin: relative difference below which two arms count as equal (no_change, restore, abolish).
        surrogate: what it stands in for, "" for a direct reading.
        opposite: population read for direction ("unidirectional"), "" where it makes no sense.
        good: +1 if more is better for the cell, -1 if less is, 0 if neither; used by "restore".
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
    opposite: str = ""
    good: int = 0


def _direct(name: str, assay: str, readout: str, *, of: str = "recipient", statistic: str = "last", margin: float = 0.1, opposite: str = "", good: int = 0) -> Observable:  # fmt: skip  # noqa: E501
    return Observable(name=name, assay=assay, readout=readout, of=of, statistic=statistic, margin=margin, opposite=opposite, good=good)


def _stand_in(name: str, assay: str, readout: str, words: str, *, of: str = "recipient", statistic: str = "last", good: int = 0) -> Observable:  # fmt: skip  # noqa: E501
    return Observable(name=name, assay=assay, readout=readout, of=of, statistic=statistic, margin=0.15, surrogate=words, good=good)


_OBSERVABLES = (
    _direct("mitochondrial_transfer", "confocal_mitochondria", "positive_fraction", statistic="mean", opposite="donor"),
    _direct("mitochondrial_internalization", "confocal_mitochondria", "transferred_per_cell", opposite="donor"),
    _direct("mtdna_transfer", "mtdna_qpcr", "donor_share"),
    _direct("mtdna_content", "mtdna_qpcr", "copies_per_cell"),
    _direct("mtdna_heteroplasmy", "heteroplasmy", "heteroplasmy", good=-1),
    _direct("tnt_number", "nanotube_count", "tubes_per_cell", of="well", statistic="mean"),
    _direct("tnt_origin", "nanotube_count", "from_donor_fraction", of="well", statistic="mean"),
    _direct("tunnel_length", "nanotube_count", "mean_length", of="well", statistic="mean"),
    _direct("gap_junction_number", "gap_junctions", "plaques_per_cell", statistic="mean"),
    _stand_in("event_order", "event_order", "order", "share of cells that have received before they make, less those that make first; cells of one time, not one cell followed", statistic="mean"),  # noqa: E501
    _direct("filopodia_outgrowth", "filopodia_count", "filopodia_per_cell", statistic="mean"),
    _direct("apoptosis", "annexin_pi", "apoptotic_fraction", good=-1),
    _direct("survival", "annexin_pi", "viable_fraction", good=1),
    _direct("cell_damage", "annexin_pi", "necrotic_fraction", good=-1),
    _direct("proliferation", "cell_count", "live", good=1),
    _direct("membrane_potential", "tmrm", "tmrm", good=1),
    _direct("atp", "atp_luminescence", "atp_per_cell", good=1),
    _direct("ros", "dcf", "dcf", statistic="mean", good=-1),
    _direct("oxygen_consumption", "seahorse", "basal", good=1),
    _direct("oxphos", "seahorse", "atp_linked", good=1),
    _direct("bioenergetics", "seahorse", "atp_linked", good=1),
    _direct("mitochondrial_function", "seahorse", "maximal", good=1),
    _direct("spare_respiratory_capacity", "seahorse", "spare", good=1),
    _direct("metabolic_state", "seahorse", "lactate"),
    Observable(name="nfkb_tnfaip2_signalling", assay="immunoblot", readout="tnfaip2", statistic="mean", window="run"),
    Observable(name="tnfaip2_expression", assay="immunoblot", readout="tnfaip2", statistic="mean", window="run"),
    Observable(name="ho1_expression", assay="immunoblot", readout="ho1", statistic="mean", window="run"),
    Observable(name="heme", assay="immunoblot", readout="heme", statistic="max", window="run"),
    Observable(name="erk_activity", assay="immunoblot", readout="erk", statistic="mean", window="run"),
    Observable(name="pi3k_activity", assay="immunoblot", readout="akt", statistic="mean", window="run"),
    Observable(name="milton_oglcnac", assay="immunoblot", readout="o_glcnac", statistic="mean", window="run"),
    Observable(name="miro1_expression", assay="immunoblot", readout="miro1", statistic="mean", window="run"),
    Observable(name="cx43_expression", assay="immunoblot", readout="cx43", statistic="mean", window="run"),
    Observable(name="biogenesis", assay="immunoblot", readout="pgc1a", statistic="mean", window="run"),
    Observable(name="mitochondrial_motility", assay="mitochondrial_motility", readout="moving_share", statistic="mean", window="run"),
    _direct("mitochondrial_mass", "mitochondrial_mass", "mass_per_cell", good=1),
    _stand_in("endothelial_function", "seahorse", "atp_linked", "ATP-linked respiration of the endothelial cells that live; no barrier, tone or vessel is modelled", good=1),  # noqa: E501
    _stand_in("cell_function", "seahorse", "atp_linked", "ATP-linked respiration of the cells that live", good=1),
    _stand_in("rescue_capacity", "annexin_pi", "viable_fraction", "share of recipients alive", good=1),
    _stand_in("cardiac_function", "organ", "ejection_fraction", "an ejection fraction that is a map of the share of cells that live and have ATP (15 % + 45 % H(f)); no heart is modelled", good=1),  # noqa: E501
    _stand_in("cardioprotection", "organ", "ejection_fraction", "an ejection fraction that is a map of the share of cells that live and have ATP; no heart is modelled", good=1),  # noqa: E501
    _stand_in("lesion_size", "organ", "lesion_size", "a lesion that is a map of the share of cells that live and have ATP (1 - H(f)) in one block of tissue", good=-1),  # noqa: E501
    _stand_in("ischemia_reperfusion_injury", "organ", "lesion_size", "a lesion that is a map of the share of cells that live and have ATP (1 - H(f)) in one block of tissue", good=-1),  # noqa: E501
    _stand_in("neurological_function", "organ", "neurological_score", "a score that is a map of the share of cells that live and have ATP (18 H(f)); no circuit or behaviour is modelled", good=1),  # noqa: E501
    _stand_in("locomotor_function", "organ", "neurological_score", "a score that is a map of the share of cells that live and have ATP (18 H(f)); no circuit or behaviour is modelled", good=1),  # noqa: E501
    _stand_in("lung_function", "organ", "compliance", "a compliance that is a map of the share of cells that live and have ATP (0.3 + 0.7 f); no breath is modelled", good=1),  # noqa: E501
    _stand_in("lung_injury", "organ", "wall_thickness", "a thickness of the alveolar wall that is a map of the share of cells that live and have ATP (3 - 2 f)", good=-1),  # noqa: E501
    _stand_in("tumour_growth", "organ", "tumour_size", "volume of the living cancer cells of one block or dish; no vessels or metastases are modelled"),  # noqa: E501
    # immunity
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
    _stand_in("inflammation", "elisa", "inflammatory_sum", "sum of IL-6, IL-8, MCP-1, TNF-alpha and IL-1beta in the medium; no tissue swells", of="well", good=-1),  # noqa: E501
    _stand_in("arthritis", "elisa", "inflammatory_sum", "inflammatory cytokines in the medium; no joint is modelled", of="well", good=-1),
    _stand_in("paracrine_secretion", "elisa", "hgf", "HGF in the medium for all trophic factors", of="well"),
    _direct("macrophage_phenotype", "macrophage_phenotype", "polarisation"),
    _direct("macrophage_activation", "macrophage_phenotype", "m1_fraction"),
    _direct("phagocytosis", "phagocytosis", "engulfed_per_cell"),
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
    _stand_in("immune_tolerance", "t_cell_phenotype", "foxp3", "share of regulatory T cells; no graft and no priming is modelled", good=1),
    _stand_in("tumour_immunogenicity", "immune_signalling", "sting", "STING of the tumour cells, which makes them visible to killer cells", good=0),  # noqa: E501
    _stand_in("antitumour_immunity", "immune_signalling", "attacked_fraction", "share of tumour cells that touching killer cells have killed", good=0),  # noqa: E501
    # what transfer does to cells
    _direct("ferroptosis", "death_modes", "ferroptosis_fraction", good=-1),
    _direct("lipid_peroxidation", "lipid_peroxidation", "oxidised_ratio", good=-1),
    _direct("differentiation", "differentiation", "committed_fraction"),
    _direct("osteoclastogenesis", "differentiation", "osteoclast_fraction"),
    _direct("cell_cycle", "cell_cycle", "s_phase_fraction"),
    _direct("angiogenesis", "tube_formation", "tube_length", good=1),
    _direct("migration", "migration", "speed"),
    _direct("mitochondrial_fragmentation", "mitochondrial_morphology", "fragmentation_index", good=-1),
    _direct("mitophagy", "mitochondrial_morphology", "mitophagy", statistic="mean"),
    _stand_in("wound_healing", "migration", "speed", "speed of crawling; no scratch is closed", good=1),
    _stand_in("engraftment", "tube_formation", "engrafted_fraction", "endothelial cells joined to a vessel bed that is not in the model", good=1),  # noqa: E501
    _stand_in("drug_resistance", "annexin_pi", "viable_fraction", "share of cells under the drug that live; no series of doses"),
    _stand_in("radiosensitivity", "annexin_pi", "apoptotic_fraction", "share of irradiated cells in apoptosis; no colonies are counted"),
    _stand_in("glutathione", "lipid_peroxidation", "glutathione", "antioxidant capacity; glutathione itself is not modelled", good=1),
)  # fmt: skip


OBSERVABLES: dict[str, Observable] = {o.name: o for o in _OBSERVABLES}


@cache
def assays() -> dict[str, AssayInfo]:
    """All assays that a file may name: ours, then those of other packages (entry points ``mitoferry.assays``)."""
    from mitoferry.assays import load_assays

    return {
        name: AssayInfo(
            name=name, about=a.about, of=a.of, readouts=tuple(r.name for r in a.readouts), options=tuple(a.options), settings=a.settings
        )
        for name, a in load_assays().items()
    }


def observable(name: str) -> Observable | None:
    """The observable of that name; "assay.readout" or the bare name of a readout works too; None if there is none."""
    if name in OBSERVABLES:
        return OBSERVABLES[name]
    assay_name, _, readout = name.rpartition(".")
    for info in assays().values():
        if readout in info.readouts and assay_name in ("", info.name):
            return Observable(name=name, assay=info.name, readout=readout, of=info.of)
    return None


def observable_names() -> list[str]:
    """Names that a file or the command line may use."""
    return [*OBSERVABLES, *sorted({r for a in assays().values() for r in a.readouts})]
