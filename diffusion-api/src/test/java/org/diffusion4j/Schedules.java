package org.diffusion4j;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;

/** Arbitrary schedules. */
final class Schedules {

  private Schedules() {}

  /** Schedules of every factory, of 1 to 2000 steps. */
  static Arbitrary<NoiseSchedule> any() {
    return Arbitraries.oneOf(
        Arbitraries.integers().between(21, 2000).map(NoiseSchedule::linear),
        between(NoiseSchedule::linear),
        between(NoiseSchedule::scaledLinear),
        between(NoiseSchedule::sigmoid),
        Arbitraries.integers().between(1, 2000).map(NoiseSchedule::sigmoid),
        Arbitraries.integers().between(1, 2000).map(NoiseSchedule::cosine),
        betas().array(double[].class).ofMinSize(1).ofMaxSize(90).map(NoiseSchedule::ofBetas),
        betas().array(double[].class).ofMinSize(1).ofMaxSize(90).map(Schedules::ofAlphaBars));
  }

  /** Schedules of every factory that end without signal, of 2 to 2000 steps. */
  static Arbitrary<NoiseSchedule> withZeroTerminalSnr() {
    return any().filter(s -> s.steps() > 1).map(NoiseSchedule::withZeroTerminalSnr);
  }

  private static Arbitrary<NoiseSchedule> between(Factory factory) {
    Arbitrary<Double> ends = Arbitraries.doubles().between(1e-5, 0.2).ofScale(6);
    return Combinators.combine(Arbitraries.integers().between(1, 2000), ends, ends)
        .as(factory::create);
  }

  private static Arbitrary<Double> betas() {
    return Arbitraries.doubles().between(1e-6, 0.999).ofScale(6);
  }

  private static NoiseSchedule ofAlphaBars(double[] betas) {
    double[] alphaBars = new double[betas.length];
    double product = 1;
    for (int t = 0; t < betas.length; t++) {
      product *= 1 - betas[t];
      alphaBars[t] = product;
    }
    return NoiseSchedule.ofAlphaBars(alphaBars);
  }

  @FunctionalInterface
  private interface Factory {
    NoiseSchedule create(int steps, double first, double last);
  }
}
