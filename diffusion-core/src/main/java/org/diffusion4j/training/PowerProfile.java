package org.diffusion4j.training;

/**
 * The weights of an average over training: a power of the time, {@code (gamma + 1) tau^gamma /
 * t^(gamma + 1)} for tau up to t. EDM2 (Karras et al. 2024), section 3.1.
 *
 * @param gamma the power, at least 0
 * @param t the end, in steps
 */
record PowerProfile(double gamma, double t) {

  /** The narrowest relative width. */
  static final double NARROWEST = 0.01;

  /** The widest relative width; that of an even average is 0.289. */
  static final double WIDEST = 0.28;

  private static final int BISECTIONS = 200;

  /**
   * The profile with a relative width: the standard deviation of tau as a part of t.
   *
   * @param width in [0.01, 0.28]
   */
  static PowerProfile ofWidth(double width, double t) {
    if (!(width >= NARROWEST && width <= WIDEST)) {
      throw new IllegalArgumentException(
          "width of an average must be in [" + NARROWEST + ", " + WIDEST + "] but was " + width);
    }
    double low = 0;
    double high = 1 / NARROWEST;
    for (int i = 0; i < BISECTIONS; i++) {
      double middle = (low + high) / 2;
      if (width(middle) > width) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return new PowerProfile(low, t);
  }

  /** The relative width of a power. */
  private static double width(double gamma) {
    return Math.sqrt((gamma + 1) / (gamma + 3)) / (gamma + 2);
  }

  /** The weight of the old average in a step that ends at t. */
  double keep() {
    return Math.pow(1 - 1 / t, gamma + 1);
  }

  /** The same profile at another end. */
  PowerProfile at(double end) {
    return new PowerProfile(gamma, end);
  }

  /** The integral of the product with another profile. */
  double product(PowerProfile other) {
    PowerProfile first = t <= other.t ? this : other;
    PowerProfile last = t <= other.t ? other : this;
    return (first.gamma + 1)
        * (last.gamma + 1)
        * Math.pow(first.t / last.t, last.gamma)
        / ((first.gamma + last.gamma + 1) * last.t);
  }

  /**
   * The factors with which averages of some profiles add up to one of this profile as well as they
   * can: section 3.2.
   */
  double[] from(PowerProfile... known) {
    int n = known.length;
    double[][] products = new double[n][n + 1];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        products[i][j] = known[i].product(known[j]);
      }
      products[i][n] = known[i].product(this);
    }
    return solved(products);
  }

  /** Gauss's elimination with pivots, of rows that end with the right-hand side. */
  private static double[] solved(double[][] rows) {
    int n = rows.length;
    for (int k = 0; k < n; k++) {
      int pivot = k;
      for (int i = k + 1; i < n; i++) {
        pivot = Math.abs(rows[i][k]) > Math.abs(rows[pivot][k]) ? i : pivot;
      }
      double[] row = rows[pivot];
      rows[pivot] = rows[k];
      rows[k] = row;
      for (int i = k + 1; i < n; i++) {
        double factor = rows[i][k] / row[k];
        for (int j = k; j <= n; j++) {
          rows[i][j] -= factor * row[j];
        }
      }
    }
    double[] solution = new double[n];
    for (int k = n - 1; k >= 0; k--) {
      double sum = rows[k][n];
      for (int j = k + 1; j < n; j++) {
        sum -= rows[k][j] * solution[j];
      }
      solution[k] = sum / rows[k][k];
    }
    return solution;
  }
}
