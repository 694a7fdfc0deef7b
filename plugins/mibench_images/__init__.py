"""Image data sets by name: MNIST and its kin, CIFAR, STL-10, and digits that need no download."""
