package org.diffusion4j.samplers;

/** Which timestep the denoiser gets at a noise level between two timesteps. */
enum SigmaTime {
  /** The interpolated timestep. */
  BETWEEN {
    @Override
    double of(double t, double sigma) {
      return t;
    }
  },
  /** The nearer timestep. */
  NEAREST {
    @Override
    double of(double t, double sigma) {
      return Math.rint(t);
    }
  },
  /** The lower timestep. */
  LOWER {
    @Override
    double of(double t, double sigma) {
      return Math.floor(t);
    }
  },
  /**
   * A quarter of sigma's logarithm instead of a timestep, for networks trained as in EDM, table 1.
   */
  QUARTER_LOG {
    @Override
    double of(double t, double sigma) {
      return 0.25 * Math.log(sigma);
    }
  };

  abstract double of(double t, double sigma);
}
