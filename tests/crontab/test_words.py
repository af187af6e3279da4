"""Expressions in words."""

from random import Random

import pytest

from jobrunner.crontab import Crontab
from jobrunner.crontab.words import describe
from tests.crontab.test_model import expressions


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("* * * * *", "Every minute"),
        ("* * * * * *", "Every second"),
        ("*/5 * * * *", "Every 5 minutes"),
        ("2/5 * * * *", "Every 5 minutes from minute 2"),
        ("*/5 * * * * *", "Every 5 seconds"),
        ("30 * * * * *", "At second 30 of every minute"),
        ("*/5 30 2 * * *", "Every 5 seconds during the minute 02:30"),
        ("*/5 */10 * * * *", "Every 5 seconds during every 10th minute"),
        ("*/10 * 9-17 * * *", "Every 10 seconds from 09:00 to 17:59"),
        ("30 2 * * *", "At 02:30 every day"),
        ("15 30 2 * * *", "At 02:30:15 every day"),
        ("0 */6 * * *", "At 00:00, 06:00, 12:00 and 18:00 every day"),
        ("0 */2 * * *", "Every 2 hours"),
        ("0 1/2 * * *", "Every 2 hours from 01:00"),
        ("30 */2 * * *", "At minute 30 of every 2nd hour"),
        ("0 * * * *", "Every hour"),
        ("15 * * * *", "At minute 15 of every hour"),
        ("5,35 * * * *", "Every 30 minutes from minute 5"),
        ("5,36 * * * *", "At minutes 5 and 36 of every hour"),
        ("0 9-17 * * MON-FRI", "Every hour from 09:00 to 17:00, from Monday to Friday"),
        ("*/15 9-17 * * 1,3,5", "Every 15 minutes from 09:00 to 17:59, on Monday, Wednesday and Friday"),
        ("*/15 22-2 * * *", "Every 15 minutes from 22:00 to 02:59"),
        ("* 2 * * *", "Every minute in the hour 02"),
        ("*/7 * * * *", "At minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every hour"),
        ("0 0 1 * *", "At 00:00 on the 1st of the month"),
        ("0 0 1-7,15 * *", "At 00:00 on the 1st to the 7th and the 15th of the month"),
        ("0 0 */2 * *", "At 00:00 on every 2nd day (1st, 3rd … 31st) of the month"),
        ("0 0 1 1 *", "At 00:00 on the 1st of the month, in January"),
        ("0 0 * 6-8 *", "At 00:00 every day, from June to August"),
        ("0 0 * 11-2 *", "At 00:00 every day, from November to February"),
        ("0 0 13 * FRI", "At 00:00 on the 13th of the month and also on every Friday"),
        ("0 0 */2 * 1", "At 00:00 on every 2nd day (1st, 3rd … 31st) of the month if that is a Monday"),
        ("0 0 L * ?", "At 00:00 on the last day of the month"),
        ("0 0 L-3 * *", "At 00:00 on the 4th-last day of the month"),
        ("0 0 LW * *", "At 00:00 on the last day from Monday to Friday of the month"),
        ("0 0 15W * *", "At 00:00 on the day from Monday to Friday nearest to the 15th of the month"),
        ("0 0 * * 2#2", "At 00:00 on the 2nd Tuesday of the month"),
        ("0 0 * * 5L", "At 00:00 on the last Friday of the month"),
        ("0 0 * * 0", "At 00:00 on Sunday"),
        ("0 0 * * SAT,SUN", "At 00:00 on Saturday and Sunday"),
        ("0 0 * * fri-mon", "At 00:00 from Friday to Monday"),
        ("0 0 1-31 * 1", "At 00:00 every day"),
        ("0 0 2,3,11,12,13,21,22,23 * *",
         "At 00:00 on the 2nd, the 3rd, the 11th to the 13th and the 21st to the 23rd of the month"),
    ],
)  # fmt: skip
def test_words(text, words):
    assert describe(Crontab.parse(text).fields) == words


def test_different_times_have_different_words():
    """Nothing is lost on the way: whoever reads the words knows the fire times."""
    seen = {}
    random = Random(11)
    for six in (False, True):
        for _, cron in expressions(random, 1500, six=six, special=True):
            words = describe(cron.fields)
            assert words.isprintable()
            other = seen.setdefault(words, cron)
            assert other.pattern == cron.pattern, f"{other.text!r} and {cron.text!r} are both {words!r}"
