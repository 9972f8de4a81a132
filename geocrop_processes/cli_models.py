"""`geocrop model-training` and `geocrop models`: train one, look at it, trust it, go back."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from geocrop_processes.cli_files import by_hand
from geocrop_processes.cli_text import AsJson, bar, out, print_json, print_places
from geocrop_processes.models.card import ModelCard
from geocrop_processes.models.training import MAX_ROUNDS
from geocrop_processes.pipeline.train import CANDIDATE, TrainingRequest, train_model
from geocrop_processes.publish.card_page import card_page
from geocrop_processes.registry import PRODUCTION, Registry
from geocrop_processes.settings import Settings

models = typer.Typer(
    help="See the registered models, trust one, go back to the one before.",
    invoke_without_command=True,
)

Reference = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model: name, name@version or name@alias.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A model's name, without a version.")]
Alias = Annotated[
    str, typer.Option(help="The alias; maps are made with 'production' where none is asked for.")
]


def model_training(  # noqa: PLR0913 - each is an option of the command line
    table: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            readable=True,
            help="The samples: a Parquet file as `geocrop sample-extraction` writes it.",
        ),
    ],
    *,
    name: Annotated[str, typer.Option(help="What the model is registered under.")],
    description: Annotated[str, typer.Option(help="What it is, in a sentence or two.")] = "",
    use: Annotated[str, typer.Option(help="What it is meant for, for its card.")] = "",
    limits: Annotated[str, typer.Option(help="What it is not to be used for, for its card.")] = "",
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 1,
    as_of: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MM-DD",
            help="A date within the season to train for beside the whole season, once for each; "
            "all that the table has where none is given.",
        ),
    ] = None,
    whole_season_only: Annotated[
        bool, typer.Option("--whole-season-only", help="Train for no date within the season.")
    ] = False,
    folds: Annotated[int, typer.Option(help="Folds of the cross-validations.")] = 5,
    block_m: Annotated[
        float,
        typer.Option(help="The side in metres of a block of the ground that is in one fold only."),
    ] = 10_000.0,
    max_rounds: Annotated[
        int,
        typer.Option(help="Boosting rounds of each member at most; fewer where they do not help."),
    ] = MAX_ROUNDS,
    trials: Annotated[
        int, typer.Option(help="Trials of a search for hyperparameters; 0 takes the usual ones.")
    ] = 0,
    budget_s: Annotated[
        float, typer.Option(help="Seconds that such a search may take at most.")
    ] = 600.0,
    alias: Annotated[
        str, typer.Option(help="The alias that points to the new version.")
    ] = CANDIDATE,
    as_json: AsJson = False,
) -> None:
    """Train, judge and register a model from a table of samples.

    XGBoost, LightGBM and CatBoost learn it, are cross-validated in blocks of the ground, calibrated and weighed.
    The new version gets the alias 'candidate': `geocrop models promote` makes maps use it.
    """
    dates = () if whole_season_only else tuple(as_of) if as_of else None
    settings = Settings.read()
    request = TrainingRequest(
        name=name,
        description=description,
        use=use,
        limits=limits,
        seed=seed,
        as_of=dates,
        folds=folds,
        block_m=block_m,
        max_rounds=max_rounds,
        trials=trials,
        budget_s=budget_s,
        alias=alias,
        threads=settings.map.threads,
    )
    storage = settings.open_storage()
    registry = settings.open_registry(storage)
    with bar(quiet=as_json) as progress:
        trained = train_model(
            *(by_hand(), datetime.now(UTC), table.read_bytes(), request, registry, storage),
            progress=progress,
        )
    if as_json:
        print_json({"model": trained.reference, "report": trained.report, "paths": trained.paths})
        return
    _print_card(trained.card, trained.reference)
    print_places(trained.paths)
    out.print(f"\n[bold]geocrop models promote {escape(trained.reference)}[/] makes maps use it")


@models.callback()
def _default(context: typer.Context, *, as_json: AsJson = False) -> None:
    """See the registered models, trust one, go back to the one before."""
    if context.invoked_subcommand is None:
        list_models(as_json=as_json)


@models.command("list")
def list_models(*, as_json: AsJson = False) -> None:
    """List the registered models, the newest version of each first."""
    entries = _registry().list()
    if as_json:
        print_json(
            [
                {"model": e.reference, "aliases": list(e.aliases), "description": e.description}
                for e in entries
            ]
        )
        return
    if not entries:
        out.print("No model is registered yet: `geocrop demo` makes one.")
        return
    table = Table("model", "aliases", "description", box=None, pad_edge=False)
    for e in entries:
        table.add_row(escape(e.reference), escape(", ".join(e.aliases)), escape(e.description))
    out.print(table)


@models.command()
def show(
    model: Reference,
    *,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", dir_okay=False, help="Write the whole card there, as a page for people."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is known of a model: its card."""
    card, reference = _registry().card(model)
    if html is not None:
        _write(html, card_page(card, reference.rpartition("@")[2]))
    if as_json:
        print_json({"model": reference, **card.to_json()})
    elif html is None:
        _print_card(card, reference)
    else:
        print_places({"page": str(html)})


