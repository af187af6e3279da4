"""The command line: one file per command or group of commands.

A module of this package defines `app`, a typer application. The commands of a group are called
`jobrunner GROUP COMMAND`; a module that is no group brings its command to the top. Whatever is slow to import
(web, mail, database, pydantic) is imported inside the commands, so that `jobrunner --help` is quick.

What comes out: results on standard output, everything else on standard error. Exit codes: 0 well, 1 failed,
2 refused (a mistake in the call or the configuration), 130 after Ctrl-C, 143 after SIGTERM. Output that nobody
reads any more (`| head`) ends the command quietly with 1.
"""

import importlib.util
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from jobrunner.cli import options, streams
from jobrunner.cli.plain_help import fit_help
from jobrunner.errors import ConfigurationError, InvalidInput, JobrunnerError, NotFound
from jobrunner.unforeseen import is_debugging, sentence

MODULES: dict[str, str | None] = {
    "daemon": None,
    "cron": None,
    "run_job": None,
    "app_info": None,
    "status": None,
    "jobs": "jobs",
    "logs": None,
    "why": None,
    "scheduled_jobs": "scheduled-jobs",
    "settings": "settings",
    "mass_email": "mass-email",
    "campaign": "campaign",
    "email_template": "email-template",
    "target_list": "target-list",
    "reminder": "reminder",
    "popup": "popup",
    "notifications": "notifications",
    "notification_preferences": "notification-preferences",
    "smtp_account": "smtp-account",
    "email_account": "email-account",
    "inbound_email": "inbound-email",
    "email_filter": "email-filter",
    "email_folder": "email-folder",
    "group_email_folder": "group-email-folder",
    "team": "team",
    "emails": "emails",
    "case": "case",
    "webhook": "webhook",
    "emit": None,
    "article": "article",
    "cleanup": "cleanup",
    "secrets": "secrets",
    "crontab": "crontab",
    "migrate": None,
    "config": "config",
    "version": None,
}
"""Each module of this package with the name of its group; None for a command at the top."""

app = typer.Typer(
    name="jobrunner",
    help="Crontab schedules and a durable job queue on nothing but PostgreSQL.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _global_options(
    context: typer.Context,
    database_url: Annotated[
        str | None,
        typer.Option(
            help="PostgreSQL to use instead of the embedded one. With a password in it, rather set "
            "JOBRUNNER_DATABASE_URL: other users of the machine see options.",
            metavar="URL",
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.", metavar="FILE")] = None,
    import_: Annotated[
        list[str] | None,
        typer.Option(
            "--import",
            help="Module with job definitions; may be repeated, or several with commas between.",
            metavar="MODULE",
        ),
    ] = None,
) -> None:
    options.given.database_url = database_url
    options.given.config_file = config
    options.given.imports = [name.strip() for text in import_ or [] for name in text.split(",")]
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def mount(parent: typer.Typer) -> None:
    """Add the commands of every module to the application."""
    for module_name, group in MODULES.items():
        name = f"{__name__}.{module_name}"
        if importlib.util.find_spec(name) is None:
            continue
        child: typer.Typer = import_module(name).app
        if group is not None:
            parent.add_typer(child, name=group, no_args_is_help=True)
        else:
            parent.registered_commands.extend(child.registered_commands)


mount(app)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    if arguments is None:
        arguments = sys.argv[1:]
    streams.prepare()
    try:
        code, message = _run(options.globals_first(options.as_meant(arguments)))
    except SystemExit as stop:
        code, message = stop.code if isinstance(stop.code, int) else 1, ""
    fault = streams.fault(sys.stdout)
    if fault is not None:
        # Whatever else is wrong may well come of it. `| head` has read enough: nothing to complain of.
        code = 1
        message = "" if isinstance(fault, BrokenPipeError) else f"cannot write to standard output: {fault.strerror}"
        streams.drop(sys.stdout)
    if message:
        complain(message)
    if streams.fault(sys.stderr) is not None:  # remarks and log lines that nobody reads: no failure of the command
        streams.drop(sys.stderr)
    sys.exit(code)


def _run(arguments: list[str]) -> tuple[int, str]:
    """Run the command; return its exit code and what is to be complained of."""
    try:
        command = typer.main.get_command(app)
        code = command(arguments, prog_name="jobrunner", standalone_mode=False, **fit_help(command))
    except (ConfigurationError, InvalidInput, NotFound) as error:
        return 2, str(error)
    except JobrunnerError as error:
        return 1, str(error)
    except KeyboardInterrupt:
        return 130, ""
    except typer.Abort:
        return 1, ""
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):
            return error.exit_code, _usage(error)
        return 1, _unexpected(error)
    return code if isinstance(code, int) else 0, ""


def _usage(error: Exception) -> str:
    """Say what is wrong with the call (the errors of typer have no public class that all its versions share)."""
    message: str = error.format_message()  # type: ignore[attr-defined]
    context: typer.Context | None = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        if message:
            typer.echo(message, err=True)
        return ""
    hint = "" if context is None else f" (`{context.command_path} --help` shows how)"
    return message.rstrip(".") + hint


def _unexpected(error: Exception) -> str:
    if is_debugging():
        import traceback

        return "".join(traceback.format_exception(error))
    return sentence(error)


def complain(message: str) -> None:
    """Print one error; no password of a URL and no control character of a name gets to the terminal."""
    from jobrunner.cli.control_characters import clean

    if "://" in message:
        from jobrunner.config import mask_url

        message = mask_url(message)
    lines = (clean(line) for line in message.rstrip().split("\n"))
    try:
        print("Error: " + "\n".join(lines), file=sys.stderr, flush=True)
    except OSError:
        streams.drop(sys.stderr)
