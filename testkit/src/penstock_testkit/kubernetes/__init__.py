"""A strict fake of a Kubernetes cluster, whose pods are real processes of this machine."""

from penstock_testkit.kubernetes.cluster import KubeCluster

__all__ = ["KubeCluster"]
