package org.diffusion4j.benchmarks;

/** Cases and measurements to test with. */
final class Cases {

  private Cases() {}

  static Case standard(Mode mode) {
    return new Case(Net.STANDARD, mode, 16, 2, ComputeType.FLOAT32, 8);
  }

  static Measurement measurement(double medianMs, double peakMb) {
    return new Measurement(medianMs, medianMs, 10, peakMb, 3_939_393);
  }
}
