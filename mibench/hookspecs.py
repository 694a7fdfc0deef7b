"""The doors of mibench: a plugin implements these hooks and returns what it brings.

A plugin is a module, found through the entry-point group `mibench` of an installed package or given as a file with
`-p ./file.py`. A package names its classes as `"package.module:Class"` and imports them nowhere, so that listing stays
instant; a single file may name the class itself.
"""

import pluggy

from mibench.specs import DatasetSpec, EstimatorSpec, ExecutorSpec, FamilySpec, ReferenceSpec, SuiteSpec, TaskSpec

hookspec = pluggy.HookspecMarker("mibench")
hookimpl = pluggy.HookimplMarker("mibench")


@hookspec
def mibench_estimators() -> list[EstimatorSpec]:  # pyright: ignore[reportReturnType]
    """Brings estimators.

    Example::

        @hookimpl
        def mibench_estimators():
            return [EstimatorSpec(name="my-bound", target="mibench_my_bound.my_bound:MyBound", estimates={"value"})]
    """


@hookspec
def mibench_tasks() -> list[TaskSpec]:  # pyright: ignore[reportReturnType]
    """Brings tasks.

    Example::

        @hookimpl
        def mibench_tasks():
            quick = Profile(seeds=3, sweep={"d": [2, 8]})
            return [TaskSpec(name="ring", target="mibench_ring.ring:Ring", profiles={"quick": quick})]
    """


@hookspec
def mibench_families() -> list[FamilySpec]:  # pyright: ignore[reportReturnType]
    """Brings families: distributions whose information and gradient are known, each a task by its own name.

    Example::

        @hookimpl
        def mibench_families():
            return [FamilySpec(name="ring", target="mibench_ring.ring:Ring", grid={"kappa": [2.0, 4.0]})]
    """


@hookspec
def mibench_suites() -> list[SuiteSpec]:  # pyright: ignore[reportReturnType]
    """Brings suites: named lists of task selectors.

    Example::

        @hookimpl
        def mibench_suites():
            return [SuiteSpec(name="rings", tasks=["ring[kappa=2|4]", "ring[d=5]"])]
    """


@hookspec
def mibench_datasets() -> list[DatasetSpec]:  # pyright: ignore[reportReturnType]
    """Brings data sets, for every task that takes them by name.

    Example::

        @hookimpl
        def mibench_datasets():
            return [DatasetSpec(name="kmnist", target="mibench_kmnist.data:load")]
    """


@hookspec
def mibench_references() -> list[ReferenceSpec]:  # pyright: ignore[reportReturnType]
    """Brings published numbers to compare with.

    Example::

        @hookimpl
        def mibench_references():
            return [ReferenceSpec(name="ring-2025", file="mibench_ring:references.csv")]
    """


@hookspec
def mibench_executors() -> list[ExecutorSpec]:  # pyright: ignore[reportReturnType]
    """Brings ways to run trials.

    Example::

        @hookimpl
        def mibench_executors():
            return [ExecutorSpec(name="ray", target="mibench_ray.executor:RayExecutor")]
    """
