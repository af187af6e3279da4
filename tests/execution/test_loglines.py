import pytest

from jobrunner.execution.loglines import LineCap, LogLine, after_return


def lines(*numbers: int) -> list[LogLine]:
    return [LogLine(float(number), 20, "x", str(number)) for number in numbers]


def test_all_pass_at_once_while_there_is_room():
    cap = LineCap(oldest=3, newest=2)
    assert cap.add(lines(1, 2)) == lines(1, 2)
    assert cap.add(lines(3)) == lines(3)
    assert cap.finish() == []


def test_later_ones_are_held_back_and_none_is_missing():
    cap = LineCap(oldest=1, newest=2)
    assert cap.add(lines(1, 2, 3)) == lines(1)
    assert cap.finish() == lines(2, 3)
    assert cap.finish() == []


def test_the_newest_are_kept_and_the_middle_is_counted():
    cap = LineCap(oldest=1, newest=2)
    assert cap.add(lines(*range(1, 1001))) == lines(1)
    assert cap.add(lines(1001), left_out=500) == []
    note, *rest = cap.finish()
    assert (note.level, note.logger, note.message) == (30, "jobrunner", "… 1,498 lines left out here …")
    assert rest == lines(1000, 1001)


def test_lines_that_were_left_out_elsewhere_are_counted_though_none_is_held():
    cap = LineCap()
    assert cap.add([], left_out=7) == []
    assert [line.message for line in cap.finish()] == ["… 7 lines left out here …"]


@pytest.mark.parametrize(
    ("line", "shown"),
    [("plain", "plain"), ("10 %\r20 %", "20 %"), ("10 %\r20 %\r", "20 %"), ("dos\r", "dos"), ("\r", "")],
)
def test_of_a_progress_bar_its_last_state_is_kept(line, shown):
    assert after_return(line) == shown
