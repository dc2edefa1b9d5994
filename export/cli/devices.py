"""`slipstream devices`: what `--device` can name."""

import argparse
from dataclasses import asdict

from export.choices.device import Device
from export.cli.tell import show_object


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(options: argparse.Namespace) -> None:
    devices = Device.all()
    if options.json:
        show_object({"devices": [asdict(device) for device in devices]})
        return
    for device in devices:
        print(f"{device.id:10} {device.description}")
