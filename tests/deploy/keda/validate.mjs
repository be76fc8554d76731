// Holds objects of KEDA, a JSON list in the file that is named, against its models: a line for each that is wrong.
import { readFileSync } from "node:fs";
import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject";
import { TriggerAuthentication } from "@kubernetes-models/keda/keda.sh/v1alpha1/TriggerAuthentication";

const models = { ScaledObject, TriggerAuthentication };
for (const each of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  try {
    new models[each.kind](each).validate();
  } catch (error) {
    console.log(`${each.kind} ${each.metadata.name}: ${error.message}`);
  }
}
