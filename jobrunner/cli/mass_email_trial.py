"""`jobrunner mass-email test`: a mass e-mail to chosen addresses, at once."""

from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from jobrunner.services.massmail.sending.trial import Tested, Wanted


def send_test(
    name: Annotated[str, typer.Argument(help="Name or id of the mass e-mail.", metavar="NAME")],
    to: Annotated[
        list[str] | None, typer.Option(help="Address that gets it; may be repeated.", metavar="ADDRESS")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="Person that it speaks of, such as Contact:17; may be repeated. Each gets it, unless --to is given: "
            "then those addresses get what the first one would.",
            metavar="TYPE:ID",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Send a mass e-mail to chosen addresses at once, whatever its state. Its figures and its queue do not change."""
    from jobrunner.cli.output import print_json

    tested = _send(name, _wanted(to or [], target or []))
    if json:
        print_json(
            [{"address": one.address, "outcome": one.result.outcome.value, "answer": str(one.result)} for one in tested]
        )
    else:
        for one in tested:
            typer.echo(f"{one.address}: {'taken' if one.taken else 'not taken'}: {one.result}")
    raise typer.Exit(0 if all(one.taken for one in tested) else 1)


def _wanted(addresses: list[str], targets: list[str]) -> "list[Wanted]":
    from jobrunner.errors import InvalidInput
    from jobrunner.services.massmail.sending.trial import Wanted

    pairs = [_target(text) for text in targets]
    if not addresses and not pairs:
        raise InvalidInput("name who gets the test: --to ADDRESS or --target TYPE:ID")
    if addresses:
        if len(pairs) > 1:
            raise InvalidInput("with --to give one --target at most: the person that the mails speak of")
        return [Wanted(address, pairs[0] if pairs else None) for address in addresses]
    return [Wanted(target=pair) for pair in pairs]


def _target(text: str) -> tuple[str, str]:
    from typing import get_args

    from jobrunner.errors import InvalidInput, nearest
    from jobrunner.services.massmail.lists.members import TargetType

    kind, _, id = text.partition(":")
    for known in get_args(TargetType):
        if kind.strip().lower() == known.lower() and id.strip():
            return known, id.strip()
    near = nearest(kind[:60], get_args(TargetType))
    raise InvalidInput(f"--target must be of the form TYPE:ID, such as Contact:17, got {text[:100]!r}{near}")


def _send(name: str, wanted: "list[Wanted]") -> "list[Tested]":
    from jobrunner.cli.database import opened
    from jobrunner.cli.output import run
    from jobrunner.cli.session import session

    async def work() -> "list[Tested]":
        from jobrunner.services.massmail.mass_emails.rows import find_mass_email
        from jobrunner.services.massmail.sending.trial import send_tests

        async with session() as here, opened(here, "mass-mail") as line:
            return await send_tests(line, here.configuration, await find_mass_email(line, name), wanted)

    return run(work())
