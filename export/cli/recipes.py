"""`slipstream recipes`: what `--recipe` can name."""

import argparse

from export.choices.recipe import Recipe
from export.cli.tell import show_object


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(options: argparse.Namespace) -> None:
    recipes = Recipe.all()
    if options.json:
        show_object({"recipes": [recipe.to_dict() for recipe in recipes]})
        return
    for recipe in recipes:
        print(f"{recipe.name:12} {recipe.description}")
