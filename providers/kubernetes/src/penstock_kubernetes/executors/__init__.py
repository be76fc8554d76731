"""The executor of Kubernetes: a pod for each try."""

from penstock_kubernetes.executors.pod_executor import KubernetesExecutor

__all__ = ["KubernetesExecutor"]
