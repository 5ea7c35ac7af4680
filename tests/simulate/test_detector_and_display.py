import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemorph.simulate.detector import DetectorSettings, expose
from spinemorph.simulate.display import DisplaySettings, display

#: A perfect detector: no scatter, no noise to speak of, hardly any blur, an even beam.
IDEAL = {
    "scatter": (0, 0),
    "log_photons": (9, 9),
    "blur": (0.3, 0.3),
    "motion": 0,
    "exposure_spread": (0, 0),
}
#: A viewer that shows the signal from its least to its greatest value and writes nothing on it.
PLAIN = {
    "low_pass_removed": (0, 0),
    "unsharp": (0, 0),
    "lower_percentile": (0, 0),
    "upper_percentile": (100, 100),
    "gamma": (1, 1),
    "sigmoid": 0,
    "clahe": 0,
    "over_bright": 0,
    "faint": 0,
    "collimated": 0,
    "white_frame": 0,
    "markers": 0,
    "burned_text": 0,
}


def wedge():
    """Line integrals 0.5 to 4.5 from left to right, with a step of 0.4 in the middle rows."""
    image = np.tile(np.linspace(0.5, 4.5, 120, dtype=np.float32), (160, 1))
    image[60:100, 40:80] += 0.4
    return image


def exposed_with(seed=1, **changes):
    return expose(wedge(), np.random.default_rng(seed), DetectorSettings(**{**IDEAL, **changes}))


def shown(seed=1, image=None, **changes):
    image = wedge() if image is None else image
    return display(image, np.random.default_rng(seed), DisplaySettings(**{**PLAIN, **changes}))


def test_an_ideal_detector_gives_back_the_line_integral():
    signal = exposed_with()
    assert signal.dtype == np.float32
    away_from_edges = np.s_[5:55, 5:-5]
    assert signal[away_from_edges] == pytest.approx(wedge()[away_from_edges], abs=0.02)


def test_the_detector_is_reproducible():
    assert (exposed_with(3) == exposed_with(3)).all()
    noisy = {"log_photons": (4, 4)}
    assert (exposed_with(3, **noisy) != exposed_with(4, **noisy)).any()


def test_scatter_lowers_contrast():
    def contrast(signal):
        return signal[65:95, 45:75].mean() - signal[20:50, 45:75].mean()

    assert contrast(exposed_with(scatter=(1.2, 1.2))) < 0.8 * contrast(exposed_with())


def test_noise_follows_the_number_of_photons():
    def noise(log_photons):
        signal = exposed_with(log_photons=(log_photons, log_photons))
        return np.std(signal[5:55, 10:110] - wedge()[5:55, 10:110], axis=0)

    few, many = noise(4.0), noise(6.0)
    assert few.mean() == pytest.approx(10 * many.mean(), rel=0.35)
    assert few[-20:].mean() > 2 * few[:20].mean()  # thick parts are noisier


def test_nothing_behind_metal_is_not_finite():
    image = wedge()
    image[50:60] = 300.0
    signal = expose(image, np.random.default_rng(0), DetectorSettings())
    assert np.isfinite(signal).all()


def test_a_plain_viewer_keeps_the_order_of_grey():
    pixels, exposed = shown()
    assert exposed.all()
    assert pixels.min() == 0
    assert pixels.max() == pytest.approx(1)
    order = np.argsort(wedge(), axis=None)
    assert (np.diff(pixels.ravel()[order]) >= 0).all()


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_every_display_is_in_range_and_exposes_something(seed):
    pixels, exposed = display(wedge(), np.random.default_rng(seed), DisplaySettings())
    assert pixels.dtype == np.float32
    assert pixels.shape == exposed.shape == (160, 120)
    assert exposed.dtype == bool
    assert pixels.min() >= 0
    assert pixels.max() <= 1
    assert exposed.mean() > 0.4
    steps = [np.abs(pixels * n - np.round(pixels * n)).max() for n in (255, 4095)]
    assert min(steps) < 2e-3  # a film of 8 or of 12 bits


@pytest.mark.parametrize(("white", "value"), [(0, 0.0), (1, 1.0)])
def test_what_the_shutter_covers_is_not_exposed(white, value):
    pixels, exposed = shown(
        collimated=1, collimation_margin=(0.1, 0.12), white_frame=white, collimation_turn_sd=4.0
    )
    assert 0.5 < exposed.mean() < 0.7
    assert (pixels[~exposed] == value).all()
    assert pixels[exposed].std() > 0.1
    assert not exposed[0].any()


def test_over_bright_is_brighter_and_faint_has_less_contrast():
    plain = shown()[0]
    assert np.median(shown(over_bright=1)[0]) > np.median(plain) + 0.1
    assert shown(faint=1)[0].std() < 0.8 * plain.std()


def test_taking_the_low_pass_away_narrows_the_range_but_keeps_the_step():
    def step_over_range(pixels):
        slope = pixels[20:50, 100:110].mean() - pixels[20:50, 10:20].mean()
        return (pixels[65:95, 55:65].mean() - pixels[20:50, 55:65].mean()) / slope

    processed = shown(low_pass_removed=(0.85, 0.85), low_pass_reach=(0.2, 0.2))[0]
    assert step_over_range(processed) > 1.5 * step_over_range(shown()[0])


def test_unsharp_masking_overshoots_at_edges():
    sharp = exposed_profile(shown(unsharp=(1.4, 1.4), unsharp_reach=(0.012, 0.012))[0])
    plain = exposed_profile(shown()[0])
    assert np.ptp(sharp) > 1.1 * np.ptp(plain)


def exposed_profile(pixels):
    """Across the upper edge of the step, in parts of the whole range of the ramp."""
    ramp = pixels[30, 110] - pixels[30, 10]
    return pixels[50:70, 60] / ramp


def test_markers_and_text_are_written_on_the_film():
    plain = shown()[0]
    assert (shown(markers=1)[0] != plain).mean() > 0.001
    assert (shown(burned_text=1)[0] != plain).mean() > 0.001
