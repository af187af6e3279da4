"""`jobrunner secrets`: the key that seals passwords in the database, and its succession."""

from typing import Annotated, Any

import typer

from jobrunner.cli.options import AsJson

app = typer.Typer(help="Look after the keys that seal passwords in the database.")


@app.command("new-key")
def new_key() -> None:
    """Print a new key, for JOBRUNNER_SECRET_KEY or a key file. It is kept nowhere."""
    from jobrunner.db.secrets import Key

    typer.echo(Key.new().text)


@app.command()
def status(json: AsJson = False) -> None:
    """Show how many values are sealed with which key; it ends with 1 where one of these keys is not at hand."""
    from dataclasses import asdict

    from jobrunner.cli.database import connected
    from jobrunner.cli.output import note, run, table
    from jobrunner.cli.session import load_configuration
    from jobrunner.db.secrets import Keyring
    from jobrunner.db.secrets.rotation import key_uses

    async def read() -> list[Any]:
        async with connected("secrets") as connection:
            return await key_uses(connection, Keyring.from_configuration(load_configuration()))

    uses = run(read())
    table([asdict(use) for use in uses], ["key", "role", "values"], json=json)
    if not json and any(use.role == "former" and use.values for use in uses):
        note("`jobrunner secrets rotate` seals the values of former keys with the current one")
    if any(use.role == "not at hand" for use in uses):
        note("Warning: values of keys that are not at hand cannot be read: add the key to JOBRUNNER_SECRET_KEYS_FORMER")
        raise typer.Exit(1)


@app.command()
def rotate(json: AsJson = False) -> None:
    """Seal every value with the current key; with the embedded server a new key is made first.

    It may be interrupted at any moment and run again; daemons go on meanwhile, with both keys.
    """
    from dataclasses import asdict

    from jobrunner.cli.database import connected
    from jobrunner.cli.output import note, print_json, run
    from jobrunner.cli.session import load_configuration
    from jobrunner.db.secrets import Keyring, check_key_file
    from jobrunner.db.secrets.rotation import Rotation
    from jobrunner.db.secrets.rotation import rotate as rotate_keys

    async def work() -> Rotation:
        async with connected("secrets") as connection:
            keyring = Keyring.from_configuration(load_configuration())
            await check_key_file(connection, keyring)
            return await rotate_keys(connection, keyring)

    done = run(work())
    if json:
        print_json(asdict(done))
    else:
        typer.echo(f"{done.resealed} values sealed anew; the key is {done.current}{' (new)' if done.made else ''}")
    for sentence in done.unreadable:
        note(f"Warning: {sentence}")
    if done.unreadable:
        raise typer.Exit(1)


@app.command("new-signing-key")
def new_signing_key(
    purpose: Annotated[
        str, typer.Argument(help="What it signs: links (in mails), message-ids or popups.", metavar="PURPOSE")
    ],
) -> None:
    """Add a key that signs from now on. What the former ones signed stays valid, if they can still be opened."""
    from jobrunner.cli.database import connected
    from jobrunner.cli.output import run
    from jobrunner.cli.session import load_configuration
    from jobrunner.db.secrets import Keyring, check_key_file, renew_signing_key
    from jobrunner.errors import InvalidInput, nearest
    from jobrunner.queue.popup_token import PURPOSE as POPUPS
    from jobrunner.services.mail.importing.storing.record_ids import PURPOSE as MESSAGE_IDS
    from jobrunner.services.massmail.tokens import PURPOSE as LINKS

    purposes = (LINKS, MESSAGE_IDS, POPUPS)
    if purpose not in purposes:
        raise InvalidInput(f"nothing is signed for {purpose[:60]!r}{nearest(purpose[:60], purposes)}")

    async def work() -> int:
        async with connected("secrets") as connection:
            keyring = Keyring.from_configuration(load_configuration())
            await check_key_file(connection, keyring)
            return await renew_signing_key(connection, keyring, purpose)

    typer.echo(f"signing key {run(work())} of {purpose}")
