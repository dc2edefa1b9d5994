"""Devices and texts that the automatic draft length is judged on.

Times at E2B's shape were measured (decode, verify by width; milliseconds, two shared cores): INT4_BLOCKS and INT4_ROWS
on AVX2, VNNI from int8's ratio of 1.23 for a verify of 5. SLOW is a phone on which drafting is three times slower, FAST
one where four drafts pay, DEMO the demo pair. Planning a graph anew takes 30 ms at E2B's shape, 1 ms for the demo.
"""

from dataclasses import dataclass

from runtime_spec.vectors.device import Device, Text

MS = 1_000_000


def device(passes: dict[int, int], draft: int = 8, **more: int) -> Device:
    return Device(tuple((width, ms * MS) for width, ms in passes.items()), draft * MS, draft * MS, 30 * MS, **more)


INT4_BLOCKS = {1: 145, 3: 262, 5: 581, 7: 959}
INT4_ROWS = {1: 83, 3: 189, 5: 451, 7: 370}
VNNI = {1: 83, 3: 93, 5: 102}
SLOW = {1: 115, 3: 330, 5: 420}
FAST = {1: 145, 3: 160, 5: 175}
FOUR_WIDTHS = Device(((1, 430_000), (3, 600_000), (5, 660_000), (7, 720_000)), 95_000, 75_000, MS, noise=100)
DEMO = Device(((1, 500_000), (3, 750_000), (5, 1_000_000)), 75_000, 45_000, MS, noise=100)


ONE_TRIAL = "one drafted round is 3 to 4 plain ones, for planning takes two: a trial alone is 2 % of 200 tokens"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What plays, and the thresholds that hold: of plain decoding over the first 50 tokens and over any 200, of the
    best fixed length in the long run (None: it is no measure where the text changes for good). `why` says what stands
    against the usual 0.95, 0.98 and 0.97 where a threshold is another."""

    name: str
    device: Device
    text: Text
    first: float = 0.95
    window: float = 0.98
    long: float | None = 0.97
    has_drafter: bool = True
    why: str = ""


def steady(rate: int) -> Text:
    return Text(((0, rate),))


SCENARIOS = (
    Scenario("blocks, acceptance 0.2", device(INT4_BLOCKS), steady(200)),
    Scenario("blocks, 0.6: break-even", device(INT4_BLOCKS), steady(600)),
    Scenario("blocks, 0.9", device(INT4_BLOCKS), steady(900)),
    Scenario("rows, 0.7", device(INT4_ROWS, noise=100), steady(700)),
    Scenario("rows, 0.9", device(INT4_ROWS), steady(900)),
    Scenario("vnni, 0.2", device(VNNI), steady(200)),
    Scenario("vnni, 0.5", device(VNNI, 7), steady(500)),
    Scenario("vnni, 0.8", device(VNNI, 9), steady(800)),
    Scenario("slow phone, 0.4", device(SLOW, 30), steady(400)),
    Scenario("slow phone, 0.9", device(SLOW, 30), steady(900)),
    Scenario("fast phone, 0.6", device(FAST, noise=100), steady(600)),
    Scenario("demo, 0.2", DEMO, steady(200), window=0.97, why=ONE_TRIAL),
    Scenario("demo, 0.7", DEMO, steady(700)),
    Scenario("demo of four widths, 0.2", FOUR_WIDTHS, steady(200), window=0.97, why=ONE_TRIAL),
    Scenario("demo of four widths, 0.8", FOUR_WIDTHS, steady(800)),
    Scenario("demo of four widths, 0.9", FOUR_WIDTHS, steady(900)),
    Scenario("vnni, pays from 600 to 1400", device(VNNI), Text(((0, 100), (600, 800), (1400, 100))), long=None),
    Scenario(
        "blocks, pays from 600 to 1400",
        device(INT4_BLOCKS),
        Text(((0, 100), (600, 950), (1400, 100))),
        window=0.97,
        long=None,
        why="four or five wrong rounds show that a text has changed, each nearly a plain one: 2 % of 200 tokens",
    ),
    Scenario(
        "vnni, bursts of 40",
        device(VNNI),
        Text(((0, 800),), bursts=40, burst_rate=100),
        long=0.96,
        why="a burst is over before the next 40 tokens can be known to be bad; leaving costs more than staying would",
    ),
    Scenario("vnni, bursts of 12", device(VNNI), Text(((0, 900),), bursts=12, burst_rate=300)),
    Scenario(
        "demo of four widths, bursts of 12",
        FOUR_WIDTHS,
        Text(((0, 950),), bursts=12, burst_rate=400),
        long=0.95,
        why="as with bursts of 40; and trying another width costs two decodes more",
    ),
    Scenario("blocks, bursts of 40", device(INT4_BLOCKS), Text(((0, 950),), bursts=40, burst_rate=100)),
    Scenario("vnni, heat", device(VNNI, heat=1000, heat_from=300), steady(700)),
    Scenario("blocks, heat", device(INT4_BLOCKS, heat=1000, heat_from=300), steady(700)),
    Scenario("slow phone, heat", device(SLOW, 30, heat=1000, heat_from=100), steady(400)),
    Scenario("blocks, 0.3 s at times", device(INT4_BLOCKS, outlier_every=40, outlier_nanos=300 * MS), steady(700)),
    Scenario("vnni, 1 s at times", device(VNNI, outlier_every=40, outlier_nanos=1000 * MS), steady(700)),
    Scenario("rows, 1 s at times", device(INT4_ROWS, outlier_every=40, outlier_nanos=1000 * MS), steady(300)),
    Scenario("blocks, matches", device(INT4_BLOCKS), Text(((0, 300),), matches=400)),
    Scenario("vnni, matches", device(VNNI), Text(((0, 500),), matches=400)),
    Scenario("vnni, matches alone", device(VNNI), Text(((0, 0),), matches=400), has_drafter=False),
    Scenario(
        "blocks, bad matches alone",
        device(INT4_BLOCKS),
        Text(((0, 0),), matches=600, match_rates=(50, 50, 50, 50)),
        has_drafter=False,
    ),
    Scenario("vnni, confident drafter", device(VNNI), Text(((0, 500),), spread=500)),
)
