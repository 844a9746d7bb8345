from translate.metrics.estimate import Estimate


def test_a_figure_is_written_with_its_error_bar_and_its_counts():
    assert str(Estimate(0.0123456, 0.00081, (500, 1000))) == "0.01235 ± 0.00081 of 500 and 1,000"
    assert str(Estimate(9.87654, 0.5, (50_000,))) == "9.877 ± 0.5 of 50,000"


def test_its_figures_can_be_taken_apart():
    value, error, counts = Estimate(1.0, 0.1, (4,))
    assert (value, error, counts) == (1.0, 0.1, (4,))
