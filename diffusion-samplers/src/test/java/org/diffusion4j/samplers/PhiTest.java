package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.math.BigDecimal;
import java.math.MathContext;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.samplers.DpmSolverSampler.Algorithm;
import org.diffusion4j.samplers.DpmSolverSampler.Algorithm.Coefficients;

/** {@link Phi} and what is made of it, against the series in decimals of 100 digits. */
class PhiTest {

  private static final MathContext DIGITS = new MathContext(100);

  /** A fraction of the value. */
  private static final double ROUNDING = 1e-12;

  @Property(tries = 2000)
  void of_anyNumberIsTheSeries(
      @ForAll @IntRange(min = 1, max = 5) int k,
      @ForAll @DoubleRange(min = -6, max = 1.3) double exponent,
      @ForAll boolean negative) {
    double z = (negative ? -1 : 1) * Math.pow(10, exponent);
    assertThat(Phi.of(k, z)).isCloseTo(exact(k, z), withinPercentage(100 * ROUNDING));
  }

  @Example
  void of_endsAndBothSidesOfWhereTheRecursionBeginsAreTheSeries() {
    for (int k = 1; k <= 5; k++) {
      for (double z : new double[] {-20, -2, Math.nextUp(-2.0), 0, Math.nextDown(2.0), 2, 20}) {
        assertThat(Phi.of(k, z)).isCloseTo(exact(k, z), withinPercentage(100 * ROUNDING));
      }
    }
  }

  /** Lambda has rounding of its own, of which the length of a step gets more the shorter it is. */
  @Property(tries = 500)
  void coefficients_ofAnyStepAreTheIntegrals(
      @ForAll Algorithm algorithm, @ForAll @DoubleRange(min = -6, max = 1) double exponent) {
    Level from = Level.ofSigma(3);
    Level to = Level.ofSigma(3 * Math.exp(-Math.pow(10, exponent)));
    double h = to.lambda() - from.lambda();
    double z = algorithm.inX0() ? -h : h;
    double weight = algorithm.inX0() ? to.signal() : to.noise();
    if (algorithm == Algorithm.SDE_DPM_SOLVER_PLUS_PLUS) {
      z *= 2;
    } else if (algorithm == Algorithm.SDE_DPM_SOLVER) {
      weight *= 2;
    }
    Coefficients c = algorithm.coefficients(from, to);
    double[] found = {c.d0(), c.d1(), c.d2()};
    for (int k = 1; k <= 3; k++) {
      assertThat(found[k - 1])
          .isCloseTo(-weight * z * exact(k, z), withinPercentage(100 * ROUNDING));
    }
  }

  /** Polynomials below the order are integrated as they are. */
  @Property(tries = 500)
  void deisCoefficients_ofAnyStepIntegratePolynomials(
      @ForAll @IntRange(min = 1, max = 3) int order,
      @ForAll @DoubleRange(min = -6, max = 0.7) double exponent,
      @ForAll @DoubleRange(min = 0.5, max = 2) double ratio) {
    double length = -Math.pow(10, exponent);
    double[] sigmas = new double[order];
    for (int j = 0; j < order; j++) {
      sigmas[j] = 3 * Math.exp(-ratio * j * length);
    }
    double end = 3 * Math.exp(length);
    double[] coefficients = DeisSampler.coefficients(sigmas, end);
    double factorial = 1;
    for (int n = 0; n < order; n++) {
      double sum = 0;
      for (int j = 0; j < order; j++) {
        sum += coefficients[j] * Math.pow(-ratio * j, n);
      }
      // The places are logarithms of rounded levels, whose error the shortest steps see.
      assertThat(sum)
          .isCloseTo(end * length * factorial * exact(n + 1, -length), withinPercentage(1e-6));
      factorial *= n + 1;
    }
  }

  private static double exact(int k, double z) {
    BigDecimal term = BigDecimal.ONE;
    for (int i = 2; i <= k; i++) {
      term = term.divide(BigDecimal.valueOf(i), DIGITS);
    }
    BigDecimal sum = term;
    for (int j = 1; j < 200; j++) {
      term = term.multiply(new BigDecimal(z)).divide(BigDecimal.valueOf(j + k), DIGITS);
      sum = sum.add(term);
    }
    return sum.doubleValue();
  }
}
