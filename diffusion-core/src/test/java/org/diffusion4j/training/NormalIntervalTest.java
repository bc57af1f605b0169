package org.diffusion4j.training;

import static java.lang.Double.NEGATIVE_INFINITY;
import static java.lang.Double.POSITIVE_INFINITY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;

/** Against the complementary error function in forty digits, by mpmath. */
class NormalIntervalTest {

  private static final double[][] KNOWN = {
    // a, b, log probability, its derivative by the logarithm of a factor of both
    {0.5, 0.6, -3.37306422694279591, 0.697170833648396058},
    {-0.3, 0.2, -1.62368323886832, 0.976942627669331847},
    {-1.5, -1.49, -6.64161607329670545, -1.23499608321389766},
    {2, POSITIVE_INFINITY, -3.78318433368203195, -4.74643106564568173},
    {10, POSITIVE_INFINITY, -53.2312851505124706, -100.98093233962512},
    {40, 40.5, -804.608442015550321, -1600.99875381598005},
    {NEGATIVE_INFINITY, -40, -804.608442013753788, -1600.99875388829055},
    {NEGATIVE_INFINITY, 1, -0.17275377902344989, 0.287599970939178361},
    {1.999, 2.001, -9.13354613162714129, -2.99999766666786667},
    {-0.001, 0.001, -7.13354679829352002, 0.999999666666711111},
    {8, 8.0001, -42.1296788801828519, -63.0007998966653327},
  };

  @Test
  void logProbability_isThatOfTheErrorFunction() {
    for (double[] row : KNOWN) {
      assertThat(NormalInterval.logProbability(row[0], row[1]))
          .as("[%s, %s]", row[0], row[1])
          .isCloseTo(row[2], within(1e-9));
    }
  }

  @Test
  void logScaleSlope_isItsDerivative() {
    for (double[] row : KNOWN) {
      assertThat(NormalInterval.logScaleSlope(row[0], row[1]))
          .as("[%s, %s]", row[0], row[1])
          .isCloseTo(row[3], within(1e-8 * Math.max(1, Math.abs(row[3]))));
    }
  }

  @Property
  void logProbability_ofTwoHalves_isThatOfTheWhole(
      @ForAll @DoubleRange(min = -30, max = 30) double a,
      @ForAll @DoubleRange(min = 0.01, max = 5) double width) {
    double left = NormalInterval.logProbability(a, a + width / 2);
    double right = NormalInterval.logProbability(a + width / 2, a + width);
    double whole = NormalInterval.logProbability(a, a + width);
    double max = Math.max(left, right);
    double sum = max + Math.log(Math.exp(left - max) + Math.exp(right - max));
    assertThat(whole).isCloseTo(sum, within(1e-10));
  }
}
