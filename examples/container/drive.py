"""Drives the containers: `python drive.py SCENARIO` until it is stopped, and `python drive.py reset` afterwards."""

from __future__ import annotations

import argparse
import time

import docker
from deck import Deck

# A shell script in `client`, which the scenario starts with; files in /shared tell the containers what to do.
SCRIPTS = {
    "load": "echo 10 >/shared/rate",
    "idle": "echo 0 >/shared/rate",
    "spike": "echo 200 >/shared/rate",
    "crash-loop": "touch /shared/crash",
    "memory-leak": "touch /shared/leak",
}
RESET = "rm -f /shared/crash /shared/leak; echo 1 >/shared/rate"


def run_scenario(deck: Deck, name: str) -> None:
    """Begin a scenario."""
    if name == "outage":
        deck.stop_service("web")
    elif name == "error-burst":
        deck.run_in("web", "rm -f /www/health")
    else:
        deck.run_in("client", SCRIPTS[name])


def undo_scenarios(deck: Deck) -> None:
    """Undo all scenarios."""
    deck.start_service("web")
    deck.run_in("web", "echo ok >/www/health")
    deck.run_in("client", RESET)


def main() -> None:
    """Run a scenario until this process is stopped."""
    parser = argparse.ArgumentParser(description="Drive the containers.")
    parser.add_argument("scenario", choices=[*SCRIPTS, "outage", "error-burst", "reset"])
    options = parser.parse_args()
    deck = Deck(docker.from_env(timeout=30))
    if options.scenario == "reset":
        undo_scenarios(deck)
        return
    run_scenario(deck, options.scenario)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
