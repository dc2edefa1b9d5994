"""What the export prints last: files, sizes, speed here, acceptance, the check, what to do next."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from export.android.apk.build import Built, tell


def show(report: dict, out: Path, console: Console, built: Built | None = None) -> None:
    """`built` is the APK, where one was asked for."""
    table = Table(title=f"{report['target']} for {report['device']}, recipe {report['recipe']}", show_header=False)
    names = ["model.litertlm", "model.litertlm.sha256", "report.json", "traces", "android", *["app.apk"] * bool(built)]
    for path in map(out.joinpath, names):
        table.add_row(path.name, _size(path))
    table.add_row("work", f"{_size(out / 'work')}, only to resume from")
    table.add_section()
    for name, row in report["measured"].items():
        table.add_row(name.replace("_", " "), _speed(row))
    check = report["check"]
    table.add_row("against float", f"top-1 agreement {check['top1_agreement']:.3f}, KL {check['mean_kl']:.4f}")
    for name, row in check.get("acceptance", {}).items():
        table.add_row("", f"acceptance on {name} prompts {row['rate']:.2f}, the float pair's {row['float_rate']:.2f}")
    console.print(table)
    if kept := report["android"]["kept"]:
        console.print(f"kept as you changed them: {', '.join(kept)}", soft_wrap=True)
    bundle = out / "model.litertlm"
    console.print(f"in {out}, sha256 {report['sha256']}", soft_wrap=True)
    console.print(f"next: python -m export generate {bundle} --prompt 'def main():'", soft_wrap=True)
    console.print(f"      python -m export bench {bundle}", soft_wrap=True)
    if built:
        tell(built, lambda text: console.print(text, soft_wrap=True))
    else:
        console.print(f"      python -m export apk {out}", soft_wrap=True)
    console.print(f"      open {out / 'android'} in Android Studio, or run gradlew installDebug there", soft_wrap=True)


def _speed(row: dict) -> str:
    text = f"{row['tokens_per_second']:.0f} tokens/s here, one thread"
    if row["acceptance_rate"] is None:
        return text
    return f"{text}, {row['ratio_to_plain']:.2f} times plain, acceptance {row['acceptance_rate']:.2f}"


def _size(path: Path) -> str:
    nbytes = sum(p.stat().st_size for p in [path, *path.rglob("*")] if p.is_file())
    return f"{nbytes / 1e6:.1f} MB" if nbytes >= 100_000 else f"{nbytes / 1e3:.1f} kB"
