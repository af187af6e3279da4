"""Reading the configuration, and saying what is wrong with it."""

import logging
import os
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from jobrunner.config.catalogue import PREFIX, Setting, unknown
from jobrunner.config.masking import mask_one_url, mask_url
from jobrunner.config.model import Configuration, settings
from jobrunner.config.sources import find_file, unknown_names
from jobrunner.errors import ConfigurationError

logger = logging.getLogger(__name__)


def load(**options: Any) -> Configuration:
    """Return the configuration; `options` (by Python name, None for not given) go before all other sources.

    Raises ConfigurationError with one sentence. What only looks like a setting is logged as a warning.
    """
    given = {name: value for name, value in options.items() if value is not None}
    try:
        configuration = Configuration(**given)
    except ValidationError as error:
        raise ConfigurationError(_sentence(error, given)) from None  # the cause would show what was given
    for warning in unknown_names(settings(), os.environ):
        logger.warning(warning)
    return configuration


def _sentence(error: ValidationError, options: Mapping[str, Any]) -> str:
    first = error.errors(include_url=False)[0]
    cause = first.get("ctx", {}).get("error")  # what one of our validators said
    path = tuple(part for part in first["loc"] if isinstance(part, str))
    setting = next((setting for setting in settings() if setting.path == path[: len(setting.path)]), None)
    if setting is None and cause is not None:  # about several settings, which it names
        return PREFIX + str(cause).format(prefix=PREFIX)
    if setting is None:
        name = ".".join(path)
        return unknown(repr(name), name, (".".join(setting.path) for setting in settings()))
    place = _place_in_file(setting, options)
    wanted = str(cause) if cause is not None else f"must be {setting.allowed}"
    got = "" if setting.secret else f", got {_shown(first['input'])}"
    return f"{setting.name}{place} {wanted}{got}"


def _place_in_file(setting: Setting, options: Mapping[str, Any]) -> str:
    environment = {name.upper(): value for name, value in os.environ.items() if value}
    if setting.path[0] in options or setting.name in environment:
        return ""
    file = find_file(options.get("config_file") or environment.get(PREFIX + "CONFIG"))
    return f" ({setting.key} in {file})"


def _shown(value: Any) -> str:
    if isinstance(value, str) and "://" in value:
        value = mask_one_url(value)
    return mask_url(repr(value))[:200]
