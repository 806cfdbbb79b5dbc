"""Nodes: the places in the mechanism where drugs, genes and stresses act.

A treatment never touches a read-out. It sets the value of a node for a population of a well (column
``Groups.nodes``); the process that owns the mechanism reads it. A *factor* multiplies a rate or a count and is 1 at
rest; a *level* is a dose or a fraction and is 0 at rest. Several treatments on one factor multiply, on one level add.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """One place of action. ``kind`` is "factor" (rest 1) or "level" (rest 0)."""

    name: str
    kind: str
    unit: str
    meaning: str

    @property
    def rest(self) -> float:
        """Value without treatment."""
        return 1.0 if self.kind == "factor" else 0.0


NODES: tuple[Node, ...] = (
    # energetics
    Node("complex_i_inhibitor", "level", "1/h", "binding rate of a complex I inhibitor at its free concentration"),
    Node("complex_iii_inhibitor", "level", "1/h", "binding rate of a complex III or IV inhibitor"),
    Node("complex_i_unbinding", "factor", "1", "off-rate of the complex I inhibitor"),
    Node("synthase_block", "level", "1", "fraction of ATP synthase blocked (oligomycin)"),
    Node("uncoupler", "level", "FCCP equivalents", "u of the proton leak by uncouplers"),
    Node("glycolysis", "factor", "1", "capacity of glycolysis (2-DG, galactose)"),
    Node("residual_glycolysis", "level", "1", "share of glycolysis kept without glucose (glycogen, glutamine)"),
    Node("etc_expression", "factor", "1", "target of respiratory complex expression (CoCl2, smoke)"),
    # mtDNA and quality control
    Node("mtdna_replication", "factor", "1", "rate of mtDNA replication (ethidium bromide 0)"),
    Node("tfam", "factor", "1", "TFAM"),
    Node("biogenesis", "factor", "1", "PGC1a drive of biogenesis"),
    Node("fusion", "factor", "1", "MFN1/2 and OPA1"),
    Node("fission", "factor", "1", "DRP1 (mdivi-1)"),
    Node("pink1_parkin", "factor", "1", "PINK1/Parkin mitophagy"),
    Node("lysosome", "factor", "1", "lysosomal degradation (bafilomycin)"),
    # oxidants
    Node("antioxidant", "factor", "1", "antioxidant capacity (N-acetyl cysteine 2-4)"),
    Node("nox", "factor", "1", "NADPH oxidase (DPI, GKT)"),
    Node("redox_cycling", "level", "amol/s", "H2O2 made by a redox-cycling drug per functional mitochondrion"),
    # signals
    Node("nfkb", "factor", "1", "NF-kB activation (IKK inhibitor, dexamethasone)"),
    Node("tnfaip2", "factor", "1", "expression of TNFAIP2 (M-Sec)"),
    Node("p53", "factor", "1", "p53"),
    Node("s100a4", "factor", "1", "S100A4 and RAGE"),
    Node("ps_mask", "level", "1", "fraction of exposed phosphatidylserine that is covered (annexin V)"),
    Node("p2y", "factor", "1", "P2Y2/P2Y6 receptors"),
    Node("pi3k_mtor", "factor", "1", "PI3K/Akt/mTOR (everolimus, metformin)"),
    Node("hif", "level", "1", "HIF stabilisation (CoCl2)"),
    Node("calcium", "level", "uM", "sustained rise of cytosolic Ca2+"),
    Node("caspase", "factor", "1", "caspase activation (zVAD)"),
    Node("death_signal", "level", "1/h", "hazard added by a cytotoxic drug"),
    # nanotubes
    Node("actin", "factor", "1", "actin assembly for new protrusions (cytochalasin, latrunculin)"),
    Node("actin_break", "factor", "1", "loss rate of existing tubes (cytochalasin above 1 uM)"),
    Node("filopodia", "factor", "1", "rate of search attempts, other (melatonin, Myo10, GAP43)"),
    Node("rho_gtpases", "factor", "1", "CDC42 and RAC1 (ML-141, 6-thio-GTP, L-778123)"),
    Node("capture", "factor", "1", "capture of a filopodium (ICAM-1, N-cadherin, Talin-2)"),
    Node("microtubule_invasion", "factor", "1", "thickening by microtubules (nocodazole 0, Eg5 inhibitor up)"),
    Node("microtubule_motor", "factor", "1", "speed and binding on microtubules (KIF5B)"),
    Node("actin_motor", "factor", "1", "myosins V, VI, 10, 19"),
    Node("miro1", "factor", "1", "Miro1"),
    Node("trak", "factor", "1", "TRAK1/2 (Milton; O-GlcNAc lowers it)"),
    Node("opening", "factor", "1", "opening of closed tubes"),
    Node("cx43", "factor", "1", "connexin 43 (carbenoxolone, GAP26)"),
    Node("adhesion", "factor", "1", "cell-cell adhesion"),
    # other routes and fates
    Node("endocytosis", "factor", "1", "endocytosis (dynasore, cytochalasin above 1 uM)"),
    Node("motility", "factor", "1", "speed of the persistent walk"),
    Node("proliferation", "factor", "1", "cell cycle"),
    Node("temperature", "factor", "1", "motors and endocytosis at low temperature (0.05 at 4 C)"),
    Node("arrival_antioxidant", "factor", "1", "arm of the arrival pulse: HO-1/Nrf2"),
    Node("arrival_mitophagy", "factor", "1", "arm of the arrival pulse: mitophagy of damaged units"),
    Node("arrival_survival", "factor", "1", "arm of the arrival pulse: Akt/AMPK survival signal"),
    Node("paracrine", "factor", "1", "secretion of survival factors"),
    Node("uridine", "level", "1", "uridine supplied with the medium"),
    Node("toll_like_receptor", "level", "ng/mL", "agonist of TLR4 at the cell, as LPS (infection)"),
    # routes other than nanotubes
    Node("plaque_internalisation", "factor", "1", "internalisation of gap-junction plaques"),
    Node("cell_fusion", "factor", "1", "fusion of whole cells, fusogens"),
    Node("phagocytosis", "factor", "1", "engulfing of dying cells and their pieces"),
    Node("macropinocytosis", "factor", "1", "macropinocytosis of particles (EIPA)"),
    Node("heparan_sulfate", "factor", "1", "heparan sulfate on the surface that holds mitochondria (EXT1)"),
    Node("microvesicles", "factor", "1", "shedding of microvesicles (ARRDC1)"),
    Node("mitochondria_release", "factor", "1", "active release of mitochondria (CD38 and cyclic ADP-ribose)"),
    Node("exophers", "factor", "1", "extrusion of exophers"),
    Node("migrasomes", "factor", "1", "shedding of migrasomes"),
    # routes: networks, cargo, delivery
    Node("mfn2", "factor", "1", "mitofusin 2, which tethers endoplasmic reticulum and mitochondria in dendrites"),
    Node("cx43_turnover", "factor", "1", "turnover of connexin 43 at the membrane"),
    Node("exosomes", "factor", "1", "release of exosomes (GW4869)"),
    Node("mtdna_packaging", "factor", "1", "packaging of mtDNA into vesicles"),
    Node("synaptosomes", "factor", "1", "shedding of synaptosomes"),
    Node("homing", "factor", "1", "homing of grafted cells (SDF-1 and CXCR4)"),
    # triggers and signals
    Node("ho1", "factor", "1", "heme oxygenase 1"),
    Node("ampk", "factor", "1", "AMP-activated kinase (AICAR, metformin)"),
    Node("sirt1", "factor", "1", "SIRT1"),
    Node("hmgb1", "factor", "1", "HMGB1"),
    Node("mct1", "factor", "1", "monocarboxylate transporter 1"),
    Node("o_glcnac", "factor", "1", "O-GlcNAc transferase, which acts on Milton (TRAK)"),
    Node("humanin", "level", "uM", "humanin and analogues"),
    Node("erk", "factor", "1", "ERK"),
    Node("icam1", "factor", "1", "ICAM-1 and its ligand LFA-1"),
    Node("cd200r", "factor", "1", "CD200R and iSEC"),
    Node("talin2", "factor", "1", "Talin-2"),
    Node("gap43", "factor", "1", "GAP43"),
    Node("n_cadherin", "factor", "1", "N-cadherin"),
    # fates
    Node("gpx4", "factor", "1", "GPX4 and glutathione that undo lipid peroxides (RSL3, erastin)"),
    Node("iron", "factor", "1", "labile iron (deferoxamine, iron load)"),
    Node("lipid_radical_trap", "level", "1", "trap of lipid radicals (ferrostatin)"),
    Node("senescence", "factor", "1", "entry into senescence (p16 and p21)"),
    Node("senolysis", "level", "1/h", "hazard added to senescent cells by a senolytic"),
    Node("dhodh", "factor", "1", "dihydroorotate dehydrogenase (brequinar, leflunomide)"),
    Node("bcl2", "factor", "1", "BCL-2 and relatives (venetoclax)"),
    Node("dna_damage", "level", "1/h", "rate of damage to nuclear DNA (cytarabine, irradiation)"),
    Node("drug_efflux", "factor", "1", "pumps that carry drugs out of the cell"),
    Node("osteogenic_cue", "level", "1", "osteogenic medium or scaffold"),
    Node("osteoclast_cue", "level", "1", "RANKL and M-CSF"),
    Node("differentiation_cue", "level", "1", "cue to differentiate in another direction"),
    Node("vegf_receptor", "factor", "1", "VEGF receptor 2"),
    Node("fatty_acid", "level", "mM", "long-chain fatty acids offered to the cell"),
    # immunity
    Node("tlr9", "factor", "1", "toll-like receptor 9"),
    Node("sting", "factor", "1", "cGAS and STING"),
    Node("nlrp3", "factor", "1", "NLRP3 inflammasome"),
    Node("gasdermin", "factor", "1", "gasdermin D"),
    Node("cytokine_secretion", "factor", "1", "secretion of cytokines"),
    Node("il_4_receptor", "factor", "1", "receptor of IL-4 and IL-13"),
    Node("il_10_receptor", "factor", "1", "receptor of IL-10"),
    Node("interferon_receptor", "factor", "1", "receptors of interferons"),
    Node("t_cell_receptor", "level", "1", "stimulation of the T cell receptor"),
    Node("tgf_beta_receptor", "factor", "1", "receptor of TGF-beta"),
    Node("checkpoint", "factor", "1", "PD-1 and its ligand"),
    Node("neutrophil_traps", "factor", "1", "PAD4 and release of neutrophil traps"),
    Node("immune_attack", "factor", "1", "attack of natural killer and dendritic cells on foreign mitochondria"),
    Node("microrna", "factor", "1", "microRNA in vesicles"),
    # radiation: no pump keeps it out
    Node("radiation", "level", "1/h", "rate of damage to nuclear DNA by radiation, whatever the pumps of the cell do"),
    Node("aged_share", "level", "1", "share of the seeded cells that are senescent when they enter the well (an old donor)"),
    Node("mtdna_transcription", "factor", "1", "transcription of mtDNA (ethidium bromide)"),
    Node("mtdna_adducts", "level", "1/h", "rate at which a copy of mtDNA takes an adduct that stops polymerases (cisplatin)"),
    Node("cyclophilin_d", "factor", "1", "cyclophilin D, which sensitises the permeability transition pore (cyclosporin A)"),
)

NODE: dict[str, int] = {node.name: i for i, node in enumerate(NODES)}
N_NODES = len(NODES)

# the same as integers, for row functions
NODE_COMPLEX_I_INHIBITOR = 0
NODE_COMPLEX_III_INHIBITOR = 1
NODE_COMPLEX_I_UNBINDING = 2
NODE_SYNTHASE_BLOCK = 3
NODE_UNCOUPLER = 4
NODE_GLYCOLYSIS = 5
NODE_RESIDUAL_GLYCOLYSIS = 6
NODE_ETC_EXPRESSION = 7
NODE_MTDNA_REPLICATION = 8
NODE_TFAM = 9
NODE_BIOGENESIS = 10
NODE_FUSION = 11
NODE_FISSION = 12
NODE_PINK1_PARKIN = 13
NODE_LYSOSOME = 14
NODE_ANTIOXIDANT = 15
NODE_NOX = 16
NODE_REDOX_CYCLING = 17
NODE_NFKB = 18
NODE_TNFAIP2 = 19
NODE_P53 = 20
NODE_S100A4 = 21
NODE_PS_MASK = 22
NODE_P2Y = 23
NODE_PI3K_MTOR = 24
NODE_HIF = 25
NODE_CALCIUM = 26
NODE_CASPASE = 27
NODE_DEATH_SIGNAL = 28
NODE_ACTIN = 29
NODE_ACTIN_BREAK = 30
NODE_FILOPODIA = 31
NODE_RHO_GTPASES = 32
NODE_CAPTURE = 33
NODE_MICROTUBULE_INVASION = 34
NODE_MICROTUBULE_MOTOR = 35
NODE_ACTIN_MOTOR = 36
NODE_MIRO1 = 37
NODE_TRAK = 38
NODE_OPENING = 39
NODE_CX43 = 40
NODE_ADHESION = 41
NODE_ENDOCYTOSIS = 42
NODE_MOTILITY = 43
NODE_PROLIFERATION = 44
NODE_TEMPERATURE = 45
NODE_ARRIVAL_ANTIOXIDANT = 46
NODE_ARRIVAL_MITOPHAGY = 47
NODE_ARRIVAL_SURVIVAL = 48
NODE_PARACRINE = 49
NODE_URIDINE = 50
NODE_TOLL_LIKE_RECEPTOR = 51
NODE_PLAQUE_INTERNALISATION = 52
NODE_CELL_FUSION = 53
NODE_PHAGOCYTOSIS = 54
NODE_MACROPINOCYTOSIS = 55
NODE_HEPARAN_SULFATE = 56
NODE_MICROVESICLES = 57
NODE_MITOCHONDRIA_RELEASE = 58
NODE_EXOPHERS = 59
NODE_MIGRASOMES = 60
NODE_MFN2 = 61
NODE_CX43_TURNOVER = 62
NODE_EXOSOMES = 63
NODE_MTDNA_PACKAGING = 64
NODE_SYNAPTOSOMES = 65
NODE_HOMING = 66
NODE_HO1 = 67
NODE_AMPK = 68
NODE_SIRT1 = 69
NODE_HMGB1 = 70
NODE_MCT1 = 71
NODE_O_GLCNAC = 72
NODE_HUMANIN = 73
NODE_ERK = 74
NODE_ICAM1 = 75
NODE_CD200R = 76
NODE_TALIN2 = 77
NODE_GAP43 = 78
NODE_N_CADHERIN = 79
NODE_GPX4 = 80
NODE_IRON = 81
NODE_LIPID_RADICAL_TRAP = 82
NODE_SENESCENCE = 83
NODE_SENOLYSIS = 84
NODE_DHODH = 85
NODE_BCL2 = 86
NODE_DNA_DAMAGE = 87
NODE_DRUG_EFFLUX = 88
NODE_OSTEOGENIC_CUE = 89
NODE_OSTEOCLAST_CUE = 90
NODE_DIFFERENTIATION_CUE = 91
NODE_VEGF_RECEPTOR = 92
NODE_FATTY_ACID = 93
NODE_TLR9 = 94
NODE_STING = 95
NODE_NLRP3 = 96
NODE_GASDERMIN = 97
NODE_CYTOKINE_SECRETION = 98
NODE_IL_4_RECEPTOR = 99
NODE_IL_10_RECEPTOR = 100
NODE_INTERFERON_RECEPTOR = 101
NODE_T_CELL_RECEPTOR = 102
NODE_TGF_BETA_RECEPTOR = 103
NODE_CHECKPOINT = 104
NODE_NEUTROPHIL_TRAPS = 105
NODE_IMMUNE_ATTACK = 106
NODE_MICRORNA = 107
NODE_RADIATION = 108
NODE_AGED_SHARE = 109
NODE_MTDNA_TRANSCRIPTION = 110
NODE_MTDNA_ADDUCTS = 111
NODE_CYCLOPHILIN_D = 112
