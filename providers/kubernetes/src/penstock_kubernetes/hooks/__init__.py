"""Hooks of Kubernetes: the only room that speaks to a cluster."""

from penstock_kubernetes.hooks.cluster_log import LogFollower
from penstock_kubernetes.hooks.kubernetes import KubernetesHook
from penstock_kubernetes.hooks.secret_values import SecretValues
from penstock_kubernetes.hooks.watched import WatchedPods

__all__ = ["KubernetesHook", "LogFollower", "SecretValues", "WatchedPods"]
