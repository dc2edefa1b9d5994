"""What the export prints last: files, sizes, speed here, acceptance, the check, what to do next."""

import shlex
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from export.android.apk.build import Built, tell
from export.cli.program import as_called, program
from export.evidence.speed import Speed
from export.outputs import APK, BUNDLE, BUNDLE_SUM, PROJECT, REPORT, TRACES
from export.report import Report


def show(report: Report, out: Path, console: Console, built: Built | None = None) -> None:
    """`built` is the APK, where one was asked for."""

    def say(text: str) -> None:
        # A path may hold what Rich takes for markup, or for an emoji.
        console.print(text, soft_wrap=True, markup=False, emoji=False)

    console.print(_table(report, out, built is not None))
    for loss in report.accepted_loss:
        say(f"accepted outside the recipe's tolerances: {loss}")
    for warning in report.warnings:
        say(f"warning: {warning}")
    if report.android.kept:
        say(f"kept as you changed them: {', '.join(report.android.kept)}")
    bundle = shlex.quote(str(out / BUNDLE))
    if report.android.no_wrapper:
        say(f"Gradle's wrapper is not in the project: {report.android.no_wrapper}.")
        say("      Run `gradle wrapper` in it once, or export again with Maven installed and a network.")
    say(f"in {out}, sha256 {report.sha256}")
    say(f"next: {program()} generate {bundle} --prompt 'def main():'")
    say(f"      {program()} bench {bundle}")
    if built:
        tell(built, lambda text: say(as_called(text)))
    else:
        say(f"      {program()} apk {shlex.quote(str(out))}")
    say(f"      open {shlex.quote(str(out / PROJECT))} in Android Studio, or run gradlew installDebug there")


def show_plan(rows: list[tuple[str, str]], console: Console) -> None:
    """What will be done, before it is."""
    table = Table.grid(padding=(0, 2))
    for cells in rows:
        table.add_row(*map(Text, cells))
    console.print(table)


def _table(report: Report, out: Path, has_apk: bool) -> Table:
    rows = [(name, _size(out / name)) for name in (BUNDLE, BUNDLE_SUM, REPORT, TRACES, PROJECT, *[APK] * has_apk)]
    rows.append(("work", f"{_size(out / 'work')}, only to resume from"))
    checked = report.check
    figures = [(name.replace("_", " "), _speed(row)) for name, row in report.measured.items()]
    figures.append(("against float", f"top-1 agreement {checked.top1_agreement:.3f}, KL {checked.mean_kl:.4f}"))
    for name, row in checked.acceptance.items():
        figures.append(("", f"acceptance on {name} prompts {row.rate:.2f}, the float pair's {row.float_rate:.2f}"))
    # Text is taken as it is: an id may hold what Rich takes for markup.
    title = Text(f"{report.target} for {report.device}, recipe {report.recipe}", "table.title")
    table = Table(title=title, show_header=False)
    for part in (rows, figures):
        for cells in part:
            table.add_row(*map(Text, cells))
        table.add_section()
    return table


def _speed(row: Speed) -> str:
    text = f"{row.tokens_per_second:.0f} tokens/s here, one thread"
    if row.acceptance_rate is None:
        return text
    return f"{text}, {row.ratio_to_plain:.2f} times plain, acceptance {row.acceptance_rate:.2f}"


def _size(path: Path) -> str:
    nbytes = sum(p.stat().st_size for p in [path, *path.rglob("*")] if p.is_file())
    return f"{nbytes / 1e6:.1f} MB" if nbytes >= 100_000 else f"{nbytes / 1e3:.1f} kB"
