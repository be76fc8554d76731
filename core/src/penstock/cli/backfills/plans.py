"""Shows what a backfill would do."""

from penstock.cli.terminal import counts, print_json, print_line, print_remark, print_table
from penstock.model.text import counted
from penstock.service.backfills.plan import SHOWN, BackfillPlan


def print_plan(plan: BackfillPlan, *, as_json: bool) -> None:
    """Print each date with what becomes of it, and the hash by which the plan can be required."""
    spec = plan.spec
    if as_json:
        print_json(plan)
        return
    print_table(
        ["logical date", "data to", "action", "why"],
        [(each.logical_date, each.data_to, each.action, each.reason) for each in plan.dates],
        empty="no date lies in this span.",
    )
    print_line(
        f"{counted(len(plan.dates), 'date')}: {counts(plan.counts)}, "
        f"{spec.max_active_runs} at once, with version {plan.version[:SHOWN]} of {spec.dag_id}"
        + (f", only {', '.join(spec.tasks)}" if spec.tasks else "")
    )
    if plan.note:
        print_remark(plan.note)
    print_line(f"to start exactly this: --plan {plan.hash[:SHOWN]}")
