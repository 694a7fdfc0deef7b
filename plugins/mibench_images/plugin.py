"""What the image plugin brings to mibench: data sets by name. Imports no torch."""

from mibench.hookspecs import hookimpl
from mibench.specs import DatasetSpec


@hookimpl
def mibench_datasets() -> list[DatasetSpec]:
    """Data sets of images and labels."""
    return [
        DatasetSpec(
            name="digits",
            target="mibench_images.digits:load",
            summary="1,797 handwritten digits of 8x8, which scikit-learn ships: no download",
            reference="Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998",
        ),
        DatasetSpec(
            name="mnist",
            target="mibench_images.mnist:load_mnist",
            summary="70,000 handwritten digits of 28x28, in MNIST/raw",
            reference="LeCun et al., Gradient-based learning applied to document recognition, 1998",
        ),
        DatasetSpec(
            name="fashion-mnist",
            target="mibench_images.mnist:load_fashion_mnist",
            summary="70,000 articles of clothing of 28x28, in FashionMNIST/raw",
            reference="Xiao et al., Fashion-MNIST, 2017",
        ),
        DatasetSpec(
            name="cifar10",
            target="mibench_images.cifar:load_cifar10",
            summary="60,000 photographs of 32x32 in 10 classes, in cifar-10-batches-py or any folder of that layout",
            reference="Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        ),
        DatasetSpec(
            name="cifar100",
            target="mibench_images.cifar:load_cifar100",
            summary="60,000 photographs of 32x32 in 100 classes, in cifar-100-python or any folder of that layout",
            reference="Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        ),
        DatasetSpec(
            name="stl10",
            target="mibench_images.stl10:load",
            summary="13,000 photographs of 96x96 in 10 classes and 100,000 without labels, in stl10_binary",
            reference="Coates et al., An Analysis of Single-Layer Networks in Unsupervised Feature Learning, 2011",
        ),
    ]
