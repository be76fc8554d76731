"""Puts what /scaling says of each queue to CloudWatch, once a minute, for the alarms and the target tracking of Application Auto Scaling.

It is the second container of the scheduler's task, whose image has boto3 with the provider of AWS.
"""

import json
import os
import sys
import time
import urllib.request

import boto3

FIGURES = (("DesiredWorkers", "workers", "Count"), ("QueuedTries", "waiting", "Count"), ("RunningTries", "held", "Count"),
           ("OldestAge", "oldest_s", "Seconds"))  # fmt: skip
MOST_METRICS = 1_000
"""Of one request to CloudWatch."""


def scaling(server: str, token: str) -> dict[str, dict[str, object]]:
    """What the server says of each queue."""
    request = urllib.request.Request(f"{server}/scaling", headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - https, as the stack has it
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - as above
        found: dict[str, dict[str, object]] = json.load(answer)
    return found


def metrics(found: dict[str, dict[str, object]], installation: str) -> list[dict[str, object]]:
    """The same as metrics of CloudWatch."""
    return [
        {
            "MetricName": name,
            "Dimensions": [{"Name": "Installation", "Value": installation}, {"Name": "Queue", "Value": queue}],
            "Value": float(str(figures[key])),
            "Unit": unit,
        }
        for queue, figures in found.items()
        for name, key, unit in FIGURES
    ]


def publish(server: str, token: str, namespace: str, installation: str, client: object = None) -> int:
    """Ask once and put what is answered; returns how many metrics that were."""
    client = client or boto3.client("cloudwatch")
    put = metrics(scaling(server, token), installation)
    for begin in range(0, len(put), MOST_METRICS):
        client.put_metric_data(Namespace=namespace, MetricData=put[begin : begin + MOST_METRICS])  # type: ignore[attr-defined]
    return len(put)


def main() -> None:
    """Go on until the task ends; a server that does not answer is asked again, and its metrics are missing meanwhile."""
    told = [
        os.environ[name] for name in ("PENSTOCK_SERVER", "PENSTOCK_TOKEN", "METRICS_NAMESPACE", "METRICS_INSTALLATION")
    ]
    while True:
        try:
            publish(*told)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next minute may be better
            print(f"the workers were not published: {error}", file=sys.stderr, flush=True)
        time.sleep(float(os.environ.get("METRICS_EVERY_S", "60")))


if __name__ == "__main__":
    main()
