package org.diffusion4j;

/** {@link NoiseSchedule#trigonometric}. */
record TrigonometricProcess(int steps) implements ContinuousProcess {

  TrigonometricProcess {
    ContinuousProcess.requireSteps(steps);
  }

  @Override
  public double sigmaOfStep(int t) {
    return sigmaOfTime((t + 1.0) / steps);
  }

  @Override
  public double time(double sigma) {
    return Math.atan(sigma) / (Math.PI / 2);
  }

  @Override
  public double sigmaOfTime(double time) {
    return time == 1 ? Double.POSITIVE_INFINITY : Math.tan(time * Math.PI / 2);
  }
}
