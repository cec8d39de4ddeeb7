"""`cohort doctor`: device, precision, versions, caches."""

from __future__ import annotations

import os
import sys

from cohort.cli import options as o


def command(device: o.DeviceOption = o.Device.auto, as_json: o.Json = False) -> None:
    """Show device, precision, versions and caches.

    Says loudly, and exits with code 4, when a GPU was asked for and is not used.
    """
    from cohort.cli.health import examine
    from cohort.cli.tables import print_json
    from cohort.errors import MachineFailure

    health = examine(device, os.environ.get("JAX_PLATFORMS", ""))
    if as_json:
        print_json({"facts": dict(health.facts), "alarm": health.alarm or None})
    else:
        width = max(len(name) for name, _ in health.facts)
        for name, value in health.facts:
            print(f"{name:<{width}}  {value}")
    if health.alarm:
        sys.stdout.flush()
        raise MachineFailure(health.alarm)
