"""What the families bring to mibench."""

from mibench.hookspecs import hookimpl
from mibench.specs import FamilySpec, SuiteSpec
from mibench_families.suites import suites

_BEYOND_NORMAL = "Czyz et al., Beyond Normal, NeurIPS 2023"
_PROFILES = "Czyz et al., On the Properties and Estimation of Pointwise Mutual Information Profiles, 2023"
_DARBELLAY = "Darbellay & Vajda, IEEE T-IT 2000; Kraskov et al., Phys. Rev. E 2004"
_GAO = "Gao et al., Estimating Mutual Information for Discrete-Continuous Mixtures, NeurIPS 2017"
_BUTAKOV = "Butakov et al., Information Bottleneck Analysis via Lossy Compression, ICLR 2024"


@hookimpl
def mibench_families() -> list[FamilySpec]:
    """Distributions whose information and gradient are known, and where dependence is more than correlation."""
    return [*_heavy_tails(), *_channels(), *_mixtures(), *_shown(), *_edges(), *_counts()]


@hookimpl
def mibench_suites() -> list[SuiteSpec]:
    """Where estimators of the gradient differ, published benchmarks, and what does not pass through samples."""
    return suites()


def _heavy_tails() -> list[FamilySpec]:
    return [
        FamilySpec(
            name="student",
            target="mibench_families.student:Student",
            grid={"nu": [1.0, 2.0, 3.0]},
            summary="Student's t: a random scale that x and y share",
            reference=_BEYOND_NORMAL,
        ),
        FamilySpec(
            name="lomax",
            target="mibench_families.lomax:Lomax",
            grid={"alpha": [0.5, 1.0, 2.0]},
            summary="Pareto variables that share a random rate; Clayton's copula",
            reference=_DARBELLAY,
        ),
        FamilySpec(
            name="gamma-exponential",
            target="mibench_families.gamma_exponential:GammaExponential",
            grid={"shape": [0.5, 1.0, 2.0]},
            summary="exponential y whose rate is the Gamma variable x",
            reference=_DARBELLAY,
        ),
        FamilySpec(
            name="exponential-noise",
            target="mibench_families.exponential_noise:ExponentialNoise",
            grid={"s": [0.5, 2.0, 4.0]},
            summary="exponential x with exponential noise",
            reference=_DARBELLAY,
        ),
    ]


def _channels() -> list[FamilySpec]:
    return [
        FamilySpec(
            name="bpsk",
            target="mibench_families.constellations:BPSK",
            grid={"snr": [1.0, 2.0, 4.0]},
            conditional=True,
            summary="two amplitudes over a Gaussian channel: I saturates at log 2",
            reference="Guo, Shamai & Verdu, IEEE T-IT 2005",
        ),
        FamilySpec(
            name="pam",
            target="mibench_families.constellations:PAM",
            grid={"snr": [2.0, 8.0, 32.0]},
            conditional=True,
            summary="any number of amplitudes over a Gaussian channel",
            reference="Guo, Shamai & Verdu, IEEE T-IT 2005",
        ),
        FamilySpec(
            name="qam",
            target="mibench_families.constellations:QAM",
            grid={"snr": [2.0, 8.0, 32.0]},
            conditional=True,
            summary="a square grid of symbols over a Gaussian channel",
            reference="Guo, Shamai & Verdu, IEEE T-IT 2005",
        ),
        FamilySpec(
            name="front-end",
            target="mibench_families.front_end:FrontEnd",
            grid={"gain": [1.0, 2.0, 4.0]},
            conditional=True,
            summary="a saturating sensor with Gaussian noise behind it",
            reference="Wadayama & Takabe, 2023",
        ),
        FamilySpec(
            name="interaction",
            target="mibench_families.interaction:Interaction",
            grid={"snr": [1.0, 2.0, 4.0]},
            conditional=True,
            summary="a function of several inputs, most of it seen only together",
            reference="Guo, Shamai & Verdu, IEEE T-IT 2005",
        ),
        FamilySpec(
            name="clusters",
            target="mibench_families.clusters:Clusters",
            grid={"s": [0.3, 0.5, 1.0]},
            conditional=True,
            summary="clusters seen through Gaussian noise",
        ),
    ]


