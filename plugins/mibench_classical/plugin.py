"""What this plugin brings: histograms, kernel densities and ranks. Imports no torch."""

from mibench.hookspecs import hookimpl
from mibench.specs import EstimatorSpec


@hookimpl
def mibench_estimators() -> list[EstimatorSpec]:
    """Declares the classical estimators."""
    return [
        EstimatorSpec(
            name="binning",
            target="mibench_classical.binning:Binning",
            estimates={"value"},
            symmetric=True,
            growth_from=1000,
            growth_in_dimensions=0.0,
            version=2,
            summary="information of a histogram with bins of equal width or of equal mass, in up to four dimensions",
            reference="Fraser & Swinney, Independent Coordinates for Strange Attractors from Mutual Information, "
            "Phys. Rev. A 33, 1986",
        ),
        EstimatorSpec(
            name="adaptive",
            target="mibench_classical.adaptive:Adaptive",
            estimates={"value"},
            symmetric=True,
            growth_from=500,
            growth_in_dimensions=0.0,
            summary="information of a partition that tests split where samples depend, in one dimension a side",
            reference="Darbellay & Vajda, Estimation of the Information by an Adaptive Partitioning of the Observation "
            "Space, IEEE Trans. Inf. Theory 45, 1999",
        ),
        EstimatorSpec(
            name="copula",
            target="mibench_classical.copula:Copula",
            estimates={"value"},
            symmetric=True,
            sees="correlation",
            growth_from=1000,
            growth_in_dimensions=0.5,
            summary="information of the Gaussian with the correlation of normal scores",
            reference="Ince et al., A Statistical Framework for Neuroimaging Data Analysis Based on Mutual Information "
            "Estimated via a Gaussian Copula, Human Brain Mapping 38, 2017",
        ),
        EstimatorSpec(
            name="kde",
            target="mibench_classical.kde:KDE",
            estimates={"value", "gradient"},
            symmetric=True,
            growth=2.0,
            growth_from=300,
            growth_in_dimensions=0.1,
            summary="information of a kernel density at its own samples",
            reference="Moon, Rajagopalan & Lall, Estimation of Mutual Information Using Kernel Density Estimators, "
            "Phys. Rev. E 52, 1995",
        ),
        EstimatorSpec(
            name="von-mises",
            target="mibench_classical.von_mises:VonMises",
            estimates={"value", "gradient"},
            symmetric=True,
            growth=2.5,
            growth_from=300,
            growth_in_dimensions=0.0,
            summary="information of a kernel density that leaves each pair out, with errors of second order",
            reference="Kandasamy et al., Nonparametric von Mises Estimators for Entropies, Divergences and Mutual "
            "Informations, NIPS 2015",
        ),
    ]
