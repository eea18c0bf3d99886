"""`tccodec models`: list the installed models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from tccodec.cli.streams import message
from tccodec.errors import BadModel
from tccodec.files.text import json_name, shown
from tccodec.model.folder import WEIGHTS
from tccodec.model.registry import DEFAULT_MODEL, ModelCard, find_model, folders, models

# Shown on a line of their own, or of no interest to users.
_SHOWN = {"name", "model_id", "description", "format", "runs"}


@click.group("models", short_help="List the models, or show one.", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per model on stdout.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the installed models, or show one. Without a subcommand: list."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_models, as_json=as_json)
    elif as_json:
        raise click.UsageError(f"--json goes after {ctx.invoked_subcommand}")


@command.command("list", short_help="One line per model.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per model on stdout.")
def list_models(as_json: bool) -> None:
    """List the models by name. * marks the default."""
    cards = list(models())
    for entry in folders():
        if isinstance(entry, BadModel):
            message(f"tccodec: {entry}")
    if as_json:
        for card in cards:
            click.echo(json.dumps(_summary(card) | json_name("folder", card.folder)))
        return
    if not cards:
        message("no models are installed; --model DIR takes one from a folder")
        return
    width = max(len(shown(c.name)) for c in cards)
    for card in cards:
        mark = "*" if card.name == DEFAULT_MODEL else " "
        click.echo(
            f"{mark} {shown(card.name):<{width}}  {card.file_id.hex()}"
            f"  {shown(card.description)}".rstrip()
        )


@command.command("show", short_help="Everything about one model.")
@click.argument("name", metavar="NAME|DIR")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def show(name: str, as_json: bool) -> None:
    """Show the configuration, size and complexity of a model."""
    card = find_model(name)
    cost = _cost(card)
    if as_json:
        more = json_name("folder", card.folder) | cost | {"config": card.config}
        click.echo(json.dumps(_summary(card) | more))
        return
    name, description = shown(card.name), shown(card.description)
    click.echo(f"{name}: {description}" if description else name)
    for key, value in (_summary(card) | cost).items():
        if key not in _SHOWN or key == "model_id":
            text = f"{value:,}" if isinstance(value, int) else shown(str(value))
            text = "not there" if value is None else text
            click.echo(f"  {key:<16} {text}")
    for line in _tree({k: v for k, v in card.config.items() if k not in _SHOWN}, depth=1):
        click.echo(line)


def _summary(card: ModelCard) -> dict[str, Any]:
    """The short form of a model, as JSON values."""
    weights = card.folder / WEIGHTS
    return {
        "name": card.name,
        "model_id": card.model_id.hex(),
        "description": card.description,
        "folder": str(card.folder),
        "weights_bytes": weights.stat().st_size if weights.is_file() else None,
    }


def _cost(card: ModelCard) -> dict[str, Any]:
    """Parameters, and thousands of multiply-accumulates per pixel, counted on the modules."""
    from tccodec.config import ModelConfig
    from tccodec.model.complexity import complexity

    c = complexity(ModelConfig.from_dict(card.config["model"]))
    return {
        "parameters": c.parameters,
        "encoder_kmac": round(c.encoder_kmac, 2),
        "decoder_kmac": round(c.decoder_kmac, 2),
        "entropy_kmac": round(c.entropy_kmac, 2),
        "total_kmac": round(c.total_kmac, 2),
    }


def _tree(values: dict[str, Any], *, depth: int) -> Iterator[str]:
    """A configuration as indented lines, with groups below their names."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield f"{'  ' * depth}{shown(key)}"
            yield from _tree(value, depth=depth + 1)
        else:
            text = json.dumps(value) if isinstance(value, list) else str(value)
            yield f"{'  ' * depth}{shown(key):<16} {shown(text)}"
