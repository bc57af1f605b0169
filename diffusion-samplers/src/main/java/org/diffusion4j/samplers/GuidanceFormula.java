package org.diffusion4j.samplers;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Combines two outputs to a guided one: Ho and Salimans 2022, equation 6, and Lin et al. 2024,
 * equations 13 to 16.
 *
 * @param rescale phi of Lin et al., in [0, 1]
 * @param learnsVariance whether the second half of each output is a variance
 */
record GuidanceFormula(double rescale, boolean learnsVariance) {

  /**
   * The guided output.
   *
   * @param c the conditional output, {@code [n, ...]}; not changed
   * @param u the output that guidance leads away from, of the same shape; not changed
   * @param scales one per sample
   * @return a new array of the same shape
   */
  INDArray guided(INDArray c, INDArray u, double[] scales) {
    float[] result = values(c);
    float[] other = values(u);
    int length = result.length / scales.length;
    // In C order a sample's prediction precedes its variance.
    int guided = learnsVariance ? length / 2 : length;
    for (int i = 0; i < scales.length; i++) {
      if (scales[i] != 1) {
        guide(result, other, i * length, i * length + guided, scales[i]);
      }
    }
    return Nd4j.create(result, c.shape(), 'c');
  }

  /** Guides one sample's values in place. */
  private void guide(float[] c, float[] u, int start, int end, double scale) {
    double conditional = deviation(c, start, end);
    for (int k = start; k < end; k++) {
      c[k] = (float) (u[k] + scale * ((double) c[k] - u[k]));
    }
    double guided = deviation(c, start, end);
    if (rescale > 0 && guided > 0) {
      double factor = rescale * (conditional / guided) + (1 - rescale);
      for (int k = start; k < end; k++) {
        c[k] *= (float) factor;
      }
    }
  }

  private static double deviation(float[] values, int start, int end) {
    double mean = 0;
    for (int k = start; k < end; k++) {
      mean += values[k];
    }
    mean /= end - start;
    double squares = 0;
    for (int k = start; k < end; k++) {
      squares += (values[k] - mean) * (values[k] - mean);
    }
    return Math.sqrt(squares / (end - start));
  }

  private static float[] values(INDArray array) {
    try (INDArray copy = array.dup('c')) {
      return copy.data().asFloat();
    }
  }
}
