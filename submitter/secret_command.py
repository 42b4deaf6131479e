"""The commands `secret set`, `secret delete` and `secret list`. A value is read unseen and never shown."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from submitter.errors import ConfigurationError, SubmitError
from submitter.key_store import SECRET_NAMES, SystemKeyStore
from submitter.options import leave
from submitter.settings import Settings, where_set

_name = click.argument("name", type=click.Choice(SECRET_NAMES, case_sensitive=False))


@click.group(short_help="Keep secrets in the operating system's key store.")
def secret() -> None:
    """Keep secrets in the operating system's key store, for the account that runs this.

    A secret in the environment comes first, then the .env file, then the key store.
    """


@secret.command("set")
@_name
def set_secret(name: str) -> None:
    """Keep a secret: typed unseen, or the first line of what is piped in; never an argument."""
    value = (
        click.prompt(name, hide_input=True, confirmation_prompt=True)
        if sys.stdin.isatty()
        else sys.stdin.readline().rstrip("\r\n")
    )
    try:
        if not value.strip():
            raise ConfigurationError(f"{name} would be empty.", "Type it, or pipe it in.")
        SystemKeyStore().set(name, value)
    except SubmitError as error:
        leave(error)
    click.echo(f"{name} is in the key store.")


@secret.command("delete")
@_name
def delete_secret(name: str) -> None:
    """Remove a secret from the key store."""
    try:
        was_there = SystemKeyStore().delete(name)
    except SubmitError as error:
        leave(error)
    click.echo(f"{name} is no longer in the key store." if was_there else f"{name} was not in the key store.")


@secret.command("list")
@click.option("--env-file", type=click.Path(path_type=Path, dir_okay=False), default=Path(".env"), show_default=True)
def list_secrets(env_file: Path) -> None:
    """Say which secrets are set and where each comes from; never a value."""
    try:
        sources = where_set(Settings, env_file)
    except (OSError, UnicodeDecodeError):
        leave(ConfigurationError(f"{env_file} cannot be read.", "Save it as UTF-8 text."))
    try:
        store = SystemKeyStore()
        kept = {name for name in SECRET_NAMES if store.has(name)}
        lacking = ""
    except SubmitError as error:
        kept, lacking = set(), str(error)
    for name in SECRET_NAMES:
        places = [sources[name.lower()]] if name.lower() in sources else []
        places += ["key store"] if name in kept else []
        also = f" (also in the {places[1]}, which does not count)" if len(places) > 1 else ""
        click.echo(f"{name}: {places[0] + also if places else 'not set'}")
    if lacking:
        click.echo(lacking)
