"""``unwalled config check``."""

from __future__ import annotations

from pathlib import Path

from unwalled.broker.countryfile import open_countries
from unwalled.broker.redis.url import find_url
from unwalled.cli.output import complain, say, warn
from unwalled.clock import SystemClock
from unwalled.errors import ConfigurationError
from unwalled.operator.certificate import load_certificate
from unwalled.operator.configuration import ConfigurationErrors, build, read_config
from unwalled.operator.options import OperatorOptions
from unwalled.operator.policykeeper import load_operator_policy

_WRONG = 2


def check(path: Path) -> int:
    """Says what is wrong with a file of options and with the files that it names; the exit code."""
    file = read_config(path)
    errors, warnings = list(file.errors), []
    try:
        options = build(file.given)
    except ConfigurationErrors as wrong:
        errors += wrong.all
    else:
        warnings = options.reached_at.warnings()
        errors += _look_into_files(options, warnings)
    for error in errors:
        complain(error.cause, error.remedy)
    for sentence in warnings:
        warn(sentence)
    if not errors:
        say(f"{path} is good.")
    return _WRONG if errors else 0


def _look_into_files(options: OperatorOptions, warnings: list[str]) -> list[ConfigurationError]:
    errors: list[ConfigurationError] = []
    try:
        warnings += load_operator_policy(options).warnings()
    except ConfigurationError as error:
        errors.append(error)
    try:
        if options.countries is not None:
            open_countries(options.countries)
    except ConfigurationError as error:
        errors.append(error)
    try:
        if options.certificate is not None:
            warnings += load_certificate(options.certificate, options.reached_at, SystemClock().wall()).warnings
    except ConfigurationError as error:
        errors.append(error)
    try:
        if options.redis_file is not None:
            find_url(options.redis_file, {})
    except ConfigurationError as error:
        errors.append(error)
    if options.data.exists() and not options.data.is_dir():
        errors.append(ConfigurationError(f"The data folder {options.data} is a file.", "Give another folder as data."))
    return errors
