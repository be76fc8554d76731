// Holds objects that others than Kubernetes read, a JSON list in the file that is named, against the models of who reads them: a line for
// each that is wrong.
import { readFileSync } from "node:fs";
import { BackendTLSPolicy } from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/BackendTLSPolicy";
import { HTTPRoute } from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/HTTPRoute";
import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject";
import { TriggerAuthentication } from "@kubernetes-models/keda/keda.sh/v1alpha1/TriggerAuthentication";
import { PodMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor";
import { PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule";

const models = { BackendTLSPolicy, HTTPRoute, PodMonitor, PrometheusRule, ScaledObject, TriggerAuthentication };
for (const each of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  try {
    new models[each.kind](each).validate();
  } catch (error) {
    console.log(`${each.kind} ${each.metadata.name}: ${error.message}`);
  }
}