@models.command()
def promote(model: Reference, *, alias: Alias = PRODUCTION, as_json: AsJson = False) -> None:
    """Point an alias to a version, once all of it has been loaded and its features are those of this code."""
    reference = _registry().promote(model, alias)
    _moved(reference, alias, as_json=as_json)


@models.command("roll-back")
def roll_back(name: Name, *, alias: Alias = PRODUCTION, as_json: AsJson = False) -> None:
    """Point an alias to the version that it pointed to before; each call goes one step further back."""
    reference = _registry().roll_back(name, alias)
    _moved(reference, alias, as_json=as_json)


@models.command()
def history(name: Name, *, as_json: AsJson = False) -> None:
    """Tell where the aliases of a model have pointed, the latest move first."""
    moves = _registry().history(name)
    if as_json:
        print_json(
            [
                {
                    "alias": m.alias,
                    "model": f"{name}@{m.version}",
                    "action": m.action,
                    "at": m.at.isoformat(),
                }
                for m in moves
            ]
        )
        return
    table = Table("at (UTC)", "alias", "model", "how", box=None, pad_edge=False)
    for m in moves:
        at = f"{m.at:%Y-%m-%d %H:%M:%S}"
        table.add_row(at, escape(m.alias), escape(f"{name}@{m.version}"), m.action)
    out.print(table)


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"The page cannot be written: {error}.") from error


def _registry() -> Registry:
    settings = Settings.read()
    return settings.open_registry(settings.open_storage())


def _moved(reference: str, alias: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"model": reference, "alias": alias})
    else:
        out.print(f"{escape(alias)} is {escape(reference)} now", highlight=False)


def _print_card(card: ModelCard, reference: str) -> None:
    """A card in a few lines."""
    out.print(f"[bold]{escape(reference)}[/]: {escape(card.description)}", highlight=False)
    if card.simulated:
        out.print("[yellow]Trained on simulated data: it says nothing about real fields.[/]")
    out.print(
        f"{sum(card.samples.values()):,} samples of {len(card.legend)} classes, features {card.fingerprint}",
        highlight=False,
        soft_wrap=True,
    )
    _print_accuracy(card)
    spatial = card.assessments.get("spatial")
    if spatial:
        table = Table("class", "samples", "user's", "producer's", "F1", box=None, pad_edge=False)
        for c, row in zip(card.legend, spatial["classes"], strict=True):
            shares = [_share(row[key]) for key in ("users", "producers")]
            f1 = "-" if row["f1"] is None else f"{row['f1']:.3f}"
            table.add_row(f"[{c.colour}]■[/] {escape(c.name)}", f"{row['samples']:,}", *shares, f1)
        out.print(table)


def _print_accuracy(card: ModelCard) -> None:
    """By protocol where the card has them, else the bare figures."""
    if not card.assessments:
        for figure, value in card.accuracy.items():
            out.print(f"{escape(figure)}: {value:.3f}")
        return
    table = Table(
        *("cross-validation", "overall accuracy", "macro F1", "calibration error before, after"),
        box=None,
        pad_edge=False,
    )
    for protocol, a in card.assessments.items():
        errors = f"{100 * a['ece_before']:.1f} %, {100 * a['ece_after']:.1f} %"
        table.add_row(escape(protocol), _share(a["overall"]), f"{a['macro_f1']:.3f}", errors)
    out.print(table)


def _share(figure: dict[str, float] | None) -> str:
    """A share with its 95 % confidence interval."""
    if figure is None:
        return "-"
    return (
        f"{100 * figure['value']:.1f} % ({100 * figure['low']:.1f} to {100 * figure['high']:.1f})"
    )
