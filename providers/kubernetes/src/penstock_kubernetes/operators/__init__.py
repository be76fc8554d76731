"""Operators of Kubernetes: work in pods and jobs of a cluster, started once and waited for without a slot."""

from penstock_kubernetes.operators.job import KubernetesJobOperator
from penstock_kubernetes.operators.pod import KubernetesPodOperator

__all__ = ["KubernetesJobOperator", "KubernetesPodOperator"]
