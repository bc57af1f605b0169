package org.diffusion4j.samplers;

/** Which timestep the denoiser is asked about at a noise level between two. */
enum SigmaTime {
  /** The place between them. */
  BETWEEN {
    @Override
    double of(double t, double sigma) {
      return t;
    }
  },
  /** The nearer one. */
  NEAREST {
    @Override
    double of(double t, double sigma) {
      return Math.rint(t);
    }
  },
  /** The lower one. */
  LOWER {
    @Override
    double of(double t, double sigma) {
      return Math.floor(t);
    }
  },
  /** None: a quarter of sigma's logarithm, for networks trained as in EDM, table 1. */
  QUARTER_LOG {
    @Override
    double of(double t, double sigma) {
      return 0.25 * Math.log(sigma);
    }
  };

  abstract double of(double t, double sigma);
}
