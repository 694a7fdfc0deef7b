"""The information bottleneck on images: what a penalty on I(Z;X) does to a classifier."""
