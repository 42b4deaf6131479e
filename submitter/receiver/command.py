"""`csc-submit receiver`: the stand-in on its own, for training and for trying settings."""

from __future__ import annotations

import click

from submitter.receiver.app import ReceiverConfig, create_app
from submitter.receiver.serve import address, listening, run_forever
from submitter.receiver.store import ChildStore, Mode

_DEFAULTS = ReceiverConfig()


@click.command(short_help="Run a stand-in for the receiving API on this machine.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: any free one.")
@click.option("--la-code", default=_DEFAULTS.la_code, show_default=True)
@click.option("--client-id", default=_DEFAULTS.client_id, show_default=True)
@click.option("--client-secret", default=_DEFAULTS.client_secret, show_default=True)
@click.option("--scope", default=_DEFAULTS.scope, show_default=True)
@click.option("--supplier-key", default=_DEFAULTS.supplier_key, show_default=True)
@click.option("--token-seconds", default=_DEFAULTS.token_seconds, show_default=True, help="How long a token lasts.")
@click.option("--max-body-bytes", default=_DEFAULTS.max_body_bytes, show_default=True)
@click.option(
    "--mode",
    type=click.Choice(["merge", "replace"]),
    default="merge",
    show_default=True,
    help="What happens to attributes that a record does not send.",
)
def receiver(host: str, port: int, mode: Mode, **config: str | float) -> None:
    """Run a stand-in for the receiving API; send it invented children only. Ctrl-C ends it.

    Look at what it holds under /children and /children/{la_child_id}.
    """
    settings = ReceiverConfig(**config)  # type: ignore[arg-type]
    try:
        listener = listening(host, port)
    except OSError as error:
        raise click.UsageError(f"cannot listen: {error.strerror}. Give another --port or --host.") from error
    with listener:
        _tell(settings, address(listener))
        run_forever(create_app(settings, ChildStore(mode)), listener)


def _tell(settings: ReceiverConfig, base: str) -> None:
    click.echo("Settings for csc-submit (environment or .env):")
    for name, value in (
        ("API_ENDPOINT", base),
        ("TOKEN_ENDPOINT", f"{base}/token"),
        ("LA_CODE", settings.la_code),
        ("CLIENT_ID", settings.client_id),
        ("CLIENT_SECRET", settings.client_secret),
        ("SCOPE", settings.scope),
        ("SUPPLIER_KEY", settings.supplier_key),
    ):
        click.echo(f"  {name}={value}")
    click.echo(f"It holds its children in memory; see {base}/children")