def _mixtures() -> list[FamilySpec]:
    return [
        FamilySpec(
            name="x-mixture",
            target="mibench_families.x_mixture:XMixture",
            grid={"r": [0.5, 0.7, 0.9]},
            conditional=True,
            summary="pairs correlated one way or the other: no correlation on the whole",
            reference=_PROFILES,
        ),
        FamilySpec(
            name="inliers",
            target="mibench_families.inliers:Inliers",
            grid={"strength": [1.0, 2.0, 3.0]},
            adversarial={"alpha"},
            version=2,
            summary="correlated pairs among independent ones",
            reference=_PROFILES,
        ),
        FamilySpec(
            name="ring",
            target="mibench_families.ring:Ring",
            grid={"kappa": [2.0, 4.0, 8.0]},
            conditional=True,
            version=2,
            summary="a noisy ring in the plane",
            reference="Darbellay & Vajda 1999; Kraskov et al., Phys. Rev. E 2004",
        ),
        FamilySpec(
            name="galaxy",
            target="mibench_families.galaxy:Galaxy",
            grid={"distance": [1.0, 2.0, 3.0]},
            conditional=True,
            summary="two balls on one side or the other",
            reference=_PROFILES,
        ),
        FamilySpec(
            name="waves",
            target="mibench_families.waves:Waves",
            grid={"s": [0.2, 0.4, 0.8]},
            summary="twelve clusters in a row, bent into waves",
            reference=_PROFILES,
        ),
        FamilySpec(
            name="ai",
            target="mibench_families.ai:AI",
            grid={"rho": [0.8, 0.9, 0.95]},
            summary="six normals that draw the letters A and I",
            reference=_PROFILES,
        ),
        FamilySpec(
            name="concentric",
            target="mibench_families.concentric:Concentric",
            grid={"s": [0.3, 0.5, 1.0]},
            version=2,
            summary="concentric normals, and a y that tells which",
            reference=_PROFILES,
        ),
    ]


def _shown() -> list[FamilySpec]:
    rhos = {"rho": [0.3, 0.5, 0.75]}
    return [
        FamilySpec(
            name="swiss-roll",
            target="mibench_families.embedded:SwissRoll",
            grid=rhos,
            summary="a correlated pair, rolled up into the plane",
            reference=_BEYOND_NORMAL,
        ),
        FamilySpec(
            name="plates",
            target="mibench_families.embedded:Plates",
            grid=rhos,
            summary="two correlated pairs as images of Gaussian bumps",
            reference=_BUTAKOV,
        ),
        FamilySpec(
            name="rectangles",
            target="mibench_families.embedded:Rectangles",
            grid=rhos,
            summary="four correlated pairs as images of rectangles",
            reference=_BUTAKOV,
        ),
        FamilySpec(
            name="sphere",
            target="mibench_families.sphere:Sphere",
            grid={"kappa": [2.0, 5.0, 20.0]},
            summary="vectors of unit length, as embeddings are, that lie close together",
            reference="Mardia & Jupp, Directional Statistics, 2000",
        ),
    ]


def _edges() -> list[FamilySpec]:
    return [
        FamilySpec(
            name="smoothed-uniform",
            target="mibench_families.smoothed_uniform:SmoothedUniform",
            grid={"s": [0.5, 2.0, 4.0]},
            summary="uniform x with uniform noise of unit width",
            reference=_BEYOND_NORMAL,
        ),
        FamilySpec(
            name="uniform-noise",
            target="mibench_families.uniform_noise:UniformNoise",
            grid={"epsilon": [0.1, 0.25, 0.75]},
            adversarial={"epsilon[gauge=noise]"},
            summary="uniform x with uniform noise of a width that changes",
            reference=_BEYOND_NORMAL,
        ),
        FamilySpec(
            name="smoothed-discrete",
            target="mibench_families.smoothed_discrete:SmoothedDiscrete",
            grid={"s": [0.3, 0.4, 0.7]},
            adversarial={"s"},
            summary="letters with uniform noise: a staircase of a density",
            reference=_GAO,
        ),
        FamilySpec(
            name="blocks",
            target="mibench_families.blocks:Blocks",
            grid={"p": [0.05, 0.1, 0.3]},
            adversarial={"p"},
            summary="a label, perhaps a rare one, that x and y both show",
        ),
    ]


def _counts() -> list[FamilySpec]:
    return [
        FamilySpec(
            name="symmetric-channel",
            target="mibench_families.symmetric_channel:SymmetricChannel",
            grid={"q": [0.1, 0.2, 0.5]},
            adversarial={"q"},
            summary="letters that are drawn again with a probability",
            reference="Cover & Thomas, Elements of Information Theory, chapter 7",
        ),
        FamilySpec(
            name="quantised",
            target="mibench_families.quantised:Quantised",
            grid={"scale": [0.5, 1.0, 2.0]},
            summary="a uniform x and the bin that it falls into",
        ),
        FamilySpec(
            name="zero-inflated-poisson",
            target="mibench_families.zero_inflated_poisson:ZeroInflatedPoisson",
            grid={"p": [0.0, 0.15, 0.4]},
            adversarial={"p"},
            summary="counts that are sometimes missed",
            reference=_GAO,
        ),
    ]
