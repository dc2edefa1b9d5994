"""LiteRT's library: what is said of a status."""

import re

from runtime_spec.litert.library import STATUSES, status_text
from tests.android.jvm import ANDROID_APP

KOTLIN = ANDROID_APP / "litert/src/main/kotlin/dev/slipstream/litert/LibraryErrors.kt"


def test_a_status_is_told_as_number_and_word():
    assert status_text(2) == "status 2, memory allocation failure"
    assert status_text(4711) == "status 4711"


def test_the_kotlin_runtime_names_them_alike():
    found = re.findall(r'^ +(\d+) to "(.*)",$', KOTLIN.read_text(), flags=re.M)
    assert {int(number): name for number, name in found} == STATUSES
