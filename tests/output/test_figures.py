"""What figures are made of."""

import numpy as np

from hw4.output.figures import panel_grid, side_by_side


def test_images_of_different_heights_stand_on_white() -> None:
    low, high = np.zeros((2, 3, 3), np.uint8), np.full((5, 4, 3), 7, np.uint8)
    joined = side_by_side([low, high], gap=2)
    assert joined.shape == (5, 9, 3) and joined.dtype == np.uint8
    assert (joined[:2, :3] == 0).all() and (joined[:, 5:] == 7).all()
    assert (joined[2:, :3] == 255).all() and (joined[:, 3:5] == 255).all()
    assert np.array_equal(side_by_side([high]), high)


def test_a_grid_has_as_many_panels_as_asked() -> None:
    figure, panels = panel_grid(5, 3, width=2.0, aspect=0.5, above=0.25)
    assert len(panels) == 5 and len(figure.axes) == 6
    assert figure.get_size_inches().tolist() == [6.0, 2 * (2.0 * 0.5 + 0.25)]
    assert not any(axes.axison for axes in figure.axes)
