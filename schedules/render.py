"""The table of plans → prefect.yaml, which `learnback up` and `prefect deploy --all` read.

`python -m schedules.render` writes the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from textwrap import indent

from schedules.plans import PLANS, Plan

FILE = Path(__file__).parent.parent / "prefect.yaml"

HEADER = """\
# Rendered from schedules/plans.py by `python -m schedules.render`: change it there; a test holds the two together.
# `learnback up` registers all of it. `prefect --no-prompt deploy --all` does the same with a server of your own, once
# LEARNBACK_HOME and LEARNBACK_WORKDIR are exported as absolute paths.
name: learnback

pull:
  # The folder in which `learnback up` was called: there lie the `.env` and what relative paths mean.
  - prefect.deployments.steps.set_working_directory:
      directory: "{{ $LEARNBACK_WORKDIR }}"

deployments:
"""


def render(plans: Iterable[Plan] = PLANS) -> str:
    """The whole file. Scalars are written as JSON, which is YAML, so that nothing needs quoting rules."""
    return HEADER + "\n".join(indent(_deployment(plan), "  ") for plan in plans)


def _deployment(plan: Plan) -> str:
    return f"""\
- name: {json.dumps(plan.name)}  # in full: {plan.flow}/{plan.name}
  entrypoint: {json.dumps(plan.entrypoint)}
  description: {json.dumps(plan.why)}
  tags: {json.dumps(list(plan.tags))}
  parameters: {json.dumps(dict(plan.parameters))}
{_schedules(plan)}
  concurrency_limit:
    limit: {plan.at_once}
    collision_strategy: "ENQUEUE"
  work_pool:
    name: "learnback"
    job_variables:
      env:
        LEARNBACK_HOME: "{{{{ $LEARNBACK_HOME }}}}"
"""


def _schedules(plan: Plan) -> str:
    if plan.cron is None:
        return "  schedules: []  # by hand"
    return f"""\
  schedules:
    - slug: {json.dumps(plan.name)}
      cron: {json.dumps(plan.cron)}
      timezone: {json.dumps(plan.time_zone)}
      active: {json.dumps(plan.state == "active")}"""


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
