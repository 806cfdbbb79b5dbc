"""The generator against the published vectors of Random123, and the draws against their distributions."""

import numpy as np
import pytest
from scipy import stats

from mitoferry.core.random import binomial_from, exponential_from, normal_from, philox, poisson_from, stochastic_round, uniform4

ALPHA = 1e-4  # false-alarm rate of each statistical test; seeds are fixed

# counter, key, result: the three known-answer vectors of philox4x32-10 in Random123 (kat_vectors)
VECTORS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0), (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
]


@pytest.mark.parametrize(("counter", "key", "result"), VECTORS)
def test_philox_gives_the_published_vectors(counter, key, result):
    assert philox(*counter, *key) == result


def draws(n, stream=1):
    return np.array([uniform4(11, 12, 7, i, stream, 3, 0) for i in range(n)])


def test_uniforms_are_uniform_and_independent():
    u = draws(20000)
    assert stats.kstest(u.ravel(), "uniform").pvalue > ALPHA
    correlation = np.corrcoef(u.T)[np.triu_indices(4, 1)]
    assert np.abs(correlation).max() < 5 / np.sqrt(len(u))


def test_streams_steps_and_entities_are_distinct():
    base = uniform4(1, 2, 3, 4, 5, 6, 7)
    for changed in [
        (9, 2, 3, 4, 5, 6, 7),
        (1, 9, 3, 4, 5, 6, 7),
        (1, 2, 9, 4, 5, 6, 7),
        (1, 2, 3, 9, 5, 6, 7),
        (1, 2, 3, 4, 9, 6, 7),
        (1, 2, 3, 4, 5, 9, 7),
        (1, 2, 3, 4, 5, 6, 9),
    ]:
        assert uniform4(*changed) != base


def test_negative_steps_of_the_burn_in_are_distinct():
    assert uniform4(1, 2, 3, 4, 5, -1, 0) != uniform4(1, 2, 3, 4, 5, 1, 0)


def test_normal_and_exponential():
    u = draws(20000, 2).ravel()
    assert stats.kstest([normal_from(x) for x in u[:20000]], "norm").pvalue > ALPHA
    assert stats.kstest([exponential_from(x) for x in u[20000:40000]], "expon").pvalue > ALPHA


@pytest.mark.parametrize(("n", "p"), [(1, 0.3), (20, 0.1), (20, 0.9), (200, 0.05), (7, 0.5)])
def test_binomial(n, p):
    got = np.array([binomial_from(n, p, x) for x in draws(8000, 3).ravel()])
    observed = np.bincount(got, minlength=n + 1)
    expected = stats.binom.pmf(np.arange(n + 1), n, p) * got.size
    keep = expected > 5
    chi2 = ((observed[keep] - expected[keep]) ** 2 / expected[keep]).sum()
    assert stats.chi2.sf(chi2, max(keep.sum() - 1, 1)) > ALPHA
    assert binomial_from(n, 0.0, 0.5) == 0
    assert binomial_from(n, 1.0, 0.5) == n


@pytest.mark.parametrize("mean", [0.01, 0.7, 5.0, 20.0])
def test_poisson(mean):
    got = np.array([poisson_from(mean, x) for x in draws(8000, 4).ravel()])
    assert abs(got.mean() - mean) < 5 * np.sqrt(mean / got.size)
    if mean > 0.5:
        assert abs(got.var() / mean - 1) < 0.15


def test_stochastic_rounding_is_unbiased():
    u = draws(5000, 5).ravel()
    assert np.mean([stochastic_round(2.3, x) for x in u]) == pytest.approx(2.3, abs=5 * np.sqrt(0.21 / u.size))
