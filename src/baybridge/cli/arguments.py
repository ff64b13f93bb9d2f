"""What commands share in reading their arguments: a moment, and every wrong argument told at once.

Main job: `MOMENT`, the type of `--at` and `--since`, and `Thorough`, the class of our commands. Wrong usage ends with exit code 2.
"""

from __future__ import annotations

import click

from baybridge.base.time import CHINA, parse_instant_or_day


class Thorough(click.Command):
    """A command that says everything that is wrong with its arguments, not only the first."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments, read; raises `click.UsageError` with every wrong and every missing one."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter:
            problems = self._problems(ctx, given)
            if len(problems) < 2:
                raise
        raise click.UsageError("\n       ".join(problems), ctx)

    def _problems(self, ctx: click.Context, args: list[str]) -> list[str]:
        options, _, _ = self.make_parser(ctx).parse_args(args)
        found = []
        for parameter in self.get_params(ctx):
            try:
                parameter.handle_parse_result(ctx, options, [])
            except click.BadParameter as problem:
                found.append(problem.format_message())
        return found


class _Moment(click.ParamType[str, str]):
    """An aware time, or a date; kept as text, because a node reads a date in its own zone."""

    name = "TIME|DATE"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text, when it is a moment."""
        try:
            parse_instant_or_day(value).astimezone(CHINA)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        except OverflowError:
            self.fail(f"expected a time within the years 1 to 9999, found {value!r}", param, ctx)
        return value


MOMENT = _Moment()


class LanguageCode(click.ParamType[str, str]):
    """A language that texts are kept in, such as en or zh-Hant."""

    name = "language"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The code as it was given; a usage error that names the known ones where there is no such language."""
        from baybridge.documents.loader import Documents
        from baybridge.language.languages import languages_of

        known = languages_of(Documents().folder)
        if value not in known:
            self.fail(f"expected one of {', '.join(known)}, found {value!r}", param, ctx)
        return value
